/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Birth, references and death of an id.
 *
 * A reference has an owner class (enum iw_ref_class). The driver hears id_gone
 * once the id is dying and neither a drain nor an operation is left; the memory
 * goes when no class holds any reference.
 */
#ifndef IW_REF_H
#define IW_REF_H

#include "iwcm-core/iw_id.h"

/* An id in IDLE with the CREATOR's and the DRIVER's reference. NULL: no memory. */
struct iw_id *iw_id_new(const struct iw_cm_driver_ops *ops, bool child);
/* Frees an id that the driver has never heard of. */
void iw_id_drop(struct iw_id *id);

/* Under the id's lock. */
void iw_ref_get(struct iw_id *id, enum iw_ref_class class);
/* Drops one that cannot be the last, under the lock. */
void iw_ref_drop(struct iw_id *id, enum iw_ref_class class);
/* Entered with the id's lock, left without it; @id may be gone afterwards. */
void iw_ref_put_and_unlock(struct iw_id *id, enum iw_ref_class class);
/* How many references of @class are held now. */
unsigned int iw_ref_held(struct iw_id *id, enum iw_ref_class class);
/* How many are held on all ids of the process; counted in debug builds alone. */
long iw_ref_total(enum iw_ref_class class);

/*
 * A call of the client: takes an OPERATION reference, listed with its thread.
 * 0: left with the id's lock held; -ESHUTDOWN: the id is dying, no lock held.
 */
int iw_op_begin(struct iw_id *id, struct iw_op *op);
/* Entered without the lock. */
void iw_op_end(struct iw_id *id, struct iw_op *op);
/* The same, with the lock held before and, for enter, after. */
void iw_op_enter(struct iw_id *id, struct iw_op *op, void *qp);
void iw_op_leave_and_unlock(struct iw_id *id, struct iw_op *op);

/* True if the calling thread is inside a handler or an operation of the id. */
bool iw_id_entered(struct iw_id *id);

/* What a call waits for on an id: @what completes "has waited 5 s for". */
struct iw_wait {
	const struct iw_id *id;
	const char *what;
};

/*
 * For struct iw_stall, with a struct iw_wait; the id's lock is held. It says an
 * error, since these waits are for no peer.
 */
void iw_wait_tell(const void *wait, unsigned int seconds);

/*
 * Destroys without waiting, if nobody does already: the CREATOR's reference
 * goes, and whoever drops the last reference frees. The caller holds one.
 */
void iw_id_kill(struct iw_id *id);

/* Returns the child's request credit, if it still holds one. No lock held. */
void iw_id_give_credit(struct iw_id *id);

#endif
