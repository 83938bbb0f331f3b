# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: memcheck over unit tests and real sessions.

# A runner in place of Criterion's, preloaded (tests/plain_main.c): memcheck sees our code only.
tests/valgrind_main.so: $(top_srcdir)/tests/plain_main.c
	$(AM_V_GEN)$(MKDIR_P) tests && $(CC) -D_GNU_SOURCE -DIW_PRELOADED_MAIN -g -gdwarf-4 -O1 -fPIC -shared \
		-Wl,-z,relro,-z,now \
		$(CRITERION_CFLAGS) -o $@ $(top_srcdir)/tests/plain_main.c
CLEANFILES += tests/valgrind_main.so

check-valgrind: all tests/valgrind_main.so
	@$(MAKE) -s check TESTS=
	@bash $(top_srcdir)/tests/check_valgrind.sh -b . $(VALGRIND_ARGS)
.PHONY: check-valgrind
EXTRA_DIST += tests/check_valgrind.sh tests/valgrind.supp
