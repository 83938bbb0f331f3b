// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/nl_ns.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <net/if.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LINE_MAX_LEN 1024
#define NOBODY 65534

void ns_enter(void)
{
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (geteuid())
		cr_skip_test("needs root");
	if (unshare(CLONE_NEWNET))
		cr_skip_test("needs a network namespace");
	ns_run("ip link set lo up");
	/* No waiting for duplicates, else IPv6 addresses come seconds late. */
	ns_try("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad");
	ns_try("echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad");
}

void ns_enter_veth(void)
{
	ns_enter();
	ns_run("ip link add v0 type veth peer name v1");
	ns_run("ip link add w0 type veth peer name w1");
	for (int i = 0; i < 2; i++)
		ns_run("ip link set v%d up; ip link set w%d up", i, i);
	ns_run("ip addr add 10.1.0.1/24 dev v0; ip addr add 10.1.0.2/24 dev v0");
	ns_run("ip addr add 10.2.0.1/24 dev w0");
	ns_run("ip addr add fd01::1/64 dev v0 nodad; ip addr add fd01::2/64 dev v0 nodad");
	ns_run("ip addr add fd02::1/64 dev w0 nodad");
	for (int i = 0; i < 200 && ns_try("ip -6 addr | grep -q tentative"); i++)
		usleep(10000);
	ns_await_link_local("v0");
	ns_await_link_local("w0");
}

void ns_await_link_local(const char *dev)
{
	for (int i = 0; i < 500; i++) {
		if (ns_try("ip -6 route show dev %s | grep -q ^fe80:", dev))
			return;
		usleep(10000);
	}
	cr_assert_fail("%s got no link-local address", dev);
}

static int run(const char *format, va_list args, const char *suffix)
{
	char line[LINE_MAX_LEN], command[LINE_MAX_LEN + 32];

	vsnprintf(line, sizeof(line), format, args);
	snprintf(command, sizeof(command), "{ %s; } %s", line, suffix);
	return system(command);
}

void ns_run(const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = run(format, args, "");
	va_end(args);
	cr_assert_eq(rc, 0, "failed: %s", format);
}

bool ns_try(const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = run(format, args, ">/dev/null 2>&1");
	va_end(args);
	return rc == 0;
}

void ns_need(const char *what, const char *format, ...)
{
	va_list args;
	int rc;

	va_start(args, format);
	rc = run(format, args, ">/dev/null 2>&1");
	va_end(args);
	if (rc)
		cr_skip_test("this kernel has no %s", what);
}

pid_t ns_peer(const char *dev)
{
	int ready[2];
	pid_t pid;
	char c;

	cr_assert_eq(pipe(ready), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (!pid) {
		if (unshare(CLONE_NEWNET))
			_exit(1);
		/* A test that gives its privileges up could not kill a root's process. */
		if (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	cr_assert_eq(read(ready[0], &c, 1), 1);
	ns_run("ip link set %s netns %d", dev, (int)pid);
	ns_run("nsenter -t %d -n ip link set %s up", (int)pid, dev);
	return pid;
}

const struct sockaddr *ns_addr(const char *text, struct sockaddr_storage *sa)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *info;

	if (!text)
		return NULL;
	memset(sa, 0, sizeof(*sa));
	cr_assert_eq(getaddrinfo(text, NULL, &hints, &info), 0, "%s", text);
	memcpy(sa, info->ai_addr, info->ai_addrlen);
	freeaddrinfo(info);
	return (const struct sockaddr *)sa;
}

const char *ns_text(const struct sockaddr_storage *sa)
{
	static _Thread_local char ring[4][INET6_ADDRSTRLEN];
	static _Thread_local unsigned int next;
	char *text = ring[next++ % 4];
	const void *bytes = &((const struct sockaddr_in6 *)sa)->sin6_addr;

	if (sa->ss_family == AF_INET)
		bytes = &((const struct sockaddr_in *)sa)->sin_addr;
	if (!inet_ntop(sa->ss_family, bytes, text, INET6_ADDRSTRLEN))
		return "?";
	return text;
}

int ns_ifindex(const char *dev)
{
	unsigned int ifindex = if_nametoindex(dev);

	cr_assert_neq(ifindex, 0, "no %s", dev);
	return (int)ifindex;
}
