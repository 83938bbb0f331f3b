/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What fork(2) means for the driver. The kernel refuses a child's commands on
 * its parent's files; here we see to it that no lock stays held in the child,
 * and that the driver can tell what the parent left.
 */
#ifndef IW_KFORK_H
#define IW_KFORK_H

/* Before the first object of the driver; any number of times. -ENOMEM. */
int kfork_setup(void);
/* How often this process was forked since kfork_setup(). */
unsigned int kfork_count(void);

#endif
