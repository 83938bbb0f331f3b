// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/fault.h"

#include <errno.h>
#include <stdlib.h>

int iw_fault_armed;
bool (*iw_fault_hook)(unsigned long nth, bool fails);
static unsigned int fault_kinds;
static unsigned long fault_nth, fault_count;
/* This thread has armed. */
static __thread bool fault_here __attribute__((tls_model("initial-exec")));

bool iw_fault_hit(enum iw_fault_kind kind)
{
	unsigned int kinds = __atomic_load_n(&fault_kinds, __ATOMIC_RELAXED);
	unsigned long nth;
	bool fails;

	if (!(kinds & kind) || (kinds & IW_FAULT_HERE && !fault_here))
		return false;
	nth = __atomic_add_fetch(&fault_count, 1, __ATOMIC_RELAXED);
	fails = nth == __atomic_load_n(&fault_nth, __ATOMIC_RELAXED);
	return iw_fault_hook ? iw_fault_hook(nth, fails) : fails;
}

void iw_fault_arm(unsigned int kinds, unsigned long nth)
{
	fault_here = nth != 0;
	__atomic_store_n(&fault_kinds, kinds, __ATOMIC_RELAXED);
	__atomic_store_n(&fault_nth, nth, __ATOMIC_RELAXED);
	__atomic_store_n(&fault_count, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&iw_fault_armed, nth != 0, __ATOMIC_RELEASE);
}

unsigned long iw_fault_passed(void)
{
	return __atomic_load_n(&fault_count, __ATOMIC_RELAXED);
}

void *iw_calloc(size_t n, size_t size)
{
	if (iw_fault(IW_FAULT_ALLOC)) {
		errno = ENOMEM;
		return NULL;
	}
	return calloc(n, size);
}
