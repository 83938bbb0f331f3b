# Unit tests: one Criterion program a module, named test_<stem>.
# Tests of the core link libiwcm.la and libiwbase.la alone.
include tests/vm.mk
include tests/driver-vm.mk
include tests/api.mk
include tests/soft-stress.mk
include tests/soft-bad.mk
include tests/soft-progs.mk
include tests/hostile.mk
include tests/soft-faults.mk
include tests/soft-wire.mk
include tests/interleave/local.mk
include tests/race.mk
include tests/netfault.mk
include tests/soak.mk
include tests/hardening.mk
include tests/valgrind.mk

AM_TESTS_ENVIRONMENT = LSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/lsan.supp; \
	ASAN_OPTIONS=$$ASAN_OPTIONS:suppressions=$(abs_top_srcdir)/tests/asan.supp; \
	export LSAN_OPTIONS ASAN_OPTIONS;
EXTRA_DIST += tests/asan.supp tests/asleep.h tests/interrupt.h tests/lsan.supp

# Comes before Criterion's own main() where that cannot run.
CRITERION_LIBS = tests/libplainmain.la @CRITERION_LIBS@

if HAVE_CRITERION
IW_TESTS =
check_LTLIBRARIES += tests/libplainmain.la
tests_libplainmain_la_SOURCES = tests/plain_main.c
tests_libplainmain_la_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
include tests/base.mk
include tests/core.mk
include tests/headers.mk
include tests/netlink.mk
include tests/driver.mk
include tests/soft-codec.mk
include tests/soft-mem.mk
include tests/soft-cq.mk
include tests/soft-qp.mk
include tests/soft-rx.mk
include tests/soft-cm.mk
include tests/verbs.mk
include tests/shim-soft.mk
include tests/shim.mk
check_PROGRAMS += $(IW_TESTS)
TESTS += $(IW_TESTS)
endif
include tests/checks.mk
