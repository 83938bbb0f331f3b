/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Connections of an id in the kernel: making, refusing and completing them, and
 * who is to hear what becomes of an attempt. Fetches and posts no events.
 */
#ifndef IW_KCONN_H
#define IW_KCONN_H

#include "driver/kernel/kid.h"

int kconn_connect(struct kid *kid, const struct iw_cm_conn_param *param);
int kconn_accept(struct kid *kid, const struct iw_cm_conn_param *param);
int kconn_reject(struct kid *kid, const void *private_data, size_t len, uint8_t reason);
/* Completes an active connection. -ECANCELED: it was given up meanwhile, and is ended. */
int kconn_establish(struct kid *kid);

/*
 * True if an attempt was pending that nothing will be heard of any more: the
 * caller owes the core its failure. What the kernel brings about nevertheless
 * is ended by kconn_event_wanted().
 */
bool kconn_cancel(struct kid *kid);
/* Begins a close or answers the peer's. May be repeated. */
int kconn_disconnect(struct kid *kid);

/*
 * An event of the kernel's, in the order of fetching. False if the core is not
 * to have it: it was told an outcome before. What the kernel says instead of an
 * outcome becomes one.
 */
bool kconn_event_wanted(struct kid *kid, struct iw_cm_event *ev);

#endif
