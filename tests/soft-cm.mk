# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: the software device as a driver of the core. Its
# QPs and devices are played by the test.
SOFT_CM_TEST_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
SOFT_CM_TEST_LIBS = libiwsoft.la libiwcm.la libiwbase.la $(CRITERION_LIBS)
SOFT_PEER = tests/soft_peer.c tests/soft_peer.h
SOFT_CM_FAKE = tests/soft_cm_fake.c tests/soft_cm_fake.h $(SOFT_PEER)

IW_TESTS += tests/test_soft_bind tests/test_soft_port tests/test_soft_setup
IW_TESTS += tests/test_soft_listen tests/test_soft_cm
tests_test_soft_bind_SOURCES = tests/test_soft_bind.c $(SOFT_CM_FAKE)
tests_test_soft_bind_CFLAGS = $(SOFT_CM_TEST_CFLAGS)
tests_test_soft_bind_LDADD = $(SOFT_CM_TEST_LIBS)

tests_test_soft_port_SOURCES = tests/test_soft_port.c $(SOFT_CM_FAKE)
tests_test_soft_port_CFLAGS = $(SOFT_CM_TEST_CFLAGS)
tests_test_soft_port_LDADD = $(SOFT_CM_TEST_LIBS)

tests_test_soft_setup_SOURCES = tests/test_soft_setup.c $(SOFT_CM_FAKE)
tests_test_soft_setup_CFLAGS = $(SOFT_CM_TEST_CFLAGS)
tests_test_soft_setup_LDADD = $(SOFT_CM_TEST_LIBS)

tests_test_soft_listen_SOURCES = tests/test_soft_listen.c $(SOFT_CM_FAKE)
tests_test_soft_listen_CFLAGS = $(SOFT_CM_TEST_CFLAGS)
tests_test_soft_listen_LDADD = $(SOFT_CM_TEST_LIBS)

tests_test_soft_cm_SOURCES = tests/test_soft_cm.c $(SOFT_CM_FAKE)
tests_test_soft_cm_CFLAGS = $(SOFT_CM_TEST_CFLAGS)
tests_test_soft_cm_LDADD = $(SOFT_CM_TEST_LIBS)

# The contract that every driver keeps: one source, a world for each driver.
IW_CONTRACT = tests/driver_contract.c tests/driver_contract.h
IW_TESTS += tests/test_contract_soft tests/test_contract_kernel
tests_test_contract_soft_SOURCES = tests/contract_soft.c $(IW_CONTRACT) $(SOFT_PEER)
tests_test_contract_soft_CFLAGS = $(SOFT_CM_TEST_CFLAGS)
tests_test_contract_soft_LDADD = $(SOFT_CM_TEST_LIBS)

tests_test_contract_kernel_SOURCES = tests/contract_kernel.c $(IW_CONTRACT) $(iw_kdev_fake)
tests_test_contract_kernel_CFLAGS = $(iw_driver_test_cflags)
tests_test_contract_kernel_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_contract_kernel_LDADD = $(tests_test_kdev_LDADD)
