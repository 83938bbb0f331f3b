# The shim and its choice between the drivers; endpoints, shared queues, ECE.
# As in tests/shim.mk, which has the flags and libraries.
IW_TESTS += tests/test_choose
tests_test_choose_SOURCES = tests/test_choose.c
tests_test_choose_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_choose_LDADD = $(SHIM_TEST_LIBS)
