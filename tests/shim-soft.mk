# The shim and its choice between the drivers; endpoints, shared queues, ECE.
# As in tests/shim.mk, which has the flags and libraries.
IW_TESTS += tests/test_choose
tests_test_choose_SOURCES = tests/test_choose.c
tests_test_choose_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_choose_LDADD = $(SHIM_TEST_LIBS)

IW_TESTS += tests/test_resolve_info tests/test_multicast tests/test_service
tests_test_service_SOURCES = tests/test_service.c
tests_test_service_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_service_LDADD = $(SHIM_TEST_LIBS)
tests_test_multicast_SOURCES = tests/test_multicast.c
tests_test_multicast_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_multicast_LDADD = $(SHIM_TEST_LIBS)
tests_test_resolve_info_SOURCES = tests/test_resolve_info.c
tests_test_resolve_info_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_resolve_info_LDADD = $(SHIM_TEST_LIBS)

IW_TESTS += tests/test_endpoint tests/test_srq tests/test_ece
tests_test_endpoint_SOURCES = tests/test_endpoint.c
tests_test_endpoint_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_endpoint_LDADD = $(SHIM_TEST_LIBS)
tests_test_srq_SOURCES = tests/test_srq.c
tests_test_srq_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_srq_LDADD = $(SHIM_TEST_LIBS)
tests_test_ece_SOURCES = tests/test_ece.c
tests_test_ece_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_ece_LDADD = $(SHIM_TEST_LIBS)
