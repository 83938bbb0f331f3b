// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The answers where verbs/ is not linked in: no call of verbs is ours to catch,
 * and nobody is kept from anything.
 */
#include "base/verbs_entry.h"

#include <stddef.h>

__attribute__((weak)) int iw_verbs_reachable(void)
{
	return 0;
}

__attribute__((weak)) const char *iw_verbs_real_path(void)
{
	return NULL;
}
