// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Local addresses and ports over real sockets of the loopback. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "driver/soft/soft_bind.h"
#include "driver/soft/soft_limit.h"
#include "tests/soft_cm_fake.h"

static const struct soft_bind_opts plain = { .tos = -1, .afonly = -1 };
static const struct soft_bind_opts sharing = { .tos = -1, .afonly = -1, .reuse = true };

static struct sockaddr_storage loopback(int family)
{
	struct sockaddr_storage addr = { 0 };

	addr.ss_family = (sa_family_t)family;
	if (family == AF_INET)
		((struct sockaddr_in *)(void *)&addr)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		((struct sockaddr_in6 *)(void *)&addr)->sin6_addr = in6addr_loopback;
	return addr;
}

static int take(struct sockaddr_storage *addr, const struct soft_bind_opts *opts)
{
	int fd;

	cr_assert_eq(soft_bind_socket((struct sockaddr *)addr, opts, &fd), 0);
	cr_assert_eq(soft_bind_names(fd, addr, NULL), 0);
	return fd;
}

static int again(const struct sockaddr_storage *addr, const struct soft_bind_opts *opts)
{
	int fd, ret = soft_bind_socket((const struct sockaddr *)addr, opts, &fd);

	if (!ret)
		close(fd);
	return ret;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

Test(soft_bind, socket__holds_its_port_before_and_after_listen)
{
	struct sockaddr_storage addr = loopback(AF_INET);
	int fd = take(&addr, &plain);

	cr_assert_neq(soft_addr_port((struct sockaddr *)&addr), 0);
	cr_assert_eq(again(&addr, &plain), -EADDRINUSE);
	cr_assert_eq(again(&addr, &sharing), -EADDRINUSE, "both must want to share");
	cr_assert_eq(soft_bind_listen(fd), 0);
	cr_assert_eq(again(&addr, &plain), -EADDRINUSE);
	cr_assert_eq(again(&addr, &sharing), -EADDRINUSE);
	close(fd);
	cr_assert_eq(again(&addr, &plain), 0);
}

/* As SO_REUSEADDR: one that shares cannot keep others out before it listens. */
Test(soft_bind, socket__two_that_share)
{
	struct sockaddr_storage addr = loopback(AF_INET);
	int fd = take(&addr, &sharing);

	cr_assert_eq(again(&addr, &sharing), 0);
	cr_assert_eq(again(&addr, &plain), 0);
	close(fd);
}

/* A server that ends and starts again, its own side in TIME_WAIT. */
Test(soft_bind, socket__time_wait_does_not_block)
{
	struct sockaddr_storage addr = loopback(AF_INET);
	int listener = take(&addr, &plain), client, served;

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(soft_bind_listen(listener), 0);
		client = peer_connect(&addr);
		served = peer_accept(listener);
		soft_bind_tune(served, &plain, true);
		close(served); /* first: TIME_WAIT is ours */
		cr_assert(peer_sees_end(client));
		close(client);
		close(listener);
		usleep(20000);
		listener = take(&addr, &plain);
		cr_assert_eq(again(&addr, &plain), -EADDRINUSE, "and it holds the port");
	}
	close(listener);
}

/* While connections of the last listener still live. */
Test(soft_bind, socket__live_streams_do_not_block)
{
	struct sockaddr_storage addr = loopback(AF_INET);
	int listener = take(&addr, &plain), client, served;

	cr_assert_eq(soft_bind_listen(listener), 0);
	client = peer_connect(&addr);
	served = peer_accept(listener);
	close(listener);
	listener = take(&addr, &plain);
	cr_assert_eq(soft_bind_listen(listener), 0);
	close(listener);
	close(served);
	close(client);
}

Test(soft_bind, socket__errors)
{
	struct sockaddr_storage addr = loopback(AF_INET);
	struct sockaddr unknown = { .sa_family = AF_UNIX };
	int fd;

	cr_assert_eq(soft_bind_socket(NULL, &plain, &fd), -EAFNOSUPPORT);
	cr_assert_eq(soft_bind_socket(&unknown, &plain, &fd), -EAFNOSUPPORT);
	((struct sockaddr_in *)(void *)&addr)->sin_addr.s_addr = inet_addr("192.0.2.1");
	cr_assert_eq(again(&addr, &plain), -EADDRNOTAVAIL);
}

Test(soft_bind, socket__faults)
{
	struct sockaddr_storage addr = loopback(AF_INET);
	int fds = open("/dev/null", O_RDONLY), fd;
	unsigned long n;

	for (n = 1;; n++) {
		iw_fault_arm(IW_FAULT_SYSCALL, n);
		if (!soft_bind_socket((struct sockaddr *)&addr, &plain, &fd))
			break;
	}
	cr_assert_eq(n, 3, "socket, bind");
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_eq(soft_bind_listen(fd), -ENOBUFS);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	cr_assert_lt(soft_bind_source((struct sockaddr *)&addr, &addr), 0);
	iw_fault_arm(0, 0);
	cr_assert_eq(fd, fds + 1, "nothing leaked");
}

Test(soft_bind, socket__both_families_on_one_port)
{
	const struct soft_bind_opts only = { .tos = -1, .afonly = 1 };
	struct sockaddr_storage six, four = { .ss_family = AF_INET };
	int a, b, tries = 20;

	/* Somebody else may have that port in the other family. */
	do {
		six = (struct sockaddr_storage){ .ss_family = AF_INET6 };
		if (soft_bind_socket((struct sockaddr *)&six, &only, &a))
			cr_skip_test("no IPv6 here");
		cr_assert_eq(soft_bind_names(a, &six, NULL), 0);
		soft_addr_set_port((struct sockaddr *)&four,
				   soft_addr_port((struct sockaddr *)&six));
		b = -1;
		if (soft_bind_socket((struct sockaddr *)&four, &plain, &b))
			close(a);
	} while (b < 0 && --tries);
	cr_assert(b >= 0);
	cr_assert_eq(soft_bind_listen(a), 0);
	cr_assert_eq(soft_bind_listen(b), 0);
	close(a);
	close(b);
}

