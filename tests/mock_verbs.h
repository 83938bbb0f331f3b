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
	MOCK_NCALLS
};

/* The next @call fails with @error (positive errno, or -1 as some providers do), once. */
void mock_verbs_fail(enum mock_call call, int error);
/* How often it was made, failures included. */
unsigned int mock_verbs_calls(enum mock_call call);
/* Whether the device is in the list. */
void mock_verbs_plug(int device, bool there);
/* Whether libibverbs tells indices (-1 otherwise, as for old kernels). */
void mock_verbs_indices(bool known);

/* Objects alive: QPs, SRQs, CQs, completion channels; contexts and PDs. */
int mock_verbs_live(void);
int mock_verbs_contexts(void);
/* Destroyed twice, in the wrong order or never made. */
int mock_verbs_misuses(void);

#endif
