/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The log's lines in the hands of a test: what stands in for stderr between
 * capture_begin() and capture_end().
 */
#ifndef IW_LOG_CAPTURE_H
#define IW_LOG_CAPTURE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"

static struct {
	int fd, stderr_fd, threshold;
	unsigned int stall_ms;
} capture;

static __thread char capture_text[32768];

/* What is above @level is not written; whatever waits speaks after @stall_ms. */
static inline void capture_begin(enum iw_log_level level, unsigned int stall_ms)
{
	char path[] = "/tmp/iwshim-log-XXXXXX";

	capture.threshold = iw_log_read_environment();
	capture.fd = mkstemp(path);
	cr_assert_geq(capture.fd, 0);
	unlink(path);
	capture.stderr_fd = dup(STDERR_FILENO);
	dup2(capture.fd, STDERR_FILENO);
	capture.stall_ms = iw_stall_ms;
	iw_stall_ms = stall_ms;
	__atomic_store_n(&iw_log_threshold, (int)level, __ATOMIC_RELEASE);
}

static inline const char *captured(void)
{
	ssize_t n = pread(capture.fd, capture_text, sizeof(capture_text) - 1, 0);

	capture_text[n < 0 ? 0 : n] = 0;
	return capture_text;
}

/* How often @what stands in the log. */
static inline unsigned int captured_count(const char *what)
{
	unsigned int n = 0;

	for (const char *at = captured(); (at = strstr(at, what)); at++)
		n++;
	return n;
}

/* Waits at most 20 s for the @n-th. */
static inline bool captured_wait(const char *what, unsigned int n)
{
	for (int i = 0; i < 20000; i++, usleep(1000))
		if (captured_count(what) >= n)
			return true;
	return false;
}

#define cr_assert_captured(what)                                                         \
	cr_assert_not_null(strstr(captured(), (what)), "not in the log: %s\n%s", (what), \
			   capture_text)

static inline void capture_end(void)
{
	__atomic_store_n(&iw_log_threshold, capture.threshold, __ATOMIC_RELEASE);
	iw_stall_ms = capture.stall_ms;
	dup2(capture.stderr_fd, STDERR_FILENO);
	close(capture.stderr_fd);
	close(capture.fd);
}

#endif
