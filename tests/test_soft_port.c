// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Local ports that are drawn, and what becomes of bind and connect where there
 * are few: in a network namespace of the test's own.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "driver/soft/soft_bind.h"
#include "driver/soft/soft_port.h"
#include "tests/soft_cm_fake.h"

static const struct soft_bind_opts plain = { .tos = -1, .afonly = -1 };
static const struct soft_bind_opts any = { .tos = -1, .afonly = -1, .any_port = true };

/* ------------------------------------------------------------------- Range */

Test(soft_port, parse__as_the_kernel_writes)
{
	struct soft_port_range range;

	cr_assert(soft_port_parse("32768\t60999\n", "\n", &range));
	cr_assert_eq(range.low, 32768);
	cr_assert_eq(range.high, 60999);
	cr_assert_not(soft_port_is_reserved(&range, 32768));
	cr_assert(soft_port_parse("1024 65535", "", &range));
	cr_assert_eq(range.high, 65535);
}

Test(soft_port, parse__what_is_no_range)
{
	struct soft_port_range range = { .low = 7 };
	char much[sizeof(range.reserved) + 1];

	memset(much, '1', sizeof(much) - 1);
	much[sizeof(much) - 1] = '\0';
	cr_assert_not(soft_port_parse("", "", &range));
	cr_assert_not(soft_port_parse("40000", "", &range));
	cr_assert_not(soft_port_parse("0 40000", "", &range));
	cr_assert_not(soft_port_parse("40001 40000", "", &range));
	cr_assert_not(soft_port_parse("40000 65536", "", &range));
	cr_assert_not(soft_port_parse("40000 50000", much, &range), "not by half");
	cr_assert_eq(range.low, 7);
}

Test(soft_port, parse__reserved_ports)
{
	struct soft_port_range range;

	cr_assert(soft_port_parse("1 65535", "8080,9148-9150\n", &range));
	cr_assert(soft_port_is_reserved(&range, 8080));
	cr_assert(soft_port_is_reserved(&range, 9148));
	cr_assert(soft_port_is_reserved(&range, 9150));
	cr_assert_not(soft_port_is_reserved(&range, 8081));
	cr_assert_not(soft_port_is_reserved(&range, 9151));
	cr_assert(soft_port_parse("1 65535", "none", &range));
	cr_assert(soft_port_is_reserved(&range, 1), "not understood");
}

/* -------------------------------------------------------------- A few ports */

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/* A namespace whose loopback is up. */
static void alone(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		cr_skip_test("no network namespace for us");
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_assert(fd >= 0);
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
}

/* Before the first draw: what was read then counts for a second. */
static void few_ports(const char *range, const char *reserved)
{
	if (!write_file("/proc/sys/net/ipv4/ip_local_port_range", range) ||
	    !write_file("/proc/sys/net/ipv4/ip_local_reserved_ports", reserved))
		cr_skip_test("the range of ports cannot be set here");
}

static int take(const struct soft_bind_opts *opts, unsigned int *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage at;
	int fd, ret;

	ret = soft_bind_socket((struct sockaddr *)&sin, opts, &fd);
	if (ret)
		return ret;
	cr_assert_eq(soft_bind_names(fd, &at, NULL), 0);
	*port = ntohs(soft_addr_port((struct sockaddr *)&at));
	return fd;
}

Test(soft_port, draw__within_the_range_and_not_reserved, .init = alone)
{
	unsigned int seen = 0, port;

	few_ports("40000 40007", "40003,40005-40006");
	for (int i = 0; i < 1000; i++) {
		port = ntohs(soft_port_draw(false));
		if (port) /* 0: reserved in each of its tries, the kernel is to choose */
			seen |= 1u << (port - 40000);
	}
	cr_assert_eq(seen, 0x97, "%x", seen);
}

Test(soft_port, draw__leaves_the_others_to_connect, .init = alone)
{
	few_ports("40000 40007", "\n");
	for (int i = 0; i < 100; i++)
		cr_assert_eq(ntohs(soft_port_draw(true)) % 2, 1);
}

Test(soft_port, draw__nothing_when_all_is_reserved, .init = alone)
{
	few_ports("40000 40001", "40000-40001");
	cr_assert_eq(soft_port_draw(false), 0);
}

/* open, open, getrandom: without any of them the kernel chooses. */
Test(soft_port, bind__faults)
{
	unsigned int port;

	for (unsigned long n = 1; n <= 4; n++) {
		int fd;

		iw_fault_arm(IW_FAULT_SYSCALL, n);
		fd = take(&any, &port);
		iw_fault_arm(0, 0);
		if (n == 1)
			cr_assert_eq(fd, -EMFILE);
		else
			cr_assert(fd >= 0, "site %lu: %d", n, fd);
		if (fd >= 0)
			close(fd);
		usleep(n == 2 ? 1100000 : 0); /* it reads them anew */
	}
}

Test(soft_port, bind__finds_each_port_once, .init = alone)
{
	unsigned int port, seen = 0;
	int fds[8];

	few_ports("40000 40007", "\n");
	for (int i = 0; i < 8; i++) {
		fds[i] = take(&any, &port);
		cr_assert(fds[i] >= 0, "%d: %d", i, fds[i]);
		cr_assert_not(seen & 1u << (port - 40000), "it was held");
		seen |= 1u << (port - 40000);
	}
	cr_assert_eq(take(&any, &port), -EADDRINUSE);
	cr_assert_eq(take(&plain, &port), -EADDRINUSE);
	close(fds[3]);
	cr_assert(take(&any, &port) >= 0);
}

