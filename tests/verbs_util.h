/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the tests of verbs/ share: which library is the real one, and the log.
 */
#ifndef IW_VERBS_UTIL_H
#define IW_VERBS_UTIL_H

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fake_verbs.h"

#define FAKE_VERBS IW_TEST_LIBS "/libfakeverbs.so"
#define FAKE_VERBS_OLD IW_TEST_LIBS "/libfakeverbs_old.so"

static inline struct fake_verbs *load_fake(const char *path, int flags)
{
	void *library = dlopen(path, RTLD_NOW | flags);

	return library ? dlsym(library, "fake_verbs") : NULL;
}

/* The fake library is the real libibverbs of this process. */
static inline struct fake_verbs *use_fake(const char *path)
{
	setenv("IWSHIM_LIBIBVERBS", path, 1);
	return load_fake(path, 0);
}

/* From now on the log goes to a file; call it before anything logs. */
static inline const char *use_log(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/iwshim-verbs-%d.log", (int)getpid());
	unlink(path);
	setenv("IWSHIM_LOG_FILE", path, 1);
	return path;
}

/* How many of its lines hold @word; the file is removed. */
static inline int count_log(const char *path, const char *word)
{
	FILE *f = fopen(path, "r");
	char line[1024];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	if (f)
		fclose(f);
	unlink(path);
	return n;
}

#endif
