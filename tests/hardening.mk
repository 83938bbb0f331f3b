# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Included by tests/local.mk: what the built files say of their hardening, setuid programs,
# and a crowd of half-open connections.
TESTS += tests/check_hardening.sh tests/check_secrets.sh
EXTRA_DIST += tests/check_hardening.sh tests/check_secrets.sh tests/coverage.sh docs/coverage.md \
	SECURITY.md

check_PROGRAMS += tests/hostile/crowd
TESTS += tests/hostile/crowd
tests_hostile_crowd_SOURCES = tests/hostile/crowd.c
tests_hostile_crowd_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_hostile_crowd_LDADD = librdmacm.la $(VERBS_LIBS)

check_PROGRAMS += tests/secure_env
TESTS += tests/check_setuid.sh
EXTRA_DIST += tests/check_setuid.sh
tests_secure_env_SOURCES = tests/secure_env.c
tests_secure_env_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_secure_env_LDADD = $(IW_STATIC_LIBS)
