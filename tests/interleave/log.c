// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The core's log: an error in it, an illegal transition, say, is a violation. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "tests/interleave/sched.h"

int iw_log_threshold = IW_LOG_ERROR;

int iw_log_read_environment(void)
{
	return iw_log_threshold;
}

void iw_log_write(enum iw_log_level level, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	il_check(level != IW_LOG_ERROR, "error in the log: %s", line);
}
