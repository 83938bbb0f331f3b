/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Which call of the program a thread is in, so that whatever blocks below it can
 * say so in the log. The calls of the shim set it and nobody takes it back: it is
 * valid in what they call, and of their own thread. It is not of verbs: what the
 * program calls by ibv_* must not ask.
 */
#ifndef IW_CALLER_H
#define IW_CALLER_H

#include <stddef.h>

/* Of iw_caller_text(). */
#define IW_CALLER_TEXT 320

struct iw_caller {
	const char *call;   /* a literal; NULL: a thread of ours */
	const void *object; /* NULL: none yet */
	/* Takes no lock and allocates nothing; runs while the call has @object. */
	void (*describe)(const void *object, char *text, size_t room);
};

/* Of the calling thread. */
extern __thread struct iw_caller iw_caller_now __attribute__((tls_model("initial-exec")));

static inline void iw_caller_is(const char *call, const void *object,
				void (*describe)(const void *object, char *text, size_t room))
{
	iw_caller_now.call = call;
	iw_caller_now.object = object;
	iw_caller_now.describe = describe;
}

/* @object goes: what the thread does on is of no object. */
static inline void iw_caller_forget(const void *object)
{
	if (iw_caller_now.object == object)
		iw_caller_now.object = NULL;
}

/* "rdma_connect of id 0x5581 (...)", into @text of IW_CALLER_TEXT bytes; returns it. */
const char *iw_caller_text(const struct iw_caller *caller, char *text);

#endif
