// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The log where somebody means ill: what stands at its place, and what peers want in it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

#define NOBODY 65534

static char folder[] = "/tmp/iwshim-log-XXXXXX";
static char path[64], other[64], stderr_path[64];

/* A folder of our own; what goes to stderr is in a file there. */
static void setup(void)
{
	int fd;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	snprintf(stderr_path, sizeof(stderr_path), "%s/stderr", folder);
	fd = open(stderr_path, O_RDWR | O_CREAT | O_APPEND, 0600);
	cr_assert(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
	close(fd);
	unsetenv("IWSHIM_LOG");
	setenv("IWSHIM_LOG_FILE", path, 1);
}

static void fini(void)
{
	unlink(path);
	unlink(other);
	unlink(stderr_path);
	rmdir(folder);
}

/* The whole of a small file; "" if there is none. */
static const char *text_of(const char *file)
{
	static char text[4][4096];
	static unsigned int next;
	char *t = text[next++ % 4];
	int fd = open(file, O_RDONLY | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, t, sizeof(text[0]) - 1);

	t[n < 0 ? 0 : n] = 0;
	if (fd >= 0)
		close(fd);
	return t;
}

static void make(const char *file, mode_t mode)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);

	cr_assert_geq(fd, 0);
	cr_assert_eq(fchmod(fd, mode), 0);
	close(fd);
}

/* The log went to stderr, with the reason before it. */
static void expect_refused(const char *why)
{
	iw_error("hello");
	cr_expect_not_null(strstr(text_of(stderr_path), why), "%s", text_of(stderr_path));
	cr_expect_not_null(strstr(text_of(stderr_path), " error: hello\n"));
}

/* ---------------------------------------------------------------------- File */

Test(log, file__is_made_for_its_owner_alone, .init = setup, .fini = fini)
{
	struct stat st;

	umask(0);
	iw_error("hello");
	cr_assert_eq(stat(path, &st), 0);
	cr_assert_eq(st.st_mode & 07777, 0600);
	cr_assert_not_null(strstr(text_of(path), " error: hello\n"));
	cr_assert_str_empty(text_of(stderr_path));
}

Test(log, file__that_is_there_is_appended_to, .init = setup, .fini = fini)
{
	int fd;

	make(path, 0640);
	fd = open(path, O_WRONLY);
	cr_assert_eq(write(fd, "before\n", 7), 7);
	close(fd);
	iw_error("hello");
	cr_assert_eq(strncmp(text_of(path), "before\niwshim[", 14), 0);
	cr_assert_str_empty(text_of(stderr_path));
}

Test(log, file__symbolic_link_is_not_followed, .init = setup, .fini = fini)
{
	make(other, 0600);
	cr_assert_eq(symlink(other, path), 0);
	expect_refused("it is a symbolic link");
	cr_assert_str_empty(text_of(other));
}

Test(log, file__dangling_link_makes_nothing, .init = setup, .fini = fini)
{
	cr_assert_eq(symlink(other, path), 0);
	expect_refused("it is a symbolic link");
	cr_assert_neq(access(other, F_OK), 0);
}

Test(log, file__second_name_of_another_is_refused, .init = setup, .fini = fini)
{
	make(other, 0600);
	cr_assert_eq(link(other, path), 0);
	expect_refused("it has more than one name");
	cr_assert_str_empty(text_of(other));
}

Test(log, file__fifo_does_not_block, .init = setup, .fini = fini, .timeout = 10)
{
	cr_assert_eq(mkfifo(path, 0666), 0);
	expect_refused("not a regular file");
}

Test(log, file__fifo_with_a_reader_reads_nothing, .init = setup, .fini = fini, .timeout = 10)
{
	char byte;
	int fd;

	cr_assert_eq(mkfifo(path, 0666), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK);
	cr_assert_geq(fd, 0);
	expect_refused("not a regular file");
	cr_assert_eq(read(fd, &byte, 1), 0);
	close(fd);
}

