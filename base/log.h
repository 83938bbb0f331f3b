/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The log: IWSHIM_LOG=error|warn|info|debug|trace (default error) to stderr or
 * to the file that IWSHIM_LOG_FILE names. Setuid programs ignore both.
 * A line is written with one write(2), so lines of several threads and
 * processes do not mix; what is not printable ASCII in it stands as \xNN.
 * errno survives every call.
 *
 * The file is made with mode 0600. One that is there already is taken if it is
 * a regular file of this user or root with one name, or a character device;
 * links are not followed. A program that closes our descriptor has no log; one
 * that puts another in the place of its stderr has the log there if it is a
 * terminal, /dev/null, a file with O_APPEND or one without a name.
 */
#ifndef IW_LOG_H
#define IW_LOG_H

#include <stdbool.h>

enum iw_log_level {
	IW_LOG_ERROR,
	IW_LOG_WARN,
	IW_LOG_INFO,
	IW_LOG_DEBUG,
	IW_LOG_TRACE,
};

extern int iw_log_threshold; /* negative until the environment was read */

int iw_log_read_environment(void);
/* At load, before anything can get the number of a stderr that the program closes. */
void iw_log_remember_stderr(void);
void iw_log_write(enum iw_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline bool iw_log_enabled(enum iw_log_level level)
{
	int threshold = __atomic_load_n(&iw_log_threshold, __ATOMIC_ACQUIRE);

	if (__builtin_expect(threshold < 0, 0))
		threshold = iw_log_read_environment();
	return (int)level <= threshold;
}

#define iw_log(level, ...)                                \
	do {                                              \
		if (iw_log_enabled(level))                \
			iw_log_write(level, __VA_ARGS__); \
	} while (0)

#define iw_error(...) iw_log(IW_LOG_ERROR, __VA_ARGS__)
#define iw_warn(...) iw_log(IW_LOG_WARN, __VA_ARGS__)
#define iw_info(...) iw_log(IW_LOG_INFO, __VA_ARGS__)
#define iw_debug(...) iw_log(IW_LOG_DEBUG, __VA_ARGS__)
#define iw_trace(...) iw_log(IW_LOG_TRACE, __VA_ARGS__)

#endif
