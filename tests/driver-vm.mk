# The kernel driver on a real device; runs in the guest.
noinst_PROGRAMS += tests/vm/prog/kdrv_test
tests_vm_prog_kdrv_test_SOURCES = tests/vm/prog/kdrv_test.c
tests_vm_prog_kdrv_test_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_vm_prog_kdrv_test_LDADD = libiwdriver.la libiwsoft.la libiwcm.la libiwbase.la $(VERBS_LIBS)
VM_CASES += tests/vm/guest/kdrv.sh