Test(log, file__directory_is_refused, .init = setup, .fini = fini)
{
	setenv("IWSHIM_LOG_FILE", folder, 1);
	expect_refused("Is a directory");
}

Test(log, file__socket_is_refused, .init = setup, .fini = fini)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	expect_refused("not a regular file");
	close(fd);
}

Test(log, file__of_another_user_is_refused, .init = setup, .fini = fini)
{
	make(path, 0666);
	if (chown(path, NOBODY, NOBODY))
		cr_skip_test("only root can make one");
	expect_refused("it belongs to another user");
	cr_assert_str_empty(text_of(path));
}

Test(log, file__of_root_serves_others, .init = setup, .fini = fini)
{
	if (geteuid())
		cr_skip_test("only root can become another user");
	make(path, 0666);
	cr_assert_eq(chmod(folder, 0755), 0);
	cr_assert_eq(seteuid(NOBODY), 0);
	iw_error("hello");
	cr_assert_eq(seteuid(0), 0);
	cr_assert_not_null(strstr(text_of(path), " error: hello\n"));
}

Test(log, file__device_will_do, .init = setup, .fini = fini)
{
	setenv("IWSHIM_LOG_FILE", "/dev/null", 1);
	iw_error("hello");
	cr_assert_str_empty(text_of(stderr_path));
}

/* The descriptor of the file @name. */
static int descriptor_of(const char *name)
{
	struct stat want, st;

	cr_assert_eq(stat(name, &want), 0);
	for (int fd = 3; fd < 1024; fd++)
		if (!fstat(fd, &st) && st.st_ino == want.st_ino && st.st_dev == want.st_dev)
			return fd;
	cr_assert_fail("%s is not open", name);
	return -1;
}

/* As daemons do that close whatever is open: the number is somebody's connection next. */
Test(log, file__closed_by_the_program_is_not_written_to, .init = setup, .fini = fini)
{
	int fd;

	iw_error("first");
	fd = open(other, O_WRONLY | O_CREAT, 0600);
	cr_assert_geq(dup2(fd, descriptor_of(path)), 0);
	iw_error("second");
	cr_assert_str_empty(text_of(other));
	cr_assert_not_null(strstr(text_of(path), "first"));
	cr_assert_null(strstr(text_of(path), "second"));
}

/* ---------------------------------------------------------------------- Stderr */

/* What gets the number after a close(2) of stderr; @cloexec: as libraries open, and not dup2(2). */
static void becomes_stderr(int fd, bool cloexec)
{
	cr_assert_eq(dup3(fd, STDERR_FILENO, cloexec ? O_CLOEXEC : 0), STDERR_FILENO);
	close(fd);
}

static int open_to_write(const char *file, int flags)
{
	int fd = open(file, O_RDWR | O_CREAT | flags, 0600);

	cr_assert_geq(fd, 0);
	return fd;
}

static void without_a_file(void)
{
	setup();
	unsetenv("IWSHIM_LOG_FILE");
}

/* Whatever came to the other end is the program's or its peer's to read. */
static void nothing_came(int fd)
{
	char byte;

	cr_assert_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	cr_assert_eq(errno, EAGAIN);
}

Test(log, stderr__that_became_a_connection_is_not_written_to, .init = without_a_file, .fini = fini)
{
	int ends[2];

	iw_error("first");
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	becomes_stderr(ends[0], false);
	iw_error("second");
	nothing_came(ends[1]);
	cr_assert_null(strstr(text_of(stderr_path), "second"));
}

/* No line was written before. */
Test(log, stderr__that_was_closed_first_is_not_written_to, .init = without_a_file, .fini = fini)
{
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	becomes_stderr(ends[0], false);
	iw_error("first");
	nothing_came(ends[1]);
}

Test(log, stderr__that_became_a_pipe_is_not_written_to, .init = without_a_file, .fini = fini)
{
	struct pollfd pfd = { .events = POLLIN };
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	pfd.fd = ends[0];
	becomes_stderr(ends[1], true);
	iw_error("first");
	cr_assert_eq(poll(&pfd, 1, 0), 0);
}

