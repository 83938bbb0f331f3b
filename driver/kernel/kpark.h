/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Where ids of the kernel go whose connection attempt nobody waits for any
 * more, but the kernel does. Its DESTROY_ID, DISCONNECT and close(2) sleep until
 * the peer has answered or siw's 10 s are over, whatever is done to the QP. So
 * such an id moves to a file of our own, where its outcome arrives, and is
 * destroyed when that has been seen: by the next call into the driver, since
 * there is no thread of ours.
 */
#ifndef IW_KPARK_H
#define IW_KPARK_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Takes @kernel_id with its @uid away from the file @fd. Destroys it at once if
 * its outcome was waiting there unread. @reported: how many events @fd has
 * handed out for it. On error (-ENOMEM, of open, of MIGRATE_ID) nothing has
 * changed.
 */
int kpark_id(int fd, uint32_t kernel_id, uint64_t uid, uint32_t *reported);

/* The outcome of @uid has been seen elsewhere: destroys it, if it is still here. */
void kpark_end(uint64_t uid);

/* Destroys the ids whose outcome is known by now. One load if there is none. */
void kpark_reap(void);

/* How many are parked. For tests. */
unsigned int kpark_count(void);

void kpark_fork_begin(void);
void kpark_fork_end(bool child);

#endif
