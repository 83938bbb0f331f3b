# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: regions and windows, devices, verbs' dialects.
SOFT_MEM_TEST_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
SOFT_MEM_TEST_LIBS = libiwsoft.la libiwbase.la $(CRITERION_LIBS)

# The test is the context, and a kernel that knows less.
IW_TESTS += tests/test_soft_mr
tests_test_soft_mr_SOURCES = tests/test_soft_mr.c tests/soft_mr_env.h
tests_test_soft_mr_CFLAGS = $(SOFT_MEM_TEST_CFLAGS)
tests_test_soft_mr_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=madvise -Wl,--wrap=getrandom
tests_test_soft_mr_LDADD = $(SOFT_MEM_TEST_LIBS)

IW_TESTS += tests/test_soft_mr_threads
tests_test_soft_mr_threads_SOURCES = tests/test_soft_mr_threads.c tests/soft_mr_env.h
tests_test_soft_mr_threads_CFLAGS = $(SOFT_MEM_TEST_CFLAGS)
tests_test_soft_mr_threads_LDADD = $(SOFT_MEM_TEST_LIBS)

# The interfaces are the test's.
IW_TESTS += tests/test_soft_dev
tests_test_soft_dev_SOURCES = tests/test_soft_dev.c
tests_test_soft_dev_CFLAGS = $(SOFT_MEM_TEST_CFLAGS)
tests_test_soft_dev_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getifaddrs -Wl,--wrap=freeifaddrs
tests_test_soft_dev_LDADD = $(SOFT_MEM_TEST_LIBS)

# Queues are the test's.
IW_TESTS += tests/test_soft_verbs
tests_test_soft_verbs_SOURCES = tests/test_soft_verbs.c
tests_test_soft_verbs_CFLAGS = $(SOFT_MEM_TEST_CFLAGS)
tests_test_soft_verbs_LDADD = $(SOFT_MEM_TEST_LIBS)
