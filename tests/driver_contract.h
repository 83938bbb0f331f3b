/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The contract of a driver (iw_cm.h) as tests of one source, and what they ask
 * of the world around a driver: a peer that can be told what to do. Each driver
 * brings its world; the tests know nothing else of it.
 */
#ifndef IW_DRIVER_CONTRACT_H
#define IW_DRIVER_CONTRACT_H

#include <stdbool.h>

#include "iwcm-core/iw_driver.h"

const struct iw_driver *world_driver(void);
void world_open(void);
/* Fails the test if the driver left something behind. */
void world_close(void);
/* The number of the QP that connect and accept name. */
uint32_t world_qp(void);
/* Lets happen what is on its way: one event, or a millisecond. */
void world_step(struct iw_source *source);

/* ---- the peer of an active id; @id is not connected yet */

/* Makes @id ready to be connected to the peer. Events of addressing may follow. */
void world_address(struct iw_cm_id *id);
void world_peer_accepts(struct iw_cm_id *id, const char *data);
void world_peer_rejects(struct iw_cm_id *id, const char *data);
/* It closes without an answer. */
void world_peer_vanishes(struct iw_cm_id *id);
/* It accepts and closes before anybody looks. */
void world_peer_accepts_and_closes(struct iw_cm_id *id);

/* ---- peers of a listener, numbered from 0 */

/* Binds @id to a local address; it may listen then. */
void world_bind(struct iw_cm_id *id);
/* Peer @n asks for a connection, IRD 7 and ORD 5. */
void world_peer_asks(struct iw_cm_id *listener, unsigned int n, const char *data);
/* True once peer @n knows that it was refused. May wait for that. */
bool world_peer_is_refused(unsigned int n);
/* Peer @n has its answer: accept has succeeded on our side. */
void world_peer_hears(struct iw_cm_id *child, unsigned int n);

/* ---- of a connection */

/* The peer closes; @n as above, 0 for an active id. */
void world_peer_closes(struct iw_cm_id *id, unsigned int n);
/* What a device reports when we have closed. */
void world_we_close(struct iw_cm_id *id);

#endif
