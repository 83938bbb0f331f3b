check_PROGRAMS += tests/nl_show
tests_nl_show_SOURCES = tests/nl_show.c
tests_nl_show_LDADD = libiwnl.la libiwbase.la
