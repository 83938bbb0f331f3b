# Bad input on the software device (make check-soft) and in the guest.
API_VM_PROGS += tests/soft/bad_input
tests_soft_bad_input_SOURCES = tests/soft/bad_input.c tests/soft/bad_input.h \
	tests/soft/bad_null.c tests/soft/bad_order.c tests/soft/bad_state.c tests/soft/bad_transport.c \
	tests/soft/bad_value.c tests/vm/prog/api.c tests/vm/prog/api.h tests/vm/prog/api_pair.c
tests_soft_bad_input_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/vm/prog
tests_soft_bad_input_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS) -pthread
tests_soft_bad_input_LDFLAGS = -pthread -no-install
tests_soft_bad_input_LDADD = librdmacm.la $(VERBS_LIBS)

EXTRA_DIST += tests/soft/bad_input.sh tests/vm/guest/bad_input.sh
VM_CASES += tests/vm/guest/bad_input.sh
