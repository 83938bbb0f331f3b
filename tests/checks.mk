# Shell checks; check_symbols.sh skips itself until the library is built.
TESTS += tests/check_headers.sh tests/check_header_names.sh tests/check_headers_both.sh \
	tests/check_symbols.sh tests/check_abi.sh tests/check_ibv_symbols.sh \
	tests/check_link_orders.sh tests/check_tool.sh tests/check_man.sh \
	tests/check_layers.sh tests/check_style.sh tests/check_review.sh
EXTRA_DIST += tests/missing.sh tests/tap.sh tests/check_headers.sh tests/check_header_names.sh tests/check_headers_both.sh \
	tests/check_symbols.sh tests/check_abi.sh tests/check_ibv_symbols.sh \
	tests/check_link_orders.sh tests/check_tool.sh tests/check_man.sh tests/link_orders.c \
	tests/check_layers.sh tests/check_style.sh tests/check_review.sh docs/review.md tests/librdmacm-symbols.txt \
	docs/missing-symbols.md docs/differences.md

# One source by both headers, without our sanitizers: runs on either library.
if HAVE_STOCK_RDMACM
check_PROGRAMS += tests/headers_stock tests/headers_ours
tests_headers_stock_SOURCES = tests/headers_both.c
tests_headers_stock_CPPFLAGS = -D_GNU_SOURCE
tests_headers_stock_CFLAGS = $(IW_PROG_CFLAGS)
tests_headers_stock_LDFLAGS = -pthread
tests_headers_stock_LDADD = $(STOCK_RDMACM_LIBS) -libverbs
tests_headers_ours_SOURCES = tests/headers_both.c
tests_headers_ours_CPPFLAGS = -D_GNU_SOURCE -I$(top_srcdir)/include
tests_headers_ours_CFLAGS = $(IW_PROG_CFLAGS)
tests_headers_ours_LDFLAGS = -pthread
tests_headers_ours_LDADD = $(STOCK_RDMACM_LIBS) -libverbs
endif
VM_CASES += tests/vm/guest/headers.sh
EXTRA_DIST += tests/vm/guest/headers.sh

# Linked with the system's librdmacm; in the guest ours takes its place.
if HAVE_STOCK_RDMACM
noinst_PROGRAMS += tests/vm/prog/addrinfo_diff
tests_vm_prog_addrinfo_diff_SOURCES = tests/vm/prog/addrinfo_diff.c tests/vm/prog/addrinfo_cases.h
tests_vm_prog_addrinfo_diff_LDADD = $(STOCK_RDMACM_LIBS)
endif
VM_CASES += tests/vm/guest/addrinfo.sh

# For a second build: what looks at the sources says the same in each.
check-programs:
	$(MAKE) $(AM_MAKEFLAGS) check TESTS="$(filter-out tests/check_%.sh,$(TESTS))"
.PHONY: check-programs

# For one more compiler's sanitizer: sessions through all layers, not each unit test. Nothing else is
# built: that took longer than to run them.
SESSION_STRESS = tests/soft/transfer_stress tests/soft/cm_stress tests/soft/share_stress tests/soft/progress
SESSION_TESTS = tests/test_iw_stress tests/test_iw_race tests/test_shim_stress tests/test_shim_race \
	tests/soft/fork_live tests/hostile/crowd tests/hostile/hostile
check-sessions: all
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS check_PROGRAMS="$(SESSION_STRESS) $(SESSION_TESTS)" \
		TESTS="tests/soft/check_stress.sh $(addsuffix $(EXEEXT),$(SESSION_TESTS))"
	$(MAKE) $(AM_MAKEFLAGS) check-races
.PHONY: check-sessions

# For ThreadSanitizer: the unit tests with more than one thread, of their own or of the loop.
check-threads: all
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS="$$(cd $(srcdir) && \
		grep -lE 'pthread_create|util_later|soft_cm_fake|soft_loop' tests/test_*.c | sed 's/\.c$$/$(EXEEXT)/' | tr '\n' ' ')"
.PHONY: check-threads
