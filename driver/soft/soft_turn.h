/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whose turn it is among the requests of a listener. Programs that pass a request
 * from the thread that reads events to another in one variable (rping -P) lose it
 * if the next comes first, which over a network it hardly does. So a request is
 * held back until the program has taken up the one before: made its QP, answered
 * or destroyed it. A program that collects requests pays TURN_PATIENCE_MS a few
 * times, then none is held back any more.
 *
 * A listener and its children share one; nobody keeps another alive by it.
 */
#ifndef IW_SOFT_TURN_H
#define IW_SOFT_TURN_H

#include <stdint.h>

#define TURN_PATIENCE_MS 20
#define TURN_PATIENCE 3

struct soft_conn;
struct soft_turn;

/* With the listener's reference. -ENOMEM. */
int soft_turn_new(struct soft_conn *listener, struct soft_turn **turn);
/* The listener has stopped: nobody turns to it any more. NULL is fine, here and below. */
void soft_turn_stop(struct soft_turn *turn);
void soft_turn_put(struct soft_turn *turn);
/* 0, or -EAGAIN: the last request has not been taken up. */
int soft_turn_check(struct soft_turn *turn);
/* @conn is handed over: it gets a reference and its number. */
void soft_turn_begin(struct soft_turn *turn, struct soft_conn *conn);
/* Child number @no was taken up; its reference goes. The next in line may come now. */
void soft_turn_taken(struct soft_turn *turn, uint64_t no);

#endif
