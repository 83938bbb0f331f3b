/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* From 0 or a negative errno to the ways in which verbs report an error. */
#ifndef IW_SOFT_DIALECT_H
#define IW_SOFT_DIALECT_H

#include <errno.h>
#include <stddef.h>

/* 0 or a positive errno. Also in errno, where some programs look. */
static inline int soft_positive(int rc)
{
	if (rc < 0)
		errno = -rc;
	return -rc;
}

/* 0, or -1 and errno. */
static inline int soft_minus_one(int rc)
{
	if (rc < 0)
		errno = -rc;
	return rc < 0 ? -1 : 0;
}

static inline void *soft_null(int rc)
{
	errno = -rc;
	return NULL;
}

#endif
