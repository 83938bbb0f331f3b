// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

int iw_log_threshold = -1;
static int log_fd = STDERR_FILENO;
static pthread_once_t log_once = PTHREAD_ONCE_INIT;

static const char *const level_names[] = { "error", "warn", "info", "debug", "trace" };

static int level_by_name(const char *name)
{
	for (int i = 0; i <= IW_LOG_TRACE; i++)
		if (!strcmp(name, level_names[i]))
			return i;
	return -1;
}

static void log_init(void)
{
	const char *name = secure_getenv("IWSHIM_LOG");
	const char *file = secure_getenv("IWSHIM_LOG_FILE");
	int level = name && *name ? level_by_name(name) : IW_LOG_ERROR;
	int fd;

	if (file && *file) {
		fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			log_fd = fd;
		else
			dprintf(STDERR_FILENO, "iwshim: cannot open IWSHIM_LOG_FILE %s: %s\n", file,
				strerror(errno));
	}
	if (level < 0) {
		dprintf(log_fd,
			"iwshim: IWSHIM_LOG=%s is none of error, warn, info, debug, trace\n", name);
		level = IW_LOG_ERROR;
	}
	__atomic_store_n(&iw_log_threshold, level, __ATOMIC_RELEASE);
}

int iw_log_read_environment(void)
{
	int saved = errno;

	pthread_once(&log_once, log_init);
	errno = saved;
	return __atomic_load_n(&iw_log_threshold, __ATOMIC_ACQUIRE);
}

void iw_log_write(enum iw_log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	struct timespec now;
	int saved = errno, used, n;
	ssize_t written;
	va_list ap;

	clock_gettime(CLOCK_REALTIME, &now);
	used = snprintf(line, sizeof(line), "iwshim[%d.%ld] %ld.%06ld %s: ", (int)getpid(),
			(long)syscall(SYS_gettid), (long)now.tv_sec, now.tv_nsec / 1000,
			level_names[level]);
	va_start(ap, fmt);
	n = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		n = 0;
	used += n;
	if (used > (int)sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	line[used++] = '\n';
	written = write(log_fd, line, (size_t)used);
	(void)written;
	errno = saved;
}
