/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The clock that timeouts are measured by. iwcm-core knows none. */
#ifndef IW_CLOCK_H
#define IW_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds of CLOCK_MONOTONIC. */
static inline uint64_t iw_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
