# netlink/ against real tables in namespaces of its own (root; skipped without).
check_PROGRAMS += tests/nl_show
tests_nl_show_SOURCES = tests/nl_show.c
tests_nl_show_LDADD = libiwnl.la libiwbase.la

IW_TESTS += tests/test_nl_route
tests_test_nl_route_SOURCES = tests/test_nl_route.c tests/nl_ns.c tests/nl_ns.h
tests_test_nl_route_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(NL_CFLAGS)
tests_test_nl_route_LDADD = libiwnl.la libiwbase.la $(CRITERION_LIBS)

TESTS += tests/check_nl_syscalls.sh
EXTRA_DIST += tests/check_nl_syscalls.sh

IW_TESTS += tests/test_nl_link
tests_test_nl_link_SOURCES = tests/test_nl_link.c tests/nl_ns.c tests/nl_ns.h
tests_test_nl_link_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(NL_CFLAGS)
tests_test_nl_link_LDADD = libiwnl.la libiwbase.la $(CRITERION_LIBS)

IW_TESTS += tests/test_nl_neigh
tests_test_nl_neigh_SOURCES = tests/test_nl_neigh.c tests/nl_ns.c tests/nl_ns.h
tests_test_nl_neigh_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(NL_CFLAGS)
tests_test_nl_neigh_LDADD = libiwnl.la libiwbase.la $(CRITERION_LIBS)

IW_TESTS += tests/test_nl_sock
tests_test_nl_sock_SOURCES = tests/test_nl_sock.c tests/nl_ns.c tests/nl_ns.h
tests_test_nl_sock_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(NL_CFLAGS)
tests_test_nl_sock_LDADD = libiwnl.la libiwbase.la $(CRITERION_LIBS)

IW_TESTS += tests/test_nl_topo
tests_test_nl_topo_SOURCES = tests/test_nl_topo.c tests/nl_ns.c tests/nl_ns.h
tests_test_nl_topo_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(NL_CFLAGS)
tests_test_nl_topo_LDADD = libiwnl.la libiwbase.la $(CRITERION_LIBS)

# The guest runs these as well: its kernel has link types that this one may lack.
NL_VM_PROGS = tests/nl_show tests/test_nl_route tests/test_nl_topo
