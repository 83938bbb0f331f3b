/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * How long the software device waits for a peer. All limits hang on one: the
 * time after which a peer that says nothing is taken for dead. It is 60 s, or
 * what IWSHIM_PEER_TIMEOUT says (setuid programs ignore it); the others keep
 * their proportion to it.
 *
 * Whoever waits for a peer for a time of his own passes it through soft_limit_ms().
 */
#ifndef IW_SOFT_LIMIT_H
#define IW_SOFT_LIMIT_H

/* Seconds; the bounds of what may be asked for. */
#define SOFT_LIMIT_DEAD_PEER_S 60
#define SOFT_LIMIT_MIN_S 6
#define SOFT_LIMIT_MAX_S 3600

/* Seconds for what IWSHIM_PEER_TIMEOUT holds. NULL and "": the default; beyond the bounds: they. */
unsigned int soft_limit_parse(const char *text);
/* A peer that says nothing for so many seconds is dead. Read once a process. */
unsigned int soft_limit_dead_peer_s(void);
/* A limit of @ms at the default, in this process. */
unsigned int soft_limit_ms(unsigned int ms);

#endif
