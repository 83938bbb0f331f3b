# Debian's own programs on the software device, on this machine: make check-soft (TAP).
EXTRA_DIST += tests/soft/lib.sh tests/soft/clients.sh tests/soft/more.sh tests/soft/known.txt \
	tests/soft/pyv.py

check-soft: librdmacm.la private/libibverbs.so.1 tools/iwshim
	@bash $(top_srcdir)/tests/soft/clients.sh -b . && rc=0 || rc=1; \
	bash $(top_srcdir)/tests/soft/more.sh -b . && exit $$rc
.PHONY: check-soft
