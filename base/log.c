// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"

#define LOG_LINE_MAX 1024

int iw_log_threshold = -1;
/* Constant once the threshold is set; log_file: what log_fd was at first, unless it was closed. */
static int log_fd = STDERR_FILENO;
static bool log_to_file;
static struct {
	bool known;
	dev_t dev;
	ino_t ino;
} log_file;
static pthread_once_t log_once = PTHREAD_ONCE_INIT;

static const char *const level_names[] = { "error", "warn", "info", "debug", "trace" };

static int level_by_name(const char *name)
{
	for (int i = 0; i <= IW_LOG_TRACE; i++)
		if (!strcmp(name, level_names[i]))
			return i;
	return -1;
}

/*
 * Names come from peers, hosts and the environment: nothing in them ends a line, moves the
 * cursor or hides what stands before it.
 */
static size_t escape(const char *text, char *out, size_t room)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;
		const bool plain = c >= ' ' && c <= '~';

		if (used + (plain ? 1 : 4) > room)
			break;
		if (plain) {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = digits[c >> 4];
		out[used++] = digits[c & 15];
	}
	return used;
}

static void remember(int fd)
{
	struct stat st;

	log_file.known = !fstat(fd, &st);
	if (!log_file.known)
		return;
	log_file.dev = st.st_dev;
	log_file.ino = st.st_ino;
}

__attribute__((constructor)) void iw_log_remember_stderr(void)
{
	int saved = errno;

	remember(STDERR_FILENO);
	errno = saved;
}

/*
 * Is this what a program has put in the place of its stderr? A terminal, /dev/null, a file that
 * is appended to, or one without a name, as runners of tests capture with. Anything else may be
 * a connection or a file of the program's that has got the number after a close: its log ends.
 * dup2(2) leaves what it makes open over exec.
 */
static bool is_a_stderr(const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return st->st_rdev == makedev(1, 3) || isatty(log_fd);
	if (!S_ISREG(st->st_mode) || fcntl(log_fd, F_GETFD) & FD_CLOEXEC)
		return false;
	return !st->st_nlink || fcntl(log_fd, F_GETFL) & O_APPEND;
}

/* A program may have closed our descriptor and have got its number for something else. */
static bool is_still_ours(void)
{
	struct stat now;

	if (fstat(log_fd, &now))
		return false;
	if (log_file.known && now.st_dev == log_file.dev && now.st_ino == log_file.ino)
		return true;
	return !log_to_file && is_a_stderr(&now);
}

/* Those who read it may have gone: that does not kill the program. */
static void write_without_sigpipe(const char *text, size_t len)
{
	sigset_t pipe_alone, before, pending;
	ssize_t written;

	sigemptyset(&pipe_alone);
	sigaddset(&pipe_alone, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_alone, &before);
	written = write(log_fd, text, len);
	if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe_alone, NULL, &(struct timespec){ 0 }) < 0 &&
		       errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* One line, without its end, in one write(2). */
static void write_line(const char *text)
{
	char line[LOG_LINE_MAX];
	size_t used = escape(text, line, sizeof(line) - 1);

	line[used++] = '\n';
	if (is_still_ours())
		write_without_sigpipe(line, used);
}

/*
 * What is there already is not ours for certain: somebody may have put it in our way. A file
 * has to be its owner's or root's own, with no second name; a device (/dev/null, a terminal)
 * will do; FIFOs and sockets would block, or show what we write to whoever reads.
 */
static int judge_existing(const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return 0;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return -EPERM;
	return st->st_nlink > 1 ? -EMLINK : 0;
}

static int open_existing(const char *path)
{
	struct stat st;
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fstat(fd, &st) ? -errno : judge_existing(&st);
	if (!rc && fcntl(fd, F_SETFL, O_APPEND))
		rc = -errno;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

static int open_log(const char *path)
{
	int fd = -1, rc = 0;

	if (iw_fault(IW_FAULT_SYSCALL))
		return -EMFILE;
	/* Another process may make or remove it meanwhile. */
	for (int i = 0; i < 3 && (!i || rc == -ENOENT); i++) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
		if (fd >= 0)
			return fd;
		rc = errno == EEXIST ? open_existing(path) : -errno;
	}
	return rc;
}

static const char *reason(int error)
{
	switch (error) {
	case -EINVAL:
	case -ENXIO:
		return "not a regular file";
	case -ELOOP:
		return "it is a symbolic link";
	case -EPERM:
		return "it belongs to another user";
	case -EMLINK:
		return "it has more than one name";
	default:
		return strerror(-error);
	}
}

static void use(int fd)
{
	remember(fd);
	log_to_file = true;
	log_fd = fd;
}

static void log_init(void)
{
	const char *name = secure_getenv("IWSHIM_LOG");
	const char *file = secure_getenv("IWSHIM_LOG_FILE");
	int level = name && *name ? level_by_name(name) : IW_LOG_ERROR;
	char text[LOG_LINE_MAX];
	int fd;

	if (file && *file) {
		fd = open_log(file);
		if (fd >= 0) {
			use(fd);
		} else {
			snprintf(text, sizeof(text), "iwshim: cannot open IWSHIM_LOG_FILE %s: %s",
				 file, reason(fd));
			write_line(text);
		}
	}
	if (level < 0) {
		snprintf(text, sizeof(text),
			 "iwshim: IWSHIM_LOG=%s is none of error, warn, info, debug, trace", name);
		write_line(text);
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
	int saved = errno, used;
	va_list ap;

	clock_gettime(CLOCK_REALTIME, &now);
	used = snprintf(line, sizeof(line), "iwshim[%d.%ld] %ld.%06ld %s: ", (int)getpid(),
			(long)syscall(SYS_gettid), (long)now.tv_sec, now.tv_nsec / 1000,
			level_names[level]);
	va_start(ap, fmt);
	if (vsnprintf(line + used, sizeof(line) - (size_t)used, fmt, ap) < 0)
		line[used] = 0;
	va_end(ap);
	write_line(line);
	errno = saved;
}
