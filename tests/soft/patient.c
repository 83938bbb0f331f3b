// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Preloaded into perftest's programs. Their second connection (ib_send_lat -R) goes
 * to a listener that the server makes anew on the same port after the first, and
 * nothing tells the client when: it is refused if it comes first, and then uses a
 * dead pointer. So a connect to a port of this host waits here until that listens.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define STEPS 400
#define STEP_US 5000
#define LISTEN 0x0a

static bool listens(unsigned int port)
{
	FILE *f = fopen("/proc/net/tcp", "r");
	unsigned int local, state;
	bool found = false;
	char line[256];

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, " %*d: %*8x:%x %*8x:%*x %x", &local, &state) == 2 &&
			local == port && state == LISTEN;
	if (f)
		fclose(f);
	return found;
}

__attribute__((visibility("default"))) int rdma_connect(struct rdma_cm_id *id,
							struct rdma_conn_param *param)
{
	int (*next)(struct rdma_cm_id *, struct rdma_conn_param *);
	unsigned int port = ntohs(rdma_get_dst_port(id));

	*(void **)&next = dlsym(RTLD_NEXT, "rdma_connect");
	for (int i = 0; i < STEPS && !listens(port); i++)
		usleep(STEP_US);
	return next(id, param);
}
