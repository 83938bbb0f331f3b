// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Shows what netlink/ finds out about addresses, one line each, for the tests
 * that run on machines with RDMA devices:
 *
 *   nl_show [-f SOURCE] [-o INTERFACE] [-w MS] [-n COUNT] ADDRESS...
 *   nl_show -t      the table of RDMA devices, from RDMA netlink and from sysfs
 *   nl_show -a      the first address that has an RDMA device, of each family
 *
 *   dst=10.1.0.2 dev=v0 src=10.1.0.1 via=- local=0 mtu=0 rdma=siw0/1
 *
 * via is the next hop, rdma the device and port below the interface. -w has the
 * next hop resolved and adds neigh=ok or its error; -n asks COUNT times first,
 * for counting system calls. A failed route prints dst=... error=NUMBER. The
 * address "-" stands for those that are read from standard input, line by line.
 */
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink/nl_link.h"
#include "netlink/nl_neigh.h"
#include "netlink/nl_rdma.h"
#include "netlink/nl_route.h"

struct options {
	struct sockaddr_storage src;
	bool has_src;
	int oif, wait_ms;
	unsigned long count;
};

static bool parse(const char *text, struct sockaddr_storage *sa)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *info;
	int rc = getaddrinfo(text, NULL, &hints, &info);

	if (rc) {
		fprintf(stderr, "nl_show: %s: %s\n", text, gai_strerror(rc));
		return false;
	}
	memcpy(sa, info->ai_addr, info->ai_addrlen);
	freeaddrinfo(info);
	return true;
}

static const char *text_of(const struct sockaddr_storage *sa, char *text, size_t room)
{
	socklen_t len =
		sa->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	if (getnameinfo((const void *)sa, len, text, (socklen_t)room, NULL, 0, NI_NUMERICHOST))
		return "?";
	return text;
}

static void show_rdma(const struct nl_route *route, const struct sockaddr_storage *dst)
{
	int ifindex = route->ifindex, rc;
	struct nl_rdma_dev dev;

	/* What serves a local address is the device of the interface that owns it. */
	if (route->is_local)
		nl_link_by_addr((const void *)dst, &ifindex);
	rc = nl_link_rdma_dev(ifindex, &dev);
	if (rc)
		printf(" rdma=%d", rc);
	else
		printf(" rdma=%s/%u", dev.name, dev.port);
}

static int show(const char *text, const struct options *o)
{
	const struct sockaddr *src = o->has_src ? (const void *)&o->src : NULL;
	char src_text[NI_MAXHOST], via_text[NI_MAXHOST], name[IF_NAMESIZE];
	struct sockaddr_storage dst;
	struct nl_route route;
	int rc = 0;

	if (!parse(text, &dst))
		return 2;
	for (unsigned long i = 0; i < o->count; i++)
		rc = nl_route_lookup((const void *)&dst, src, o->oif, &route);
	if (rc) {
		printf("dst=%s error=%d\n", text, rc);
		return 1;
	}
	printf("dst=%s dev=%s src=%s via=%s local=%d mtu=%u", text,
	       if_indextoname((unsigned int)route.ifindex, name) ? name : "?",
	       text_of(&route.src, src_text, sizeof(src_text)),
	       route.has_gateway ? text_of(&route.gateway, via_text, sizeof(via_text)) : "-",
	       route.is_local, route.mtu);
	show_rdma(&route, &dst);
	if (o->wait_ms) {
		rc = nl_neigh_resolve(route.ifindex,
				      (const void *)(route.has_gateway ? &route.gateway : &dst),
				      o->wait_ms);
		rc ? printf(" neigh=%d", rc) : printf(" neigh=ok");
	}
	printf("\n");
	return 0;
}

static int show_lines(const struct options *o)
{
	char line[NI_MAXHOST];
	int rc = 0;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		rc |= show(line, o);
		fflush(stdout);
	}
	return rc;
}

static void show_table(const char *source, int rc, struct nl_rdma_table *table)
{
	char name[IF_NAMESIZE];

	if (rc)
		printf("%s error=%d\n", source, rc);
	for (size_t i = 0; i < table->n; i++)
		printf("%s %s/%u %s\n", source, table->devs[i].name, table->devs[i].port,
		       if_indextoname((unsigned int)table->devs[i].ifindex, name) ? name : "?");
	nl_rdma_fini(table);
}

static int show_tables(void)
{
	struct nl_rdma_table table = { 0 };
	int rc;

	rc = nl_rdma_read_netlink(&table);
	show_table("netlink", rc, &table);
	rc = nl_rdma_read_sysfs("/sys", &table);
	show_table("sysfs", rc, &table);
	return 0;
}

static int show_first(void)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct sockaddr_storage sa;
	struct nl_rdma_dev dev;
	char text[NI_MAXHOST];

	for (size_t i = 0; i < 2; i++) {
		int rc = nl_link_first_rdma_addr(families[i], &dev, &sa);

		if (rc)
			printf("first error=%d\n", rc);
		else
			printf("first %s/%u %s\n", dev.name, dev.port,
			       text_of(&sa, text, sizeof(text)));
	}
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: nl_show [-f SOURCE] [-o INTERFACE] [-w MS] [-n COUNT] ADDRESS...\n"
			"       nl_show -t | -a\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = { .count = 1 };
	int c, rc = 0;

	while ((c = getopt(argc, argv, "f:o:w:n:ta")) != -1) {
		switch (c) {
		case 'f':
			o.has_src = parse(optarg, &o.src);
			if (!o.has_src)
				return 2;
			break;
		case 'o':
			o.oif = (int)if_nametoindex(optarg);
			break;
		case 'w':
			o.wait_ms = atoi(optarg);
			break;
		case 'n':
			o.count = strtoul(optarg, NULL, 10);
			break;
		case 't':
			return show_tables();
		case 'a':
			return show_first();
		default:
			return usage();
		}
	}
	for (; optind < argc; optind++)
		rc |= strcmp(argv[optind], "-") ? show(argv[optind], &o) : show_lines(&o);
	return rc;
}
