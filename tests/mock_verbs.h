/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * libibverbs as far as the shim calls it, in memory: two devices, objects in a
 * ledger that knows what is alive, and failures on demand.
 */
#ifndef IW_MOCK_VERBS_H
#define IW_MOCK_VERBS_H

#include <infiniband/verbs.h>
#include <stdbool.h>

#define MOCK_NDEVICES 2
#define MOCK_GUID(device) (0x0200aafffe000000ull + (unsigned int)(device))
#define MOCK_MAX_RD_ATOM 128

enum mock_call {
	MOCK_GET_DEVICE_LIST,
	MOCK_OPEN_DEVICE,
	MOCK_QUERY_DEVICE,
	MOCK_ALLOC_PD,
	MOCK_DEALLOC_PD,
	MOCK_CREATE_COMP_CHANNEL,
	MOCK_CREATE_CQ,
	MOCK_CREATE_QP,
	MOCK_DESTROY_QP,
	MOCK_CREATE_SRQ,
	MOCK_DESTROY_SRQ,
	MOCK_OPEN_XRCD,
	MOCK_CLOSE_XRCD,
	MOCK_CREATE_SRQ_EX,
	MOCK_ATTACH_MCAST,
	MOCK_DETACH_MCAST,
	MOCK_QUERY_PORT,
	MOCK_NCALLS
};

/* The next @call fails with @error (positive errno, or -1 as some providers do), once. */
void mock_verbs_fail(enum mock_call call, int error);
/* How often it was made, failures included. */
unsigned int mock_verbs_calls(enum mock_call call);
/* Whether the device is in the list. */
void mock_verbs_plug(int device, bool there);
/* What the device says that it speaks; IBV_TRANSPORT_IWARP until told. */
void mock_verbs_transport(int device, enum ibv_transport_type type);
/* The link layer of all ports: InfiniBand's until told. */
void mock_verbs_link_layer(uint8_t layer);
/* Whether libibverbs tells indices (-1 otherwise, as for old kernels). */
void mock_verbs_indices(bool known);

/* Whether devices opened from now on have XRC; not at first. */
void mock_verbs_xrc(bool there);
/* What the last QP was made of by ibv_create_qp_ex(). */
const struct ibv_qp_init_attr_ex *mock_verbs_last_qp(void);
/* Of the last attach or detach. */
union ibv_gid mock_verbs_last_mgid(void);
uint16_t mock_verbs_last_mlid(void);
/* Runs inside ibv_attach_mcast(), before it has an effect. */
extern void (*mock_verbs_while_attaching)(struct ibv_qp *qp);
/* Groups that QPs are attached to. */
int mock_verbs_attached(void);

/* Objects alive: QPs, SRQs, CQs, completion channels; contexts, PDs and domains. */
int mock_verbs_live(void);
int mock_verbs_contexts(void);
/* Destroyed twice, in the wrong order or never made. */
int mock_verbs_misuses(void);

#endif
