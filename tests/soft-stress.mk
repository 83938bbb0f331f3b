# Both ends on the software device in one process, with our library linked, so that the
# sanitizers of the build see all of it.
check_PROGRAMS += tests/soft/transfer_stress
tests_soft_transfer_stress_SOURCES = tests/soft/stress.h tests/soft/stress_conn.c \
	tests/soft/stress_round.c tests/soft/transfer_stress.c
tests_soft_transfer_stress_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_transfer_stress_LDADD = librdmacm.la $(VERBS_LIBS)

check_PROGRAMS += tests/soft/cm_stress
tests_soft_cm_stress_SOURCES = tests/soft/cm_stress.c
tests_soft_cm_stress_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_cm_stress_LDADD = librdmacm.la $(VERBS_LIBS)

check_PROGRAMS += tests/soft/progress
tests_soft_progress_SOURCES = tests/soft/progress.c
tests_soft_progress_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_progress_LDADD = librdmacm.la $(VERBS_LIBS)

check_PROGRAMS += tests/soft/share_stress
tests_soft_share_stress_SOURCES = tests/soft/share_stress.c
tests_soft_share_stress_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soft_share_stress_LDADD = librdmacm.la $(VERBS_LIBS)

TESTS += tests/soft/check_stress.sh
EXTRA_DIST += tests/soft/check_stress.sh
