/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What events do to a connection, for the drain. */
#ifndef IW_CONN_H
#define IW_CONN_H

#include "iwcm-core/iw_event.h"

/*
 * Changes the state as the event in @d demands and sets @d->step. Under the
 * id's lock; never blocks.
 */
void iw_conn_event(struct iw_id *id, struct iw_delivery *d);

#endif
