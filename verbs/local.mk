# The ibv_* entry points.
noinst_LTLIBRARIES += libiwverbs.la
libiwverbs_la_SOURCES = verbs/ibv_device.c verbs/ibv_forward.c verbs/ibv_forward.h \
	verbs/ibv_objects.c
libiwverbs_la_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS) -DIW_LIBIBVERBS_PATH='"$(LIBIBVERBS_PATH)"'

# An empty library whose soname is the absolute path of the real libibverbs: whoever links it
# needs that file, and finds it even where our own file stands under libibverbs' name.
verbs/libibverbs-path.so: Makefile
	$(AM_V_GEN)$(MKDIR_P) verbs && $(CC) $(CFLAGS) -shared -nostdlib -Wl,-soname,$(LIBIBVERBS_PATH) \
		-o $@ -x c /dev/null
VERBS_NEEDED = -Wl,--push-state,--no-as-needed,verbs/libibverbs-path.so,--pop-state

verbs/exports.map: shim/librdmacm.map verbs/libibverbs.map
	$(AM_V_GEN)$(MKDIR_P) verbs && cat $(top_srcdir)/shim/librdmacm.map \
		$(top_srcdir)/verbs/libibverbs.map >$@

EXTRA_DIST += verbs/libibverbs.map
CLEANFILES += verbs/libibverbs-path.so verbs/exports.map
