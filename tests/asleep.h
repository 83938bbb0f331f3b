/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether a thread of this process sleeps, as one does that waits: a time alone
 * does not say that it has come so far.
 */
#ifndef IW_TEST_ASLEEP_H
#define IW_TEST_ASLEEP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* By the letter behind the name in its stat; one that has ended sleeps. */
static inline bool is_asleep(pid_t tid)
{
	char path[64], line[128] = "", *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
	f = fopen(path, "re");
	if (!f)
		return true;
	end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	return !end || end[2] == 'S';
}

#endif
