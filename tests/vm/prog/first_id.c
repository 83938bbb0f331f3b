// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Times the first id of a process, in microseconds.
 * usage: first_id        rdma_create_event_channel and rdma_create_id
 *        first_id -S     rdma_create_id without a channel (synchronous)
 */
#include "prog.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
	bool sync = argc > 1 && !strcmp(argv[1], "-S");
	struct rdma_event_channel *channel = NULL;
	struct rdma_cm_id *id;
	double begin = now_us();

	if (!sync) {
		channel = rdma_create_event_channel();
		if (!channel)
			prog_die("rdma_create_event_channel");
	}
	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP))
		prog_die("rdma_create_id");
	printf("%.0f\n", now_us() - begin);
	rdma_destroy_id(id);
	if (channel)
		rdma_destroy_event_channel(channel);
	return 0;
}
