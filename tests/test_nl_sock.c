// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * nl_sock through the questions of nl_route: one socket for many threads, over
 * forks and signals, after its descriptor is lost, and with a fault at each
 * site.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "netlink/nl_route.h"
#include "tests/nl_ns.h"

static int lookup(const char *dst, const char *src, struct nl_route *route)
{
	struct sockaddr_storage dst_sa, src_sa;

	return nl_route_lookup(ns_addr(dst, &dst_sa), ns_addr(src, &src_sa), 0, route);
}

/* ---- many users */

static volatile bool stop;

/* Even threads ask for v0, odd ones for w0: an answer of another shows at once. */
static void *hammer(void *arg)
{
	bool odd = (long)arg & 1;
	struct nl_route route;
	long rounds = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (lookup(odd ? "10.2.0.9" : "10.1.0.9", NULL, &route) ||
		    strcmp(ns_text(&route.src), odd ? "10.2.0.1" : "10.1.0.1"))
			return (void *)-1;
		rounds++;
	}
	return (void *)rounds;
}

static void start_hammers(pthread_t *threads, long n)
{
	for (long i = 0; i < n; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, hammer, (void *)i), 0);
}

static void join_hammers(pthread_t *threads, long n)
{
	void *rounds;

	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (long i = 0; i < n; i++) {
		pthread_join(threads[i], &rounds);
		cr_assert_gt((long)rounds, 0, "thread %ld", i);
	}
}

Test(nl_sock, ask__by_8_threads_gives_each_its_own)
{
	pthread_t threads[8];

	ns_enter_veth();
	start_hammers(threads, 8);
	usleep(300000);
	join_hammers(threads, 8);
}

static int child_asks(void)
{
	struct nl_route route;

	for (int i = 0; i < 50; i++)
		if (lookup("10.2.0.9", NULL, &route) || strcmp(ns_text(&route.src), "10.2.0.1"))
			return 1;
	return 0;
}

Test(nl_sock, ask__in_a_forked_child_has_its_own_socket)
{
	pthread_t threads[2];
	struct nl_route route;
	int status;
	pid_t pid;

	ns_enter_veth();
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	start_hammers(threads, 2);
	for (int i = 0; i < 20; i++) {
		pid = fork();
		cr_assert_geq(pid, 0);
		if (!pid)
			_exit(child_asks());
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0);
	}
	join_hammers(threads, 2);
}

/* The lowest free number is the one that the socket will get. */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

Test(nl_sock, ask__survives_the_loss_of_its_descriptor)
{
	struct nl_route route;
	int fd, file;

	ns_enter_veth();
	fd = next_fd();
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	close(fd);
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	/* Now the number is somebody else's, first a file, then a socket. */
	close(fd);
	file = open("/dev/null", O_RDWR);
	cr_assert_eq(file, fd);
	cr_assert_eq(lookup("10.2.0.9", NULL, &route), 0);
	cr_assert_eq(write(file, "x", 1), 1, "it stays open");
	fd = next_fd() - 1;
	close(fd);
	cr_assert_eq(socket(AF_INET, SOCK_DGRAM, 0), fd);
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	cr_assert_neq(fcntl(fd, F_GETFD), -1, "it stays open");
}

/* The worst to find there: it takes what is sent and never answers. */
Test(nl_sock, ask__is_not_held_by_a_silent_connection)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	struct nl_route route;
	int listener, fd;

	ns_enter_veth();
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(listen(listener, 1), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&sin, &len), 0);
	fd = next_fd();
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	close(fd);
	cr_assert_eq(socket(AF_INET, SOCK_STREAM, 0), fd);
	cr_assert_eq(connect(fd, (struct sockaddr *)&sin, len), 0);
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	cr_assert_neq(fcntl(fd, F_GETFD), -1, "it stays open");
}

static void on_alarm(int sig)
{
}

Test(nl_sock, ask__is_repeated_after_signals)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never = { { 0, 0 }, { 0, 0 } };
	const struct sigaction act = { .sa_handler = on_alarm }; /* no SA_RESTART */
	struct nl_route route;

	ns_enter_veth();
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 2000; i++)
		cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
	setitimer(ITIMER_REAL, &never, NULL);
}

/* ---- faults */

struct question {
	const char *dst, *src;
};

enum swept {
	SWEPT_FAULT, /* reported, and the next look-up was fine */
	SWEPT_END,   /* there is no such site */
	SWEPT_WRONG,
};

static enum swept fail_site(unsigned int kinds, unsigned long nth, const struct question *q)
{
	struct nl_route route;
	int rc;

	iw_fault_arm(kinds, nth);
	rc = lookup(q->dst, q->src, &route);
	if (iw_fault_passed() < nth)
		return rc ? SWEPT_WRONG : SWEPT_END;
	iw_fault_arm(0, 0);
	if (rc != -ENOMEM && rc != -EMFILE && rc != -ENOBUFS)
		return SWEPT_WRONG;
	if (lookup("10.2.0.9", NULL, &route) || strcmp(ns_text(&route.src), "10.2.0.1"))
		return SWEPT_WRONG;
	return SWEPT_FAULT;
}

/* How many sites there are; each fails once, in a child that starts as we are. */
static unsigned long sweep(unsigned int kinds, const struct question *q)
{
	unsigned long nth;
	int status;
	pid_t pid;

	for (nth = 1;; nth++) {
		pid = fork();
		cr_assert_geq(pid, 0);
		if (!pid)
			_exit(fail_site(kinds, nth, q));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != SWEPT_WRONG, "site %lu", nth);
		if (WEXITSTATUS(status) == SWEPT_END)
			return nth - 1;
	}
}

Test(nl_sock, ask__reports_a_failed_socket)
{
	struct nl_route route;

	ns_enter_veth();
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), -EMFILE);
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
}

Test(nl_sock, ask__reports_failed_allocations)
{
	struct nl_route route;

	ns_enter_veth();
	for (unsigned long nth = 1; nth <= 2; nth++) {
		iw_fault_arm(IW_FAULT_ALLOC, nth);
		cr_assert_eq(lookup("10.1.0.9", NULL, &route), -ENOMEM, "%lu", nth);
		iw_fault_arm(0, 0);
	}
	cr_assert_eq(lookup("10.1.0.9", NULL, &route), 0);
}

Test(nl_sock, ask__recovers_from_a_fault_at_each_site)
{
	const struct question simple = { "10.1.0.9", NULL }, foreign = { "fd01::9", "fd02::1" };

	ns_enter_veth();
	/* Buffer and message, socket, send, receive; a checked source asks twice. */
	cr_assert_eq(sweep(IW_FAULT_SYSCALL | IW_FAULT_ALLOC, &simple), 5);
	cr_assert_eq(sweep(IW_FAULT_SYSCALL | IW_FAULT_ALLOC, &foreign), 7);
}
