# Real-device tests: `make check-vm` boots a guest with kernel siw (tests/vm/README.md).
VM_CASES = tests/vm/guest/smoke.sh tests/vm/guest/clients.sh tests/vm/guest/loop.sh \
	tests/vm/guest/netlink.sh tests/vm/guest/soft_siw.sh \
	tests/vm/guest/soft_siw_ends.sh tests/vm/guest/programs.sh

EXTRA_DIST += \
	tests/vm/README.md tests/vm/build.sh tests/vm/run.sh tests/vm/merge.sh \
	tests/vm/initrd-init.sh tests/vm/guest/init.sh tests/vm/guest/lib.sh \
	tests/vm/guest/soft_siw_lib.sh tests/vm/guest/clients_shared.sh \
	tests/vm/guest/pair_lib.sh tests/vm/guest/program_cases.sh \
	tests/vm/guest/kernel-ok.txt $(VM_CASES)

# Programs for the guest, by the system's headers and librdmacm: neither our headers nor our
# sanitizers, so that they run on either library.
if HAVE_STOCK_RDMACM
VM_PROGS = tests/vm/prog/conn_loop tests/vm/prog/events tests/vm/prog/first_id \
	tests/vm/prog/pair tests/vm/prog/private_each tests/vm/prog/endurance
check_PROGRAMS += $(VM_PROGS)
endif

IW_PROG_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/tests/vm/prog
IW_PROG_CFLAGS = -std=gnu11 -Wall -Wextra -Wno-unused-parameter -pthread
IW_PROG_COMMON = tests/vm/prog/prog.c tests/vm/prog/prog.h

tests_vm_prog_conn_loop_SOURCES = tests/vm/prog/conn_loop.c $(IW_PROG_COMMON)
tests_vm_prog_conn_loop_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_conn_loop_CFLAGS = $(IW_PROG_CFLAGS)
tests_vm_prog_conn_loop_LDFLAGS = -pthread
tests_vm_prog_conn_loop_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

tests_vm_prog_endurance_SOURCES = tests/vm/prog/endurance.c $(IW_PROG_COMMON)
tests_vm_prog_endurance_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_endurance_CFLAGS = $(IW_PROG_CFLAGS) -Wno-missing-field-initializers
tests_vm_prog_endurance_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

tests_vm_prog_pair_SOURCES = tests/vm/prog/pair.c tests/vm/prog/pair.h tests/vm/prog/pair_data.c \
	tests/vm/prog/pair_bad.c $(IW_PROG_COMMON)
tests_vm_prog_pair_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_pair_CFLAGS = $(IW_PROG_CFLAGS) -Wno-missing-field-initializers
tests_vm_prog_pair_LDFLAGS = -pthread
tests_vm_prog_pair_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

tests_vm_prog_private_each_SOURCES = tests/vm/prog/private_each.c $(IW_PROG_COMMON)
tests_vm_prog_private_each_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_private_each_CFLAGS = $(IW_PROG_CFLAGS)
tests_vm_prog_private_each_LDFLAGS = -pthread
tests_vm_prog_private_each_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

tests_vm_prog_events_SOURCES = tests/vm/prog/events.c $(IW_PROG_COMMON)
tests_vm_prog_events_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_events_CFLAGS = $(IW_PROG_CFLAGS)
tests_vm_prog_events_LDFLAGS = -pthread
tests_vm_prog_events_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

tests_vm_prog_first_id_SOURCES = tests/vm/prog/first_id.c $(IW_PROG_COMMON)
tests_vm_prog_first_id_CPPFLAGS = $(IW_PROG_CPPFLAGS)
tests_vm_prog_first_id_CFLAGS = $(IW_PROG_CFLAGS)
tests_vm_prog_first_id_LDFLAGS = -pthread
tests_vm_prog_first_id_LDADD = $(STOCK_RDMACM_LIBS) -libverbs

.PHONY: check-progs check-vm
check-progs: $(VM_PROGS) $(NL_VM_PROGS) $(API_VM_PROGS)
check-vm: all check-progs
	cd $(srcdir) && tests/vm/run.sh -b $(abs_builddir) -l $(abs_builddir)/tests/vm/log $(VM_CASES)
