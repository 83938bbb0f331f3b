# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# A peer on raw sockets that breaks every rule of MPA, DDP and RDMAP, against a
# program on our library; linked, so that the sanitizers of the build see all of it.
check_PROGRAMS += tests/hostile/hostile
TESTS += tests/hostile/hostile
tests_hostile_hostile_SOURCES = tests/hostile/hostile.h tests/hostile/shot.h tests/hostile/wire.h \
	tests/hostile/main.c tests/hostile/wire.c tests/hostile/peer.c tests/hostile/victim.c \
	tests/hostile/arena.c tests/hostile/async.c tests/hostile/stream.c tests/hostile/shot.c \
	tests/hostile/request.c tests/hostile/reply.c tests/hostile/segment.c \
	tests/hostile/tagged.c tests/hostile/response.c tests/hostile/extension.c \
	tests/hostile/end.c tests/hostile/flood.c tests/hostile/race.c
tests_hostile_hostile_CFLAGS = $(AM_CFLAGS) $(VERBS_CFLAGS)
tests_hostile_hostile_LDADD = librdmacm.la $(VERBS_LIBS)
