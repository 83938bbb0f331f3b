# The shim over a driver in memory, with verbs and netlink replaced by mocks.
SHIM_TEST_BASE = tests/shim_fake.c tests/shim_fake.h tests/shim_fake_ops.c tests/shim_fake_net.h tests/shim_fake_soft.c tests/shim_fake_service.c \
	tests/shim_util.c tests/shim_util.h \
	tests/mock_verbs.c tests/mock_verbs.h tests/mock_netlink.c tests/mock_netlink.h
SHIM_TEST_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
SHIM_TEST_LIBS = libshimtest.la $(CRITERION_LIBS)

# The mocks call the core and the shim calls the mocks: one library of all.
check_LTLIBRARIES += libshimtest.la
libshimtest_la_SOURCES = $(SHIM_TEST_BASE)
libshimtest_la_CFLAGS = $(SHIM_TEST_CFLAGS)
libshimtest_la_LIBADD = libiwshim.la libiwshim_pure.la libiwcm.la libiwbase.la

IW_TESTS += tests/test_channel tests/test_readers tests/test_id tests/test_event tests/test_resolve \
	tests/test_connect tests/test_qp tests/test_device tests/test_shim_stress \
	tests/test_infiniband tests/test_shim_stall
tests_test_channel_SOURCES = tests/test_channel.c
tests_test_channel_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_channel_LDADD = $(SHIM_TEST_LIBS)
tests_test_readers_SOURCES = tests/test_readers.c
tests_test_readers_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_readers_LDADD = $(SHIM_TEST_LIBS)
tests_test_shim_stall_SOURCES = tests/test_shim_stall.c tests/log_capture.h
tests_test_shim_stall_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_shim_stall_LDADD = $(SHIM_TEST_LIBS)
tests_test_id_SOURCES = tests/test_id.c
tests_test_id_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_id_LDADD = $(SHIM_TEST_LIBS)
tests_test_event_SOURCES = tests/test_event.c
tests_test_event_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_event_LDADD = $(SHIM_TEST_LIBS)
tests_test_resolve_SOURCES = tests/test_resolve.c
tests_test_resolve_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_resolve_LDADD = $(SHIM_TEST_LIBS)
tests_test_connect_SOURCES = tests/test_connect.c
tests_test_connect_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_connect_LDADD = $(SHIM_TEST_LIBS)
tests_test_infiniband_SOURCES = tests/test_infiniband.c
tests_test_infiniband_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_infiniband_LDADD = $(SHIM_TEST_LIBS)
tests_test_qp_SOURCES = tests/test_qp.c
tests_test_qp_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_qp_LDADD = $(SHIM_TEST_LIBS)
tests_test_device_SOURCES = tests/test_device.c
tests_test_device_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_device_LDADD = $(SHIM_TEST_LIBS)
tests_test_shim_stress_SOURCES = tests/test_shim_stress.c
tests_test_shim_stress_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_shim_stress_LDADD = $(SHIM_TEST_LIBS)

# On the real libibverbs, or on nothing.
IW_TESTS += tests/test_provider tests/test_rpoll
tests_test_provider_SOURCES = tests/test_provider.c shim/provider.c
tests_test_provider_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
tests_test_provider_LDADD = libiwbase.la $(CRITERION_LIBS) $(VERBS_LIBS)
tests_test_rpoll_SOURCES = tests/test_rpoll.c
tests_test_rpoll_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_rpoll_LDADD = libiwshim_pure.la libiwbase.la $(CRITERION_LIBS)
