# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk.
# Load on the software device: connections by the hundred thousand, ten thousand at once.
check_PROGRAMS += tests/soak/soak
tests_soak_soak_SOURCES = tests/soak/soak.c tests/soak/soak.h tests/soak/soak_book.c \
	tests/soak/soak_chaos.c tests/soak/soak_client.c tests/soak/soak_end.c \
	tests/soak/soak_end.h tests/soak/soak_judge.c tests/soak/soak_long.c \
	tests/soak/soak_plan.c tests/soak/soak_report.c tests/soak/soak_sample.c \
	tests/soak/soak_server.c tests/soak/soak_sync.c
tests_soak_soak_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soak_soak_LDADD = librdmacm.la $(VERBS_LIBS)

check_PROGRAMS += tests/soak/many
tests_soak_many_SOURCES = tests/soak/many.c tests/soak/many.h tests/soak/many_side.c
tests_soak_many_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_soak_many_LDADD = librdmacm.la $(VERBS_LIBS)

# Long by command: make soak SECONDS_=1800. In CI three minutes, and ten thousand at once.
SECONDS_ = 1800
soak: tests/soak/soak
	bash $(top_srcdir)/tests/soak/run.sh -b . soak -s $(SECONDS_)
check-soak: tests/soak/soak tests/soak/many
	@rc=0; \
	bash $(top_srcdir)/tests/soak/run.sh -b . soak -s 180 || rc=1; \
	bash $(top_srcdir)/tests/soak/run.sh -b . many || rc=1; \
	exit $$rc
.PHONY: soak check-soak
EXTRA_DIST += tests/soak/run.sh
