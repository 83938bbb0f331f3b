# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: the loop, progress sets, completion and receive queues.
SOFT_CQ_TEST_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
SOFT_CQ_TEST_LIBS = libiwsoft.la libiwbase.la $(CRITERION_LIBS)
SOFT_FAKE = tests/soft_fake.c tests/soft_fake.h

IW_TESTS += tests/test_soft_loop
tests_test_soft_loop_SOURCES = tests/test_soft_loop.c
tests_test_soft_loop_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_loop_LDADD = $(SOFT_CQ_TEST_LIBS)

IW_TESTS += tests/test_soft_cq
tests_test_soft_cq_SOURCES = tests/test_soft_cq.c $(SOFT_FAKE)
tests_test_soft_cq_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_cq_LDADD = $(SOFT_CQ_TEST_LIBS)

IW_TESTS += tests/test_soft_channel
tests_test_soft_channel_SOURCES = tests/test_soft_channel.c $(SOFT_FAKE)
tests_test_soft_channel_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_channel_LDADD = $(SOFT_CQ_TEST_LIBS)

IW_TESTS += tests/test_soft_pset
tests_test_soft_pset_SOURCES = tests/test_soft_pset.c $(SOFT_FAKE)
tests_test_soft_pset_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_pset_LDADD = $(SOFT_CQ_TEST_LIBS)

IW_TESTS += tests/test_soft_srq
tests_test_soft_srq_SOURCES = tests/test_soft_srq.c $(SOFT_FAKE)
tests_test_soft_srq_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_srq_LDADD = $(SOFT_CQ_TEST_LIBS)

IW_TESTS += tests/test_soft_rq
tests_test_soft_rq_SOURCES = tests/test_soft_rq.c
tests_test_soft_rq_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_rq_LDADD = $(SOFT_CQ_TEST_LIBS)

IW_TESTS += tests/test_soft_stall
tests_test_soft_stall_SOURCES = tests/test_soft_stall.c tests/log_capture.h $(SOFT_FAKE)
tests_test_soft_stall_CFLAGS = $(SOFT_CQ_TEST_CFLAGS)
tests_test_soft_stall_LDADD = $(SOFT_CQ_TEST_LIBS)
