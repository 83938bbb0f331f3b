# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: networks that fail, in namespaces on this machine
# (make check-net) and, with netem, in the guest.
check_PROGRAMS += tests/netfault/peer
tests_netfault_peer_SOURCES = tests/netfault/peer.c tests/netfault/flow.c tests/netfault/peer.h
tests_netfault_peer_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_netfault_peer_LDADD = librdmacm.la $(VERBS_LIBS)

VM_CASES += tests/vm/guest/netfault.sh
EXTRA_DIST += tests/netfault/lib.sh tests/netfault/netfault.sh
.PHONY: check-net
check-vm: tests/netfault/peer
check-net: librdmacm.la tests/netfault/peer
	bash $(top_srcdir)/tests/netfault/netfault.sh -b .

if HAVE_CRITERION
check_PROGRAMS += tests/test_soft_guard
TESTS += tests/test_soft_guard
tests_test_soft_guard_SOURCES = tests/test_soft_guard.c
tests_test_soft_guard_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS) $(VERBS_CFLAGS)
tests_test_soft_guard_LDADD = libiwsoft.la libiwcm.la libiwbase.la $(CRITERION_LIBS)

check_PROGRAMS += tests/test_soft_share
TESTS += tests/test_soft_share
tests_test_soft_share_SOURCES = tests/test_soft_share.c
tests_test_soft_share_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_test_soft_share_LDADD = libiwsoft.la libiwcm.la libiwbase.la $(CRITERION_LIBS)
endif
