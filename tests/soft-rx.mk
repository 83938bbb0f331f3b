# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: the receiver, on a bench of its own.
SOFT_RX_TEST_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
SOFT_RX_TEST_LIBS = libiwsoft.la libiwbase.la $(CRITERION_LIBS)
SOFT_RX_ENV = tests/soft_rx_env.c tests/soft_rx_env.h

IW_TESTS += tests/test_soft_rx tests/test_soft_rx_check tests/test_soft_rx_access \
	tests/test_soft_rx_place
tests_test_soft_rx_SOURCES = tests/test_soft_rx.c $(SOFT_RX_ENV)
tests_test_soft_rx_CFLAGS = $(SOFT_RX_TEST_CFLAGS)
tests_test_soft_rx_LDADD = $(SOFT_RX_TEST_LIBS)

tests_test_soft_rx_check_SOURCES = tests/test_soft_rx_check.c $(SOFT_RX_ENV) tests/soft_rx_fault.h
tests_test_soft_rx_check_CFLAGS = $(SOFT_RX_TEST_CFLAGS)
tests_test_soft_rx_check_LDADD = $(SOFT_RX_TEST_LIBS)

tests_test_soft_rx_access_SOURCES = tests/test_soft_rx_access.c $(SOFT_RX_ENV) tests/soft_rx_fault.h
tests_test_soft_rx_access_CFLAGS = $(SOFT_RX_TEST_CFLAGS)
tests_test_soft_rx_access_LDADD = $(SOFT_RX_TEST_LIBS)

tests_test_soft_rx_place_SOURCES = tests/test_soft_rx_place.c $(SOFT_RX_ENV)
tests_test_soft_rx_place_CFLAGS = $(SOFT_RX_TEST_CFLAGS)
tests_test_soft_rx_place_LDADD = $(SOFT_RX_TEST_LIBS)

# Two ends, no stand-ins.
IW_TESTS += tests/test_soft_pair
tests_test_soft_pair_SOURCES = tests/test_soft_pair.c
tests_test_soft_pair_CFLAGS = $(SOFT_RX_TEST_CFLAGS)
tests_test_soft_pair_LDADD = $(SOFT_RX_TEST_LIBS)
