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
 * Blocks as the driver does. 0 (also if it is there already), -EINVAL: no QP,
 * or not allowed from here; -EOPNOTSUPP; the driver's error.
 */
int iw_qp_ask_and_unlock(struct iw_id *id, enum iw_qp_state to);

/* Asks for ERR or SQD because the connection ends; errors are only logged. */
void iw_qp_end(struct iw_id *id, enum iw_qp_state to);

#endif
