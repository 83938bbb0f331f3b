/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * tests/.libs/libfakeverbs.so, which tests load as their real libibverbs, and
 * libfakeverbs_old.so, which has ibv_get_device_list alone. Each exports one
 * struct fake_verbs by the name fake_verbs.
 */
#ifndef IW_FAKE_VERBS_H
#define IW_FAKE_VERBS_H

#include <infiniband/verbs.h>

#define FAKE_VERBS_RC 77

struct fake_verbs {
	const char *last; /* called; without "ibv_" */
	int lists;	  /* not freed */
	int list_error;	  /* ibv_get_device_list() fails with this errno */
	/* Calls @list_fn from inside the library; how many devices it gave. */
	int (*list_from_inside)(struct ibv_device **(*list_fn)(int *));
	struct ibv_device devices[2];
};

#endif
