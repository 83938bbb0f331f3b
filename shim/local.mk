noinst_LTLIBRARIES += libiwshim.la
libiwshim_la_SOURCES = shim/channel.c shim/connect.c shim/device.c shim/event.c \
	shim/export.h shim/fork.c shim/id.c shim/option.c shim/qp.c shim/resolve.c shim/shim.h
libiwshim_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
libiwshim_la_LIBADD = libiwdriver.la libiwcm.la libiwnl.la libiwbase.la $(VERBS_LIBS)

# What needs neither the core nor a driver.
noinst_LTLIBRARIES += libiwshim_pure.la
libiwshim_pure_la_SOURCES = shim/addrinfo.c shim/event_str.c
libiwshim_pure_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)

EXTRA_DIST += shim/librdmacm.map
