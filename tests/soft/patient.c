// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Preloaded into perftest's programs. With -R their first connection is one of
 * greetings; the others go to a listener that the server makes anew on the same port,
 * and nothing tells the client when: it is refused if it comes first, or while the
 * first one still listens, and then uses a dead pointer. So a connect waits here until
 * a socket listens, from the second on another than at the first: in this process's
 * network namespace, or in that whose list of sockets is $PATIENT_TCP.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STEPS 400
#define STEP_US 5000
#define LISTEN 0x0a

/* The inode of the socket that listens, 0 if none does. */
static unsigned long listener(unsigned int port)
{
	const char *list = getenv("PATIENT_TCP");
	FILE *f = fopen(list ? list : "/proc/net/tcp", "r");
	unsigned long inode, found = 0;
	unsigned int local, state;
	char line[256];

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, " %*d: %*8x:%x %*8x:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
			   &local, &state, &inode) == 3 &&
		    local == port && state == LISTEN)
			found = inode;
	if (f)
		fclose(f);
	return found;
}

__attribute__((visibility("default"))) int rdma_connect(struct rdma_cm_id *id,
							struct rdma_conn_param *param)
{
	int (*next)(struct rdma_cm_id *, struct rdma_conn_param *);
	unsigned int port = ntohs(rdma_get_dst_port(id));
	static unsigned long first;
	unsigned long now;

	*(void **)&next = dlsym(RTLD_NEXT, "rdma_connect");
	for (int i = 0; (!(now = listener(port)) || now == first) && i < STEPS; i++)
		usleep(STEP_US);
	if (!first)
		first = now;
	return next(id, param);
}
