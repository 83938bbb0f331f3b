/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether threads of this process sleep, as those do that wait: a time alone
 * does not say that they have come so far.
 */
#ifndef IW_TEST_ASLEEP_H
#define IW_TEST_ASLEEP_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

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

static inline bool others_sleep(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	bool asleep = true;

	while (dir && asleep && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != gettid())
			asleep = is_asleep(atoi(entry->d_name));
	if (dir)
		closedir(dir);
	return asleep;
}

/* Until all other threads of the process have slept for 15 ms; waits at most 5 s. */
static inline void wait_until_others_sleep(void)
{
	int quiet = 0;

	for (int i = 0; i < 1000 && quiet < 3; i++) {
		usleep(5000);
		quiet = others_sleep() ? quiet + 1 : 0;
	}
}

#endif
