# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: failures injected into sessions on the software
# device, and forks in the middle of them. Our static libraries: the failures are
# there, and sanitizers see all of it.
check_PROGRAMS += tests/soft/fault_sweep
TESTS += tests/soft/fault_sweep
tests_soft_fault_sweep_SOURCES = tests/soft/fault_sweep.c tests/soft/sweep.h \
	tests/soft/sweep_sessions.c
tests_soft_fault_sweep_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_fault_sweep_LDADD = $(IW_STATIC_LIBS)

check_PROGRAMS += tests/soft/fork_live
TESTS += tests/soft/fork_live
tests_soft_fork_live_SOURCES = tests/soft/fork_live.c tests/soft/sweep.h \
	tests/soft/sweep_sessions.c
tests_soft_fork_live_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_fork_live_LDADD = $(IW_STATIC_LIBS)

# What can fail, by the object files, has its place for a failure.
TESTS += tests/check_faults.sh
EXTRA_DIST += tests/check_faults.sh tests/fault-scan.awk tests/fault-calls.txt \
	tests/fault-exempt.txt

if HAVE_CRITERION
check_PROGRAMS += tests/test_soft_key
TESTS += tests/test_soft_key
tests_test_soft_key_SOURCES = tests/test_soft_key.c $(soft_qp_fake)
tests_test_soft_key_CFLAGS = $(soft_qp_cflags)
tests_test_soft_key_LDADD = $(soft_qp_ldadd)
endif
