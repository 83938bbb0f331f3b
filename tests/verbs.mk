# The entry points, between a software device and a libibverbs that are both played.
check_LTLIBRARIES += tests/libfakeverbs.la tests/libfakeverbs_old.la
iw_fake_ldflags = $(AM_LDFLAGS) -module -avoid-version -shared -rpath /nowhere \
	-Wl,--version-script=tests/fake_verbs.map
iw_fake_dependencies = tests/fake_verbs.map
tests/fake_verbs.map: verbs/libibverbs.map
	$(AM_V_GEN)$(MKDIR_P) tests && sed 's/_34 { }/_34 { global: ibv_query_gid_type; }/' \
		$(top_srcdir)/verbs/libibverbs.map >$@
CLEANFILES += tests/fake_verbs.map
tests_libfakeverbs_la_SOURCES = tests/fake_verbs.c tests/fake_verbs.h
tests_libfakeverbs_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_libfakeverbs_la_LDFLAGS = $(iw_fake_ldflags)
tests_libfakeverbs_la_DEPENDENCIES = $(iw_fake_dependencies)
tests_libfakeverbs_old_la_SOURCES = tests/fake_verbs.c tests/fake_verbs.h
tests_libfakeverbs_old_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS) -DFAKE_VERBS_OLD
tests_libfakeverbs_old_la_LDFLAGS = $(iw_fake_ldflags)
tests_libfakeverbs_old_la_DEPENDENCIES = $(iw_fake_dependencies)

IW_TESTS += tests/test_ibv_forward tests/test_ibv_device tests/test_ibv_objects
iw_verbs_test_sources = tests/fake_soft.c tests/fake_soft.h tests/verbs_util.h
iw_verbs_test_cflags = $(AM_CFLAGS) $(VERBS_CFLAGS) $(CRITERION_CFLAGS) \
	-DIW_TEST_LIBS='"$(abs_top_builddir)/tests/.libs"'
iw_verbs_test_ldadd = libiwverbs.la libiwbase.la $(CRITERION_LIBS)
iw_verbs_test_dependencies = libiwverbs.la libiwbase.la tests/libplainmain.la \
	tests/libfakeverbs.la tests/libfakeverbs_old.la
tests_test_ibv_forward_SOURCES = tests/test_ibv_forward.c $(iw_verbs_test_sources)
tests_test_ibv_forward_CFLAGS = $(iw_verbs_test_cflags)
tests_test_ibv_forward_LDADD = $(iw_verbs_test_ldadd)
tests_test_ibv_forward_DEPENDENCIES = $(iw_verbs_test_dependencies)
tests_test_ibv_device_SOURCES = tests/test_ibv_device.c $(iw_verbs_test_sources)
tests_test_ibv_device_CFLAGS = $(iw_verbs_test_cflags)
tests_test_ibv_device_LDADD = $(iw_verbs_test_ldadd)
tests_test_ibv_device_DEPENDENCIES = $(iw_verbs_test_dependencies)
tests_test_ibv_objects_SOURCES = tests/test_ibv_objects.c $(iw_verbs_test_sources)
tests_test_ibv_objects_CFLAGS = $(iw_verbs_test_cflags)
tests_test_ibv_objects_LDADD = $(iw_verbs_test_ldadd)
tests_test_ibv_objects_DEPENDENCIES = $(iw_verbs_test_dependencies)
