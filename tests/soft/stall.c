// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A program that hangs, in the ways that its argument names, for stall.sh: it
 * makes an alarm end it and says nothing itself.
 */
#include <arpa/inet.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECONDS 7

static int unacknowledged(struct rdma_event_channel *ch)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7471) };
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (rdma_create_id(ch, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 1000) || rdma_get_cm_event(ch, &ev))
		return 1;
	return rdma_destroy_id(id);
}

/* Its connect has failed, and it waits for the outcome. */
static int refused(struct rdma_event_channel *ch)
{
	struct rdma_cm_event *ev;
	struct rdma_cm_id *id;

	if (rdma_create_id(ch, &id, NULL, RDMA_PS_TCP) || !rdma_connect(id, NULL))
		return 1;
	return rdma_get_cm_event(ch, &ev);
}

int main(int argc, char **argv)
{
	struct rdma_event_channel *ch = rdma_create_event_channel();

	if (argc != 2 || !ch)
		return 2;
	alarm(SECONDS);
	if (!strcmp(argv[1], "unacknowledged"))
		return unacknowledged(ch);
	return !strcmp(argv[1], "refused") ? refused(ch) : 2;
}
