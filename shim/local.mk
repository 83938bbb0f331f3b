noinst_LTLIBRARIES += libiwshim.la
libiwshim_la_SOURCES = shim/addr.h shim/channel.c shim/choose.c shim/choose.h shim/connect.c \
	shim/device.c shim/ece.c shim/endpoint.c shim/event.c shim/export.h shim/fork.c shim/id.c \
	shim/migrate.c shim/multicast.c shim/option.c shim/path.c shim/provider.c \
	shim/provider.h shim/qp.c shim/readers.c shim/resolve.c shim/resolve_info.c \
	shim/retrieve.c shim/shim.h shim/service.c shim/service.h shim/srq.c shim/stall.c shim/wait.c
libiwshim_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)

# What needs neither the core nor a driver.
noinst_LTLIBRARIES += libiwshim_pure.la
libiwshim_pure_la_SOURCES = shim/addrinfo.c shim/addrinfo.h shim/event_str.c shim/rpoll.c
libiwshim_pure_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)

iwshim_LTLIBRARIES += librdmacm.la
librdmacm_la_SOURCES =
librdmacm_la_LIBADD = libiwshim.la libiwshim_pure.la libiwverbs.la libiwdriver.la libiwsoft.la \
	libiwcm.la libiwnl.la libiwbase.la $(NL_LIBS)
librdmacm_la_DEPENDENCIES = libiwshim.la libiwshim_pure.la libiwverbs.la libiwdriver.la libiwsoft.la \
	libiwcm.la libiwnl.la libiwbase.la verbs/exports.map verbs/libibverbs-path.so
librdmacm_la_LDFLAGS = $(AM_LDFLAGS) -version-info 1:0:0 $(VERBS_NEEDED) \
	-Wl,--version-script=verbs/exports.map -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now \
	-Wl,-Bsymbolic-functions

EXTRA_DIST += shim/librdmacm.map
