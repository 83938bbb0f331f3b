// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Many connections, one after another, in one process; then what is left:
 * memory and descriptors must be as they were after the first ones. Each
 * connection is made, used, and ended by one side or the other; each tenth is
 * refused, each tenth has its channels made anew.
 *
 * usage: leaks CONNECTIONS
 * Prints a line of figures; with LEAKS_PAUSE it then waits for a line on its
 * standard input, so that one can look at what the kernel still holds for it.
 * Linked with our static libraries: LeakSanitizer sees what they allocate.
 */
#include "api.h"

#include <dirent.h>
#include <malloc.h>

#define WARM_UP 50

/* malloc's own slack: fragments, arenas' tops. A leak of one object a connection is more. */
#define SLACK_BYTES 8192

struct figures {
	size_t bytes;
	int descriptors;
	long resident_kb;
};

static struct figures look(void)
{
	struct figures f = { .bytes = mallinfo2().uordblks, .descriptors = -3 };
	char line[128];
	FILE *status = fopen("/proc/self/status", "r");
	DIR *d;

	need(status);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "VmRSS: %ld", &f.resident_kb);
	fclose(status);
	d = opendir("/proc/self/fd");
	need(d);
	while (readdir(d))
		f.descriptors++;
	closedir(d);
	return f;
}

static void refused(struct pair *p)
{
	struct rdma_conn_param param = conn_param(NULL, 0);

	need(!rdma_connect(p->client, &param));
	p->request = next_event(p->sch, PATIENT_MS);
	need(p->request && !rdma_reject(p->request->id, "no", 3));
	p->child = p->request->id;
	need(!strncmp(event_text(p->cch, PATIENT_MS), "REJECTED", 8));
}

static void used(struct pair *p, bool client_ends)
{
	struct rdma_conn_param param = conn_param("data", 5);

	pair_request(p);
	need(!rdma_accept(p->child, &param));
	rdma_ack_cm_event(p->request);
	p->request = NULL;
	expect(p->sch, RDMA_CM_EVENT_ESTABLISHED);
	expect(p->cch, RDMA_CM_EVENT_ESTABLISHED);
	need(pair_talk(p) == 16);
	need(!rdma_disconnect(client_ends ? p->client : p->child));
	expect(p->sch, RDMA_CM_EVENT_DISCONNECTED);
	expect(p->cch, RDMA_CM_EVENT_DISCONNECTED);
}

/* The client and the child go; the rest serves the next one. */
static void next(struct pair *p)
{
	if (p->request)
		rdma_ack_cm_event(p->request);
	p->request = NULL;
	rdma_destroy_qp(p->client);
	need(!rdma_destroy_id(p->client));
	if (p->child->qp)
		rdma_destroy_qp(p->child);
	need(!rdma_destroy_id(p->child));
	p->child = NULL;
	p->client = new_client(p->cch, WITH_QP, rdma_get_src_port(p->listener));
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000;
	struct figures before = { 0 }, after;
	struct pair p;
	bool flat;

	pair_prepare(&p);
	for (int i = 0; i < n; i++) {
		if (i == WARM_UP)
			before = look();
		if (i % 10 == 3)
			refused(&p);
		else
			used(&p, i & 1);
		if (i % 10 != 7) {
			next(&p);
			continue;
		}
		pair_down(&p);
		pair_prepare(&p);
	}
	after = look();
	pair_down(&p);
	flat = after.bytes <= before.bytes + SLACK_BYTES && after.descriptors == before.descriptors;
	printf("connections=%d bytes=%zu,%zu descriptors=%d,%d resident_kb=%ld,%ld %s\n", n,
	       before.bytes, after.bytes, before.descriptors, after.descriptors, before.resident_kb,
	       after.resident_kb, flat ? "flat" : "growing");
	fflush(stdout);
	if (getenv("LEAKS_PAUSE"))
		getchar();
	return flat ? 0 : 1;
}
