# The real-device tests of the API: programs and guest scripts (tests/vm/README.md).
VM_CASES += tests/vm/guest/api_diff.sh
EXTRA_DIST += tests/vm/prog/api_diff.expected tests/vm/prog/lsan.supp tests/vm/prog/tsan.supp

# By the system's headers and library, as those of tests/vm.mk: to run on either.
API_HARNESS = tests/vm/prog/api.c tests/vm/prog/api.h tests/vm/prog/api_pair.c
if HAVE_STOCK_RDMACM
API_STOCK_PROGS = tests/vm/prog/api_diff
endif
tests_vm_prog_api_diff_SOURCES = $(API_HARNESS) \
	tests/vm/prog/api_diff.c tests/vm/prog/api_diff.h tests/vm/prog/api_diff_addr.c \
	tests/vm/prog/api_diff_conn.c tests/vm/prog/api_diff_end.c tests/vm/prog/api_diff_ids.c \
	tests/vm/prog/api_diff_misc.c tests/vm/prog/api_diff_private.c tests/vm/prog/api_diff_qp.c \
	tests/vm/prog/api_diff_ib.c tests/vm/prog/api_diff_ud.c
tests_vm_prog_api_diff_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_api_diff_CFLAGS = $(IW_PROG_CFLAGS)
tests_vm_prog_api_diff_LDFLAGS = -pthread
tests_vm_prog_api_diff_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

# Ours alone, with all of it linked in: the failures to inject are there, and sanitizers see it.
IW_STATIC = libiwshim.la libiwshim_pure.la libiwverbs.la libiwdriver.la libiwsoft.la libiwcm.la \
	libiwnl.la libiwbase.la
IW_STATIC_LIBS = $(IW_STATIC) $(VERBS_LIBS) $(NL_LIBS)
API_VM_PROGS = tests/vm/prog/faults tests/vm/prog/leaks tests/vm/prog/misuse \
	tests/vm/prog/stress $(API_STOCK_PROGS)
check_PROGRAMS += $(API_VM_PROGS)
VM_CASES += tests/vm/guest/misuse.sh tests/vm/guest/stress.sh tests/vm/guest/faults.sh \
	tests/vm/guest/leaks.sh tests/vm/guest/kill.sh

tests_vm_prog_faults_SOURCES = tests/vm/prog/faults.c $(API_HARNESS)
tests_vm_prog_faults_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/vm/prog
tests_vm_prog_faults_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_vm_prog_faults_LDADD = $(IW_STATIC_LIBS)

tests_vm_prog_leaks_SOURCES = tests/vm/prog/leaks.c $(API_HARNESS)
tests_vm_prog_leaks_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/vm/prog
tests_vm_prog_leaks_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_vm_prog_leaks_LDADD = $(IW_STATIC_LIBS)

tests_vm_prog_misuse_SOURCES = tests/vm/prog/misuse.c $(API_HARNESS)
tests_vm_prog_misuse_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/vm/prog
tests_vm_prog_misuse_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_vm_prog_misuse_LDADD = $(IW_STATIC_LIBS)

tests_vm_prog_stress_SOURCES = tests/vm/prog/stress.c
tests_vm_prog_stress_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_vm_prog_stress_LDADD = $(IW_STATIC_LIBS)
