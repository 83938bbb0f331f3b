IW_TESTS += tests/test_base
tests_test_base_SOURCES = tests/test_base.c
tests_test_base_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_base_LDADD = libiwbase.la $(CRITERION_LIBS)

IW_TESTS += tests/test_stall
tests_test_stall_SOURCES = tests/test_stall.c tests/log_capture.h
tests_test_stall_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_stall_LDADD = libiwbase.la $(CRITERION_LIBS)
IW_TESTS += tests/test_log
tests_test_log_SOURCES = tests/test_log.c
tests_test_log_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_log_LDADD = libiwbase.la $(CRITERION_LIBS)

include tests/stall.mk
