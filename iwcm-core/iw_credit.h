/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Request credits: how many children of a listener may wait for the client.
 * The object is counted, because a child that holds a credit may outlive its
 * listener. None of these blocks.
 */
#ifndef IW_CREDIT_H
#define IW_CREDIT_H

struct iw_credits;

/* @slots credits and one user, the listener. NULL: no memory. */
struct iw_credits *iw_credits_new(unsigned int slots);
/* Takes one credit and becomes a user. 0 or -EBUSY. */
int iw_credits_take(struct iw_credits *credits);
/* Returns one credit; the user stays a user. */
void iw_credits_give(struct iw_credits *credits);
/* One user less; the last one frees. NULL is fine. */
void iw_credits_put(struct iw_credits *credits);

#endif
