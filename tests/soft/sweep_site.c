// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Which pass of which site fails. A site is known by who called it: the same way
 * is found again in the next process whatever the threads have done before.
 */
#include <execinfo.h>
#include <pthread.h>

#include "base/fault.h"
#include "tests/soft/sweep_run.h"

#define NEVER 1000000000
#define NEAR 5	   /* callers that make a way to a site another one */
#define STORM 2000 /* failures in a row; then all works again, and nothing may stay stuck */
#define OWN 2	   /* frames between a site, or iw_fault_hit(), and backtrace(3) */

struct sweep_report *sweep_report;
static struct sweep_job job;
static bool armed;
static unsigned int occurrences, since;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects: the above, the report */

static bool is_due(enum sweep_class class, uint64_t way)
{
	if (sweep_report->fired) {
		since++;
		return class == job.class &&
		       ((job.onward && since < STORM) || (job.second && since == job.second));
	}
	return class == job.class && way == job.way && ++occurrences == job.occurrence;
}

bool sweep_pass(enum sweep_class class)
{
	struct sweep_report *r = sweep_report;
	void *frames[SWEEP_FRAMES + OWN];
	uint64_t way = 14695981039346656037u;
	bool fails;
	int n;

	if (!sweep_is_armed())
		return false;
	n = backtrace(frames, SWEEP_FRAMES + OWN);
	for (int i = OWN; i < n && i < OWN + NEAR; i++)
		way = (way ^ (uintptr_t)frames[i]) * 1099511628211u;
	pthread_mutex_lock(&lock);
	if (r->passed[class] < SWEEP_SITES)
		r->way[class][r->passed[class]++] = way;
	fails = is_due(class, way);
	if (fails && !r->fired++) {
		r->n_frames = n > OWN ? n - OWN : 0;
		memcpy(r->frames, frames + OWN, sizeof(r->frames));
	}
	pthread_mutex_unlock(&lock);
	return fails;
}

static bool hook(unsigned long nth, bool fails)
{
	(void)nth;
	sweep_credit();
	fails = sweep_pass(SWEEP_FAULT);
	__asm__ volatile("" ::: "memory"); /* keeps this frame */
	return fails;
}

void sweep_arm(const struct sweep_job *what)
{
	void *warm[1];

	backtrace(warm, 1); /* loads what it needs */
	job = *what;
	occurrences = since = sweep_report->fired = 0;
	iw_fault_hook = hook;
	iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, NEVER);
	__atomic_store_n(&armed, true, __ATOMIC_RELEASE);
}

bool sweep_is_armed(void)
{
	return __atomic_load_n(&armed, __ATOMIC_ACQUIRE);
}

void sweep_disarm(void)
{
	__atomic_store_n(&armed, false, __ATOMIC_RELEASE);
	iw_fault_arm(0, 0);
}
