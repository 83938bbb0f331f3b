/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which state may follow which, as data, for connections and for QPs; and the
 * two functions that write such a state. None blocks.
 */
#ifndef IW_STATE_H
#define IW_STATE_H

#include "iwcm-core/iw_id.h"

/* Who moves a QP: the core asks for it, or the driver tells that it happened. */
enum iw_qp_by {
	IW_QP_ASKED = 1,
	IW_QP_TOLD = 2,
};

bool iw_state_legal(enum iw_cm_state from, enum iw_cm_state to);
bool iw_qp_legal(enum iw_qp_state from, enum iw_qp_state to, enum iw_qp_by by);

/*
 * The one writer of id->state, under the id's lock. An illegal step changes
 * nothing: -EINVAL, and an error in the log.
 */
int iw_state_set(struct iw_id *id, enum iw_cm_state to);

/*
 * The one writer of id->qp_state, under the id's lock. A step that the table
 * forbids changes nothing: a request that the end of the connection overtook
 * must not bring the QP back.
 */
void iw_qp_record(struct iw_id *id, enum iw_qp_state to, enum iw_qp_by by);

#endif
