# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/base.mk: programs that hang, and what the log says (TAP), 8 seconds.
check_PROGRAMS += tests/soft/stall
tests_soft_stall_SOURCES = tests/soft/stall.c
tests_soft_stall_CFLAGS = $(AM_CFLAGS)
tests_soft_stall_LDFLAGS = -no-install
tests_soft_stall_LDADD = librdmacm.la $(VERBS_LIBS)
EXTRA_DIST += tests/soft/stall.sh

check-stall: librdmacm.la private/libibverbs.so.1 tests/soft/stall
	bash $(top_srcdir)/tests/soft/stall.sh -b .
