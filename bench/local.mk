# `make bench` compares our library with the system's in the test guest (bench/run.sh).
EXTRA_DIST += bench/README.md bench/run.sh bench/guest.sh bench/table.awk bench/objects.awk \
	bench/siw.sh bench/siw_guest.sh bench/siw.awk bench/soft.sh bench/soft.awk

.PHONY: bench
bench: all check-progs
	cd $(srcdir) && bench/run.sh -b $(abs_builddir)

# One measurement between two processes, over RDMA or plain TCP (bench/soft.sh): by the
# system's headers and librdmacm, as any program.
if HAVE_STOCK_RDMACM
VM_PROGS += bench/netbench
check_PROGRAMS += bench/netbench
endif
bench_netbench_SOURCES = bench/net/main.c bench/net/measure.c bench/net/net.h bench/net/rdma.c \
	bench/net/tcp.c
bench_netbench_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)
bench_netbench_CFLAGS = $(IW_PROG_CFLAGS) -O2
bench_netbench_LDFLAGS = -pthread
bench_netbench_LDADD = $(STOCK_RDMACM_LIBS) -libverbs
