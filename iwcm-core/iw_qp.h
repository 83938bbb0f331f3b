/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The QP of an id, for the core itself: whether it may be moved, and the one
 * place that calls the driver's modify_qp.
 */
#ifndef IW_QP_H
#define IW_QP_H

#include "iwcm-core/iw_id.h"

/* True if a QP is attached that the driver could be asked to move to @to. */
bool iw_qp_may(struct iw_id *id, enum iw_qp_state to);

/*
 * Asks the driver to move the QP. Entered with the id's lock, left without it;
 * the caller holds a reference. The transition in flight is listed in the id,
 * so that neither the QP can be detached nor the id be told as gone under it.
 * @param is for the driver, NULL if it is not accept that asks.
 * Blocks as the driver does. 0 (also if it is there already), -EINVAL: no QP,
 * or not allowed from here; -EOPNOTSUPP; the driver's error.
 */
int iw_qp_ask_and_unlock(struct iw_id *id, enum iw_qp_state to,
			 const struct iw_cm_conn_param *param);

/* The same for RTR and then RTS; nothing is asked for where it is already. */
int iw_qp_ready_and_unlock(struct iw_id *id, const struct iw_cm_conn_param *param);

/*
 * Asks for ERR or SQD because the connection ends; errors are only logged. The
 * QP of a datagram id serves other peers too and stays.
 */
void iw_qp_end(struct iw_id *id, enum iw_qp_state to);

#endif
