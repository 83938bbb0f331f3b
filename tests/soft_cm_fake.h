/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What stands in for the rest of the software device in tests of its CM: QPs
 * that answer for their stream by the contract of soft_qp.h and no further, one
 * device for every local address, and the generation of the process.
 */
#ifndef IW_TEST_SOFT_CM_FAKE_H
#define IW_TEST_SOFT_CM_FAKE_H

#include "driver/soft/soft_qp.h"
#include "driver/soft/soft_setup.h"
#include "iwcm-core/iw_driver.h"
#include "tests/soft_peer.h"

#define FAKE_QPS 8
#define FAKE_GUID 0x4711

/* The QPs' numbers are 1 .. FAKE_QPS. */
struct soft_qp *fake_qp(uint32_t num);
extern int fake_attach_error;	       /* returned by the next attach */
extern bool fake_end_in_attach;	       /* the stream ends before attach returns */
extern unsigned int fake_generation;   /* what soft_generation() says */
extern unsigned int fake_attached;     /* streams that live; atomic */
extern unsigned int fake_released;     /* that may send unasked; atomic */
extern struct soft_stream fake_stream; /* of the last attach */
int fake_qp_refs(void);		       /* that are held */

/* ---- ids and what their handler saw */

struct fake_seen {
	struct iw_cm_event ev[16];
	uint8_t data[16][IW_CM_PRIVATE_DATA_MAX];
	unsigned int n; /* atomic */
};
/* Of the soft driver; its events go to @seen, for a listener those of its children too. */
struct iw_cm_id *fake_id(struct fake_seen *seen);
/* Bound to 127.0.0.1 and listening; *@addr says where. */
struct iw_cm_id *fake_listener(struct fake_seen *seen, unsigned int slots,
			       struct sockaddr_storage *addr);
/* Ready to connect to @to; ADDR and ROUTE are the first two events of @seen. */
struct iw_cm_id *fake_connector(struct fake_seen *seen, const struct sockaddr_in *to);
/* Nothing is left of ids, streams, references or descriptors; call it last. */
void fake_finish(void);

#define fake_count(seen) __atomic_load_n(&(seen)->n, __ATOMIC_ACQUIRE)

/* Waits until @what holds, at most 5 s; what follows it is said when it does not. */
#define fake_wait_saying(what, ...)                             \
	do {                                                    \
		for (int ms_ = 0; ms_ < 5000 && !(what); ms_++) \
			usleep(1000);                           \
		cr_assert(what, __VA_ARGS__);                   \
	} while (0)
#define fake_wait_for(what) fake_wait_saying(what, "within 5 s")

#endif
