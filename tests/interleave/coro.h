/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Coroutines on one thread: stacks of their own with a guard page below, and
 * the switch between them. On x86-64 the switch is a dozen instructions;
 * elsewhere it is swapcontext(3), which costs two system calls.
 */
#ifndef IL_CORO_H
#define IL_CORO_H

#include <stddef.h>
#ifndef __x86_64__
#include <ucontext.h>
#endif

struct il_coro {
	void *stack; /* NULL: none yet; the thread's own has none of ours */
	size_t size;
#ifdef __x86_64__
	void *sp;
#else
	ucontext_t context;
#endif
	void *fake; /* AddressSanitizer's */
};

/* Makes @coro start in @entry, which never returns. 0 or -ENOMEM (first time alone). */
int il_coro_reset(struct il_coro *coro, void (*entry)(void));
/* First thing in @entry. */
void il_coro_entered(void);
/* Goes on in @to. @from may be NULL: it is never gone back to. */
void il_coro_switch(struct il_coro *from, struct il_coro *to);

#endif
