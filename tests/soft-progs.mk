# Debian's own programs on the software device, on this machine: make check-soft (TAP).
EXTRA_DIST += tests/soft/lib.sh tests/soft/clients.sh tests/soft/more.sh tests/soft/known.txt \
	tests/soft/pyv.py tests/soft/endurance.sh

check_LTLIBRARIES += tests/soft/patient.la
check-progs: tests/soft/patient.la
tests_soft_patient_la_SOURCES = tests/soft/patient.c
tests_soft_patient_la_CFLAGS = $(AM_CFLAGS) -D_GNU_SOURCE
tests_soft_patient_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
tests_soft_patient_la_LIBADD = -ldl

# Each is run, whatever the others say.
check-soft: librdmacm.la private/libibverbs.so.1 tools/iwshim check-progs
	@rc=0; for script in clients more bad_input endurance; do \
		bash $(top_srcdir)/tests/soft/$$script.sh -b . || rc=1; \
	done; exit $$rc
.PHONY: check-soft
