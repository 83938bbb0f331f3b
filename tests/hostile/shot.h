/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Tests as data: up to four segments on a fresh stream, of which the last is
 * wrong, and what becomes of it. Each shot is fired twice: at a responder with
 * whole FPDUs without CRC, and at an initiator byte by byte with CRC.
 */
#ifndef HOSTILE_SHOT_H
#define HOSTILE_SHOT_H

#include "tests/hostile/hostile.h"

#define SHOT_BULLETS 4

struct bullet {
	uint8_t ddp, rdmap; /* as on the wire */
	uint32_t qn, msn, mo;
	/*
	 * What it aims at: the STag and TO of a tagged segment, the source of a
	 * Read Request, the target of an Atomic, the STag that a Send invalidates.
	 */
	enum where where;
	int64_t off;  /* from the region's start */
	uint64_t to;  /* absolute, if not 0 */
	uint32_t len; /* payload, or what a Read asks for */
	int lie;      /* ULPDU_Length */
	const void *payload;
	uint32_t value; /* AOpCode; RsvdULP of a Send */
};

enum {
	SHOT_PLACES = 0x100, /* the last one's payload may be found in memory */
	SHOT_LEGAL = 0x200,  /* nothing is wrong: the stream lives on */
	SHOT_WHOLE = 0x400,  /* no second round */
	SHOT_SILENT = 0x800, /* the quoted header is not looked at */
};

struct shot {
	const char *name;
	unsigned int how; /* S_* and SHOT_* */
	struct bullet b[SHOT_BULLETS];
	struct outcome due;
};

void shot_run(struct test *t, const struct shot *shot);

/* Headers of good messages, to be spoiled. */
#define B_WRITE .ddp = TAGGED_LAST, .rdmap = OP_WRITE
#define B_SEND .ddp = UNTAGGED_LAST, .rdmap = OP_SEND, .msn = 1
#define B_READ .ddp = UNTAGGED_LAST, .rdmap = OP_READ_REQUEST, .qn = 1, .msn = 1
#define B_ATOMIC .ddp = UNTAGGED_LAST, .rdmap = OP_ATOMIC_REQUEST, .qn = 1, .msn = 1
#define B_IMM .ddp = UNTAGGED_LAST, .rdmap = OP_IMMEDIATE, .msn = 1, .len = 8
/* What becomes of them. */
#define DUE(layer, type, code, ev)                                           \
	{                                                                    \
		.terminate = TERM(layer, type, code), .quotes = (layer) < 2, \
		.event = IBV_EVENT_QP_##ev                                   \
	}
#define DUE_RECV(layer, type, code, wc)                                      \
	{                                                                    \
		.terminate = TERM(layer, type, code), .quotes = (layer) < 2, \
		.event = IBV_EVENT_QP_FATAL, .recv = IBV_WC_##wc             \
	}
#define DUE_USED(layer, type, code, wc, n)                                   \
	{                                                                    \
		.terminate = TERM(layer, type, code), .quotes = (layer) < 2, \
		.event = IBV_EVENT_QP_FATAL, .recv = IBV_WC_##wc, .used = n  \
	}

#endif
