noinst_LTLIBRARIES += libiwnl.la
libiwnl_la_SOURCES = netlink/nl_link.h netlink/nl_neigh.h netlink/nl_route.h
libiwnl_la_CFLAGS = $(AM_CFLAGS) $(NL_CFLAGS)
libiwnl_la_LIBADD = $(NL_LIBS)