Test(log, stderr__that_became_a_file_of_data_is_not_written_to, .init = without_a_file,
     .fini = fini)
{
	becomes_stderr(open_to_write(other, 0), false);
	iw_error("first");
	cr_assert_str_empty(text_of(other));
	becomes_stderr(open_to_write(other, O_APPEND), true);
	iw_error("second");
	cr_assert_str_empty(text_of(other));
}

Test(log, stderr__that_was_redirected_is_written_to, .init = without_a_file, .fini = fini)
{
	int fd;

	iw_error("first");
	becomes_stderr(open_to_write(other, O_APPEND), false);
	iw_error("second");
	cr_assert_null(strstr(text_of(stderr_path), "second"));
	cr_assert_not_null(strstr(text_of(other), "second"));
	unlink(other);
	fd = open_to_write(other, 0);
	unlink(other);
	becomes_stderr(dup(fd), false);
	iw_error("third");
	cr_assert_gt(lseek(fd, 0, SEEK_END), 0);
	becomes_stderr(open("/dev/null", O_WRONLY), false);
	iw_error("fourth");
}

static void use_a_pipe(int ends[2])
{
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	iw_log_remember_stderr();
}

Test(log, stderr__that_nobody_reads_does_not_kill, .init = without_a_file, .fini = fini)
{
	sigset_t mask;
	int ends[2];

	signal(SIGPIPE, SIG_DFL);
	use_a_pipe(ends);
	close(ends[0]);
	iw_error("first");
	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	cr_assert_not(sigismember(&mask, SIGPIPE));
	sigpending(&mask);
	cr_assert_not(sigismember(&mask, SIGPIPE));
}

/* One that waited already is the program's. */
Test(log, stderr__that_nobody_reads_leaves_a_signal_that_waited, .init = without_a_file,
     .fini = fini)
{
	sigset_t mask;
	int ends[2];

	use_a_pipe(ends);
	close(ends[0]);
	sigemptyset(&mask);
	sigaddset(&mask, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	raise(SIGPIPE);
	iw_error("first");
	sigpending(&mask);
	cr_assert(sigismember(&mask, SIGPIPE));
	signal(SIGPIPE, SIG_IGN);
}

/* --------------------------------------------------------------------- Lines */

Test(log, line__cannot_be_forged, .init = setup, .fini = fini)
{
	const char *text;

	iw_error("peer says %s",
		 "bye\niwshim[1.1] 0.000000 error: \x1b[2Jroot\r\t\x7f\x9b\xc3\xa4.");
	text = text_of(path);
	cr_assert_not_null(strstr(text, "peer says bye\\x0aiwshim[1.1] 0.000000 error: "
					"\\x1b[2Jroot\\x0d\\x09\\x7f\\x9b\\xc3\\xa4.\n"),
			   "%s", text);
	cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
}

Test(log, line__of_escapes_is_cut_at_a_whole_one, .init = setup, .fini = fini)
{
	char big[2000];
	const char *text;

	memset(big, '\n', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	iw_error("%s", big);
	text = text_of(path);
	cr_assert_leq(strlen(text), 1024);
	cr_assert_gt(strlen(text), 1000);
	cr_assert_str_eq(text + strlen(text) - 5, "\\x0a\n");
}

Test(log, line__about_the_environment_cannot_be_forged, .init = setup, .fini = fini)
{
	setenv("IWSHIM_LOG", "loud\nroot", 1);
	setenv("IWSHIM_LOG_FILE", "/nowhere/\nroot", 1);
	iw_error("hello");
	cr_assert_not_null(strstr(text_of(stderr_path), "FILE /nowhere/\\x0aroot: "));
	cr_assert_not_null(strstr(text_of(stderr_path), "IWSHIM_LOG=loud\\x0aroot is none of "));
}