Test(soft_port, bind__takes_no_port_of_a_listener, .init = alone)
{
	unsigned int port;
	int fd;

	few_ports("40000 40000", "\n");
	fd = take(&plain, &port);
	cr_assert(fd >= 0);
	cr_assert_eq(soft_bind_listen(fd), 0);
	cr_assert_eq(take(&any, &port), -EADDRINUSE);
	cr_assert_eq(take(&plain, &port), -EADDRINUSE);
}

/* ---------------------------------------------------------------- Connections */

static struct fake_seen seen[4];
static struct sockaddr_in peers[2];
static int listeners[2];

/* Two peers, and two ports to reach them from. */
static void two_ports(void)
{
	alone();
	for (int i = 0; i < 2; i++)
		listeners[i] = peer_listen(&peers[i]);
	few_ports("40000 40001", "\n");
}

static unsigned int port_of(struct iw_cm_id *id)
{
	struct iw_cm_addr_info info;

	cr_assert_eq(iw_cm_query(id, &info), 0);
	return ntohs(soft_addr_port((struct sockaddr *)&info.src));
}

static int dial(struct iw_cm_id *id, uint32_t qp_num)
{
	const struct iw_cm_conn_param param = { .qp_num = qp_num };

	return iw_cm_connect(id, &param);
}

/* A plain connection that we ended first. */
static void leave_time_wait(void)
{
	unsigned int port;
	int fd = take(&any, &port), peer;

	cr_assert(fd >= 0, "%d", fd);
	soft_bind_tune(fd, &any, true);
	cr_assert(!connect(fd, (struct sockaddr *)&peers[0], sizeof(peers[0])) ||
		  errno == EINPROGRESS);
	peer = peer_accept(listeners[0]);
	shutdown(fd, SHUT_WR);
	cr_assert(peer_sees_end(peer));
	close(peer);
	cr_assert(peer_sees_end(fd));
	close(fd);
}

Test(soft_port, bind__time_wait_does_not_block, .init = two_ports)
{
	unsigned int port, other;
	int a, b;

	leave_time_wait();
	leave_time_wait();
	a = take(&any, &port);
	cr_assert(a >= 0, "%d", a);
	b = take(&plain, &other);
	cr_assert(b >= 0, "%d", b);
	cr_assert_neq(port, other, "held all the same");
	cr_assert_eq(take(&any, &port), -EADDRINUSE);
	close(a);
	close(b);
}

Test(soft_port, connect__streams_to_different_peers_share_a_port, .init = two_ports)
{
	struct iw_cm_id *ids[4];

	for (unsigned int i = 0; i < 4; i++) {
		ids[i] = fake_connector(&seen[i], &peers[i / 2]);
		cr_assert_eq(dial(ids[i], i + 1), 0, "%u", i);
		cr_assert_eq(port_of(ids[i]) / 2, 20000);
	}
	cr_assert_neq(port_of(ids[0]), port_of(ids[1]));
	cr_assert_neq(port_of(ids[2]), port_of(ids[3]));
	for (int i = 0; i < 4; i++)
		iw_cm_destroy(ids[i]);
	fake_finish();
}

/* The port that was free when it resolved is this peer's by the time it connects. */
Test(soft_port, connect__moves_to_a_port_that_is_free, .init = two_ports)
{
	struct iw_cm_id *first = fake_connector(&seen[0], &peers[0]), *holds, *moves;

	cr_assert_eq(dial(first, 1), 0);
	/* Of two ports it may draw the taken one, which it can share, a few times. */
	for (holds = NULL; !holds || port_of(holds) == port_of(first);) {
		if (holds) {
			iw_cm_destroy(holds);
			memset(&seen[1], 0, sizeof(seen[1]));
		}
		holds = fake_connector(&seen[1], &peers[0]);
	}
	moves = fake_connector(&seen[2], &peers[0]);
	cr_assert_eq(port_of(moves), port_of(first), "the other is held");
	cr_assert_eq(iw_cm_destroy(holds), 0);
	cr_assert_eq(dial(moves, 2), 0);
	cr_assert_neq(port_of(moves), port_of(first));
	iw_cm_destroy(first);
	iw_cm_destroy(moves);
	fake_finish();
}

Test(soft_port, connect__all_are_taken, .init = two_ports)
{
	struct iw_cm_id *ids[3];

	for (unsigned int i = 0; i < 3; i++) {
		ids[i] = fake_connector(&seen[i], &peers[0]);
		cr_assert_eq(dial(ids[i], i + 1), i < 2 ? 0 : -EADDRNOTAVAIL, "%u", i);
	}
	for (int i = 0; i < 3; i++)
		iw_cm_destroy(ids[i]);
	fake_finish();
}

/* A port that the program named is that or none. */
Test(soft_port, connect__a_named_port_stays, .init = two_ports)
{
	struct iw_cm_id *first = fake_connector(&seen[0], &peers[0]), *second;
	struct sockaddr_in src = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	cr_assert_eq(dial(first, 1), 0);
	second = fake_id(&seen[1]);
	src.sin_port = htons((in_port_t)port_of(first));
	cr_assert_eq(iw_cm_resolve_addr(second, (void *)&src, (void *)&peers[0], 1000), 0);
	cr_assert_eq(iw_cm_resolve_route(second, 1000), 0);
	cr_assert_eq(dial(second, 2), -EADDRNOTAVAIL);
	cr_assert_eq(port_of(second), port_of(first));
	iw_cm_destroy(first);
	iw_cm_destroy(second);
	fake_finish();
}
