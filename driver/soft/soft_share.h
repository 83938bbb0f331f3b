/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What strangers may take of the process's descriptors. Streams that the program
 * has accepted are its own business; handshakes and sockets that linger are not.
 */
#ifndef IW_SOFT_SHARE_H
#define IW_SOFT_SHARE_H

/* Below this many nobody asks. */
#define SOFT_SHARE_LEAST 32

/*
 * The most that one kind of them may hold: one of so many @parts of RLIMIT_NOFILE as
 * it is now, SOFT_SHARE_LEAST at least.
 */
unsigned int soft_share_of_descriptors(unsigned int parts);

#define SOFT_SHARE_HANDSHAKES 2
#define SOFT_SHARE_LINGERING 4

#endif