Test(soft_bind, names__mapped_addresses_are_shown_as_they_are)
{
	const struct soft_bind_opts both = { .tos = -1, .afonly = 0 };
	struct sockaddr_storage any = { .ss_family = AF_INET6 }, to = loopback(AF_INET), src, dst;
	int listener, client, served;

	if (soft_bind_socket((struct sockaddr *)&any, &both, &listener))
		cr_skip_test("no IPv6 here");
	cr_assert_eq(soft_bind_names(listener, &any, NULL), 0);
	cr_assert_eq(soft_bind_listen(listener), 0);
	soft_addr_set_port((struct sockaddr *)&to, soft_addr_port((struct sockaddr *)&any));
	client = peer_connect(&to);
	served = peer_accept(listener);
	cr_assert_eq(soft_bind_names(served, &src, &dst), 0);
	cr_assert_eq(src.ss_family, AF_INET);
	cr_assert_eq(dst.ss_family, AF_INET);
	cr_assert(soft_addr_same_host((struct sockaddr *)&src, (struct sockaddr *)&to));
	close(client);
	close(served);
	close(listener);
}

Test(soft_bind, source__of_a_local_destination)
{
	struct sockaddr_storage to = loopback(AF_INET), src;

	cr_assert_eq(soft_bind_source((struct sockaddr *)&to, &src), 0);
	cr_assert(soft_addr_same_host((struct sockaddr *)&src, (struct sockaddr *)&to));
	cr_assert_eq(soft_addr_port((struct sockaddr *)&src), 0);
	to.ss_family = AF_UNIX;
	cr_assert_eq(soft_bind_source((struct sockaddr *)&to, &src), -EAFNOSUPPORT);
}

Test(soft_bind, tune__sets_what_it_says)
{
	const struct soft_bind_opts opts = { .tos = 0x20, .afonly = -1 };
	struct sockaddr_storage addr = loopback(AF_INET);
	int fd = take(&addr, &plain);

	cr_assert_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
	soft_bind_tune(fd, &opts, true);
	cr_assert_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	cr_assert_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0, "of a peer that lives");
	cr_assert_eq(option(fd, IPPROTO_IP, IP_TOS), 0x20);
	cr_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

/* As if tuned one by one, at a third of the system calls. */
Test(soft_bind, tune__accepted_sockets_have_it_of_their_listener)
{
	const struct soft_bind_opts opts = { .tos = 0x20, .afonly = -1 };
	struct sockaddr_storage addr = loopback(AF_INET);
	int listener = take(&addr, &plain), client, fd;

	cr_assert_eq(soft_bind_listen(listener), 0);
	client = peer_connect(&addr);
	fd = peer_accept(listener);
	soft_bind_tune_accepted(fd, &opts, true);
	cr_assert_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	cr_assert_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), SOFT_LIMIT_DEAD_PEER_S / 2);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), SOFT_LIMIT_DEAD_PEER_S / 6);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
	cr_assert_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 0, "of a peer that lives");
	cr_assert_eq(option(fd, IPPROTO_IP, IP_TOS), 0x20);
	close(fd);
	close(client);
	close(listener);
}

Test(soft_bind, limit__by_seconds_within_bounds)
{
	cr_assert_eq(soft_limit_parse(NULL), SOFT_LIMIT_DEAD_PEER_S);
	cr_assert_eq(soft_limit_parse(""), SOFT_LIMIT_DEAD_PEER_S);
	cr_assert_eq(soft_limit_parse("90"), 90);
	cr_assert_eq(soft_limit_parse("0"), SOFT_LIMIT_MIN_S);
	cr_assert_eq(soft_limit_parse("3601"), SOFT_LIMIT_MAX_S);
	cr_assert_eq(soft_limit_parse("99999999999999999999999"), SOFT_LIMIT_MAX_S);
	cr_assert_eq(soft_limit_parse("-7"), SOFT_LIMIT_DEAD_PEER_S);
	cr_assert_eq(soft_limit_parse("10s"), SOFT_LIMIT_DEAD_PEER_S);
	cr_assert_eq(soft_limit_parse("soon"), SOFT_LIMIT_DEAD_PEER_S);
}

Test(soft_bind, limit__the_others_keep_their_proportion)
{
	setenv("IWSHIM_PEER_TIMEOUT", "6", 1);
	cr_assert_eq(soft_limit_dead_peer_s(), 6);
	cr_assert_eq(soft_limit_ms(10000), 1000);
	cr_assert_eq(soft_limit_ms(0), 0);
}

Test(soft_bind, same_host__by_address_and_by_device)
{
	struct sockaddr_storage a = loopback(AF_INET), b = a;

	cr_assert(soft_bind_is_same_host((struct sockaddr *)&a, (struct sockaddr *)&b));
	((struct sockaddr_in *)(void *)&b)->sin_addr.s_addr = inet_addr("127.0.0.9");
	cr_assert(soft_bind_is_same_host((struct sockaddr *)&a, (struct sockaddr *)&b));
	((struct sockaddr_in *)(void *)&b)->sin_addr.s_addr = inet_addr("192.0.2.1");
	cr_assert_not(soft_bind_is_same_host((struct sockaddr *)&a, (struct sockaddr *)&b));
}
