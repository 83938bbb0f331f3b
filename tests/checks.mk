# Shell checks; check_symbols.sh skips itself until the library is built.
TESTS += tests/check_headers.sh tests/check_symbols.sh tests/check_ibv_symbols.sh \
	tests/check_link_orders.sh tests/check_tool.sh tests/check_man.sh \
	tests/check_layers.sh tests/check_style.sh tests/check_review.sh
EXTRA_DIST += tests/check_headers.sh tests/check_symbols.sh tests/check_ibv_symbols.sh \
	tests/check_link_orders.sh tests/check_tool.sh tests/check_man.sh tests/link_orders.c \
	tests/check_layers.sh tests/check_style.sh tests/check_review.sh docs/review.md tests/librdmacm-symbols.txt \
	docs/missing-symbols.md docs/differences.md

# Linked with the system's librdmacm; in the guest ours takes its place.
if HAVE_STOCK_RDMACM
noinst_PROGRAMS += tests/vm/prog/addrinfo_diff
tests_vm_prog_addrinfo_diff_SOURCES = tests/vm/prog/addrinfo_diff.c tests/vm/prog/addrinfo_cases.h
tests_vm_prog_addrinfo_diff_LDADD = $(STOCK_RDMACM_LIBS)
endif
VM_CASES += tests/vm/guest/addrinfo.sh
