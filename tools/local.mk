bin_SCRIPTS = tools/iwshim

# Our file under both names, for `iwshim run`; the same in the build tree.
noinst_DATA = private/libibverbs.so.1
private/libibverbs.so.1: | librdmacm.la
	$(AM_V_GEN)$(MKDIR_P) private && ln -sf ../.libs/librdmacm.so.1 private/librdmacm.so.1 && \
		ln -sf librdmacm.so.1 $@
CLEANFILES += private/librdmacm.so.1 private/libibverbs.so.1

# What programs are linked with knows only the RDMACM versions: one that took ibv_* from
# librdmacm.so.1 would not start on any other librdmacm.
noinst_DATA += tools/librdmacm-link.so
tools/librdmacm-link.so: shim/librdmacm.map
	$(AM_V_GEN)$(MKDIR_P) tools && \
		awk '/^\t\t[a-z]/ { sub(/;/, ""); print "void " $$1 "(void);\nvoid " $$1 "(void) { }" }' \
			$(top_srcdir)/shim/librdmacm.map >tools/librdmacm-link.c && \
		$(CC) $(CFLAGS) -fPIC -shared -nostdlib -Wl,-soname,librdmacm.so.1 \
			-Wl,--version-script=$(top_srcdir)/shim/librdmacm.map \
			-o $@ tools/librdmacm-link.c
CLEANFILES += tools/librdmacm-link.c tools/librdmacm-link.so

install-data-hook:
	$(MKDIR_P) "$(DESTDIR)$(iwshimdir)/private"
	rm -f "$(DESTDIR)$(iwshimdir)/librdmacm.so"
	$(INSTALL_PROGRAM) tools/librdmacm-link.so "$(DESTDIR)$(iwshimdir)/librdmacm.so"
	ln -sf ../librdmacm.so.1 "$(DESTDIR)$(iwshimdir)/private/librdmacm.so.1"
	ln -sf librdmacm.so.1 "$(DESTDIR)$(iwshimdir)/private/libibverbs.so.1"

uninstall-hook:
	rm -f "$(DESTDIR)$(iwshimdir)/librdmacm.so" "$(DESTDIR)$(iwshimdir)/private/librdmacm.so.1" \
		"$(DESTDIR)$(iwshimdir)/private/libibverbs.so.1"
	-rmdir "$(DESTDIR)$(iwshimdir)/private" 2>/dev/null
