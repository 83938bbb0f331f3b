# The public headers and the two modules that need no device.
IW_TESTS += tests/test_addrinfo tests/test_event_str
tests_test_addrinfo_SOURCES = tests/test_addrinfo.c tests/vm/prog/addrinfo_cases.h
tests_test_addrinfo_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_addrinfo_LDADD = libiwshim_pure.la libiwbase.la $(CRITERION_LIBS)
tests_test_event_str_SOURCES = tests/test_event_str.c
tests_test_event_str_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_event_str_LDADD = libiwshim_pure.la $(CRITERION_LIBS)
