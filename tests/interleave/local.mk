# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Every schedule of iwcm-core: the core is compiled anew, against locks and
# threads that the explorer plays. `make check-interleavings` runs it.

# Searched first, and for "base/lock.h" alone, not for <sched.h>.
il_cppflags = -iquote $(top_srcdir)/tests/interleave $(AM_CPPFLAGS) -DIW_DEBUG=1
# Each access to memory calls hooks.c: the sanitizer itself is not linked.
if !IW_SANITIZED
il_watch = -fsanitize=thread
endif

EXTRA_LIBRARIES = tests/interleave/libsched.a tests/interleave/libcore.a \
	tests/interleave/libtoys.a
tests_interleave_libsched_a_SOURCES = tests/interleave/sched.h tests/interleave/base/lock.h \
	tests/interleave/coro.c tests/interleave/coro.h tests/interleave/sanitize.h \
	tests/interleave/run.c tests/interleave/run.h tests/interleave/object.c \
	tests/interleave/memory.c tests/interleave/statics.c tests/interleave/lock.c \
	tests/interleave/watch.c tests/interleave/watch.h tests/interleave/hooks.c \
	tests/interleave/explore.c tests/interleave/explore.h tests/interleave/seed.c \
	tests/interleave/trace.c tests/interleave/visited.c tests/interleave/replay.c
tests_interleave_libsched_a_CPPFLAGS = $(il_cppflags)

# Its data are put back before each schedule: into the section il_state.
tests_interleave_libcore_a_SOURCES = $(libiwcm_la_SOURCES) base/fault.c
tests_interleave_libcore_a_CPPFLAGS = $(il_cppflags) -include tests/interleave/divert.h
tests_interleave_libcore_a_CFLAGS = $(AM_CFLAGS) $(il_watch)

tests/interleave/core.o: tests/interleave/libcore.a $(srcdir)/tests/interleave/collect.sh
	$(AM_V_GEN)$(SHELL) $(srcdir)/tests/interleave/collect.sh $< $@

EXTRA_PROGRAMS = tests/interleave/interleave
tests_interleave_interleave_SOURCES = tests/interleave/log.c base/caller.c tests/interleave/main.c \
	tests/interleave/world.c tests/interleave/world.h tests/interleave/world_client.c \
	tests/interleave/world_device.c tests/interleave/scenarios.c \
	tests/interleave/scenarios.h tests/interleave/scenarios_list.c \
	tests/interleave/invariants.c
# Not in CFLAGS, which would link the sanitizer.
tests_interleave_interleave_CPPFLAGS = $(il_cppflags) $(il_watch)
il_parts = tests/interleave/core.o tests/interleave/libsched.a
tests_interleave_interleave_LDADD = $(il_parts)
tests_interleave_interleave_DEPENDENCIES = $(il_parts)

CLEANFILES += tests/interleave/core.o
EXTRA_DIST += tests/interleave/collect.sh tests/interleave/divert.h tests/check_interleavings.sh \
	tests/mutants

# How one file of the core is compiled and the checker linked, for mutants.
il_env = srcdir=$(srcdir) builddir=. \
	IL_COMPILE="$(CC)" \
	IL_COMPILE_FLAGS="$(DEFS) $(DEFAULT_INCLUDES) $(INCLUDES) \
		$(tests_interleave_libcore_a_CPPFLAGS) $(CPPFLAGS) \
		$(tests_interleave_libcore_a_CFLAGS) $(CFLAGS)" \
	IL_LINK="$(CC) $(AM_CFLAGS) $(CFLAGS) $(AM_LDFLAGS) $(LDFLAGS) $(LIBS)"

# ILFLAGS=--quick (CI) or --deep.
.PHONY: check-interleavings
check-interleavings: tests/interleave/interleave
	$(il_env) $(SHELL) $(srcdir)/tests/check_interleavings.sh $(ILFLAGS)

# The explorer itself.
tests_interleave_libtoys_a_SOURCES = tests/interleave/toys.c tests/interleave/toys.h
tests_interleave_libtoys_a_CPPFLAGS = $(il_cppflags)
tests_interleave_libtoys_a_CFLAGS = $(AM_CFLAGS) $(il_watch)
if HAVE_CRITERION
check_PROGRAMS += tests/test_interleave
TESTS += tests/test_interleave
tests_test_interleave_SOURCES = tests/test_interleave.c
tests_test_interleave_CPPFLAGS = $(il_cppflags)
tests_test_interleave_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_interleave_LDADD = tests/interleave/libtoys.a tests/interleave/libsched.a \
	$(CRITERION_LIBS)
endif
