IW_TESTS += tests/test_kevent tests/test_ucma
iw_driver_test_cflags = $(AM_CFLAGS) $(VERBS_CFLAGS) $(CRITERION_CFLAGS)
iw_driver_test_ldadd = libiwdriver.la libiwbase.la $(CRITERION_LIBS) $(VERBS_LIBS)

tests_test_kevent_SOURCES = tests/test_kevent.c
tests_test_kevent_CFLAGS = $(iw_driver_test_cflags)
tests_test_kevent_LDADD = $(iw_driver_test_ldadd)

# The kernel is played by the test: it takes what is written to the device.
tests_test_ucma_SOURCES = tests/test_ucma.c
tests_test_ucma_CFLAGS = $(iw_driver_test_cflags)
tests_test_ucma_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write
tests_test_ucma_LDADD = $(iw_driver_test_ldadd)

# The core is played by the test.
IW_TESTS += tests/test_kid tests/test_kdev
tests_test_kid_SOURCES = tests/test_kid.c
tests_test_kid_CFLAGS = $(iw_driver_test_cflags)
tests_test_kid_LDADD = $(iw_driver_test_ldadd)

iw_kdev_fake = tests/kdev_fake.c tests/kdev_fake.h
iw_kdev_fake_ldflags = -Wl,--wrap=write -Wl,--wrap=open -Wl,--wrap=close \
	-Wl,--wrap=ibv_modify_qp -Wl,--wrap=ibv_query_device
iw_kdev_ends = tests/kdev_ends.c tests/kdev_ends.h $(iw_kdev_fake)
tests_test_kdev_SOURCES = tests/test_kdev.c $(iw_kdev_ends)
tests_test_kdev_CFLAGS = $(iw_driver_test_cflags)
tests_test_kdev_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_kdev_LDADD = libiwdriver.la libiwsoft.la libiwcm.la libiwbase.la $(CRITERION_LIBS) $(VERBS_LIBS)

# InfiniBand, RoCE and datagrams, over the same.
IW_TESTS += tests/test_kattr tests/test_kconn tests/test_khandle tests/test_kmember tests/test_kqp \
	tests/test_kquery tests/test_kservice
tests_test_kattr_SOURCES = tests/test_kattr.c
tests_test_kattr_CFLAGS = $(iw_driver_test_cflags)
tests_test_kattr_LDADD = $(iw_driver_test_ldadd)
tests_test_khandle_SOURCES = tests/test_khandle.c
tests_test_khandle_CFLAGS = $(iw_driver_test_cflags)
tests_test_khandle_LDADD = $(iw_driver_test_ldadd)
tests_test_kconn_SOURCES = tests/test_kconn.c $(iw_kdev_ends)
tests_test_kconn_CFLAGS = $(iw_driver_test_cflags)
tests_test_kconn_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_kconn_LDADD = $(tests_test_kdev_LDADD)
tests_test_kmember_SOURCES = tests/test_kmember.c $(iw_kdev_ends)
tests_test_kmember_CFLAGS = $(iw_driver_test_cflags)
tests_test_kmember_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_kmember_LDADD = $(tests_test_kdev_LDADD)
tests_test_kqp_SOURCES = tests/test_kqp.c $(iw_kdev_ends)
tests_test_kqp_CFLAGS = $(iw_driver_test_cflags)
tests_test_kqp_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_kqp_LDADD = $(tests_test_kdev_LDADD)
tests_test_kquery_SOURCES = tests/test_kquery.c $(iw_kdev_ends)
tests_test_kquery_CFLAGS = $(iw_driver_test_cflags)
tests_test_kquery_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_kquery_LDADD = $(tests_test_kdev_LDADD)
tests_test_kservice_SOURCES = tests/test_kservice.c $(iw_kdev_ends)
tests_test_kservice_CFLAGS = $(iw_driver_test_cflags)
tests_test_kservice_LDFLAGS = $(AM_LDFLAGS) $(iw_kdev_fake_ldflags)
tests_test_kservice_LDADD = $(tests_test_kdev_LDADD)

# The kernel is slow.
IW_TESTS += tests/test_kstall
tests_test_kstall_SOURCES = tests/test_kstall.c tests/log_capture.h
tests_test_kstall_CFLAGS = $(iw_driver_test_cflags)
tests_test_kstall_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write -Wl,--wrap=close \
	-Wl,--wrap=ibv_modify_qp -Wl,--wrap=ibv_query_device
tests_test_kstall_LDADD = $(iw_driver_test_ldadd)
