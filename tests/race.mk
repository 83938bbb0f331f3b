# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: threads that call the shim at random. One program over the
# driver in memory, one over the software device; static libraries, so that the sanitizers of
# the build see all of it and the locks can be listened to.
RACE_SOURCES = tests/race/race.h tests/race/main.c tests/race/plan.c tests/race/life.c \
	tests/race/oracle.c tests/race/watch.c tests/race/yield.c tests/race/op_id.c \
	tests/race/op_event.c tests/race/op_group.c tests/race/op_sync.c

check_PROGRAMS += tests/race/channel_race tests/race/channel_race_soft
check_LTLIBRARIES += librace.la
librace_la_SOURCES = tests/shim_fake.c tests/shim_fake.h tests/shim_fake_ops.c \
	tests/shim_fake_net.h tests/shim_fake_soft.c tests/shim_fake_service.c \
	tests/mock_verbs.c tests/mock_verbs.h tests/mock_netlink.c tests/mock_netlink.h
librace_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
librace_la_LIBADD = libiwshim.la libiwshim_pure.la libiwcm.la libiwbase.la
tests_race_channel_race_SOURCES = $(RACE_SOURCES) tests/race/driver_fake.c
tests_race_channel_race_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_race_channel_race_LDADD = librace.la
tests_race_channel_race_soft_SOURCES = $(RACE_SOURCES) tests/race/driver_soft.c
tests_race_channel_race_soft_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_race_channel_race_soft_LDADD = $(IW_STATIC_LIBS)

# In any build; under ThreadSanitizer it says most. RACE_SEED repeats a run.
.PHONY: check-races
check-races: tests/race/channel_race tests/race/channel_race_soft
	$(srcdir)/tests/race/check_races.sh $(builddir)/tests/race
EXTRA_DIST += tests/race/check_races.sh tests/race/check_mutants.sh tests/race/mutants

if HAVE_CRITERION
check_PROGRAMS += tests/test_shim_race
TESTS += tests/test_shim_race
tests_test_shim_race_SOURCES = tests/test_shim_race.c
tests_test_shim_race_CFLAGS = $(SHIM_TEST_CFLAGS)
tests_test_shim_race_LDADD = $(SHIM_TEST_LIBS)
endif
