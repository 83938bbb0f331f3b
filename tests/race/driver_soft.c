// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Over the software device, by 127.0.0.1: connections are TCP's, and its thread tells. */
#include <stdlib.h>

#include "iwcm-core/iw_cm.h"
#include "tests/race/race.h"

static void setup(void)
{
	setenv("IWSHIM_DEVICE", "soft", 1);
}

static struct sockaddr_in addr(enum kind kind, uint16_t port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = port };

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sin;
}

static int left(void)
{
	struct iw_cm_stats stats;

	iw_cm_get_stats(&stats);
	return (int)(stats.ids_created - stats.ids_freed);
}

const struct race_driver race_driver = {
	.name = "software device",
	.needs_qp = true,
	.setup = setup,
	.addr = addr,
	.left = left,
};
