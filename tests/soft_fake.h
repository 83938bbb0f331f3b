/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Stands in for soft_dev and the protection domains in tests of queues and
 * sets: one context, which counts its objects and keeps its async events.
 */
#ifndef IW_TEST_SOFT_FAKE_H
#define IW_TEST_SOFT_FAKE_H

#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_mr.h"

#define FAKE_EVENTS 8

struct fake_dev {
	struct soft_context ctx;
	unsigned int objects; /* alive; atomic */
	unsigned int purged;
	unsigned int n_events; /* atomic */
	enum ibv_event_type type[FAKE_EVENTS];
	void *element[FAKE_EVENTS];
};

extern struct fake_dev fake_dev;
extern unsigned int fake_generation;

/* Waits at most 5 s. */
bool fake_becomes(const unsigned int *value, unsigned int wanted);

#endif
