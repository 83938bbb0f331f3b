// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_share.h"

#include <sys/resource.h>

#include "base/fault.h"

unsigned int soft_share_of_descriptors(unsigned int parts)
{
	const rlim_t enough = 1 << 20;
	struct rlimit limit;

	if (iw_fault(IW_FAULT_SYSCALL) || getrlimit(RLIMIT_NOFILE, &limit))
		return SOFT_SHARE_LEAST;
	if (limit.rlim_cur > enough)
		limit.rlim_cur = enough;
	limit.rlim_cur /= parts;
	return limit.rlim_cur < SOFT_SHARE_LEAST ? SOFT_SHARE_LEAST : (unsigned int)limit.rlim_cur;
}
