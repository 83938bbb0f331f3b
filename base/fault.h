/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Allocation, and the injection of failures into it and into system calls.
 *
 * All of our code allocates through iw_calloc() and asks iw_fault() before a
 * system call that can fail. A test arms the n-th such site of its process and
 * sweeps n upwards until nothing fails any more. Unarmed, a site costs one
 * relaxed load.
 */
#ifndef IW_FAULT_H
#define IW_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum iw_fault_kind {
	IW_FAULT_ALLOC = 1,
	IW_FAULT_SYSCALL = 2,
	/* Beside these: sites of the thread that arms, not those that others pass meanwhile. */
	IW_FAULT_HERE = 4,
};

extern int iw_fault_armed;
/*
 * For tests: hears of each site that is passed, armed, the @nth; @fails: this is
 * the one that was armed. Returns whether it fails, so that a test can have more
 * than one failure.
 */
extern bool (*iw_fault_hook)(unsigned long nth, bool fails);

bool iw_fault_hit(enum iw_fault_kind kind);

/* True if this site has to fail now. */
static inline bool iw_fault(enum iw_fault_kind kind)
{
	return __builtin_expect(__atomic_load_n(&iw_fault_armed, __ATOMIC_RELAXED), 0) &&
	       iw_fault_hit(kind);
}

/*
 * Arms the @nth site (from 1) of the kinds in @kinds to fail, once. 0 disarms.
 * Tests alone call these.
 */
void iw_fault_arm(unsigned int kinds, unsigned long nth);
/* Sites passed since iw_fault_arm(); more than nth means that the fault fired. */
unsigned long iw_fault_passed(void);

/* Zeroed memory, NULL if there is none. Free with free(3). */
void *iw_calloc(size_t n, size_t size);

#endif
