/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A run of fault_sweep: one session with one failure, in a process of its own. */
#ifndef SWEEP_RUN_H
#define SWEEP_RUN_H

#include "tests/soft/sweep.h"

#define SWEEP_SITES 4096
#define SWEEP_FRAMES 12
#define SWEEP_GAPS 64

/* What fails. */
enum sweep_class {
	SWEEP_FAULT, /* a site of base/fault */
	SWEEP_EINTR, /* a call that a signal can interrupt */
	SWEEP_SHORT, /* a transfer on a stream: one byte goes */
	SWEEP_CLASSES,
};

/* When: the @occurrence-th pass (from 1) of the way to a site; 0: never. */
struct sweep_job {
	enum sweep_class class;
	uint64_t way;
	unsigned int occurrence;
	unsigned int second; /* and the site so many passes later; 0: none */
	bool onward;	     /* and everything after it */
};

/* What a run tells its parent. */
struct sweep_report {
	unsigned int passed[SWEEP_CLASSES];
	uint64_t way[SWEEP_CLASSES][SWEEP_SITES]; /* a digest of who called */
	void *frames[SWEEP_FRAMES];		  /* of the first that failed */
	int n_frames;
	unsigned int fired;
	char step[200], verdict[256];
	int err, descriptors, threads;
	long live; /* allocations of ours that are not freed */
	/* Calls that can fail and that no iw_fault() announced. */
	struct {
		void *from;
		const char *name;
	} gap[SWEEP_GAPS];
	unsigned int n_gaps;
};
extern struct sweep_report *sweep_report;

/* @usual: a report without failures, or NULL. Does not return. */
_Noreturn void sweep_run(const struct sweep_kind *kind, const struct sweep_job *job,
			 const struct sweep_report *usual);

/* Between the two, sites are counted and the job's fail. */
void sweep_arm(const struct sweep_job *job);
void sweep_disarm(void);
bool sweep_is_armed(void);
/* A site of @class is passed; whether it fails. */
bool sweep_pass(enum sweep_class class);

/* Of sweep_wrap.c. */
long sweep_live(void);
void sweep_credit(void);

#endif
