# The public headers and the two modules that need no device.
IW_TESTS += tests/test_addrinfo tests/test_event_str
tests_test_addrinfo_SOURCES = tests/test_addrinfo.c tests/vm/prog/addrinfo_cases.h
tests_test_addrinfo_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_addrinfo_LDADD = libiwshim_pure.la libiwbase.la $(CRITERION_LIBS)
tests_test_event_str_SOURCES = tests/test_event_str.c
tests_test_event_str_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_event_str_LDADD = libiwshim_pure.la $(CRITERION_LIBS)

# Brings its own ibv_get_cq_event(): not linked with libibverbs.
IW_TESTS += tests/test_verbs
tests_test_verbs_SOURCES = tests/test_verbs.c
tests_test_verbs_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_verbs_LDADD = $(CRITERION_LIBS)

# One table, built against our headers and against those of rdma-core. The
# latter's flags must not have -I$(top_srcdir)/include.
if HAVE_STOCK_RDMACM
IW_TESTS += tests/test_abi
check_LTLIBRARIES += libabiours.la libabistock.la
libabiours_la_SOURCES = tests/abi_table.c tests/abi_table.h
libabiours_la_CPPFLAGS = $(AM_CPPFLAGS) -DABI_ROWS=abi_ours -DABI_COUNT=abi_ours_rows \
	-DABI_HEADER=abi_ours_header
libabistock_la_SOURCES = tests/abi_table.c tests/abi_table.h
libabistock_la_CPPFLAGS = -I$(top_srcdir) -D_GNU_SOURCE -DABI_ROWS=abi_stock \
	-DABI_COUNT=abi_stock_rows -DABI_HEADER=abi_stock_header
tests_test_abi_SOURCES = tests/test_abi.c tests/abi_table.h
tests_test_abi_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_abi_LDADD = libabiours.la libabistock.la $(CRITERION_LIBS)
endif
