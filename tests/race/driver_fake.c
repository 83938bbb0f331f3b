// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Over the driver in memory: all that happens, happens on threads that read. */
#include "iwcm-core/iw_cm.h"
#include "tests/mock_verbs.h"
#include "tests/race/race.h"
#include "tests/shim_fake.h"

static void setup(void)
{
	mock_verbs_transport(1, IBV_TRANSPORT_IB); /* datagrams are device 1's */
}

static struct sockaddr_in addr(enum kind kind, uint16_t port)
{
	return fake_addr(kind == DATAGRAM, ntohs(port));
}

/* Also of ids that another thread destroys: the driver finds them or not. */
static void notice(struct life *life, uint64_t dice)
{
	struct iw_cm_event ev = { .type = IW_CM_EVENT_ADDR_CHANGE };

	switch (dice % 32) {
	case 0:
		ev.type = IW_CM_EVENT_DEVICE_GONE;
		break;
	case 1:
		ev.type = IW_CM_EVENT_TIMEWAIT_EXIT;
		break;
	default:
		break;
	}
	if (dice >> 5 & 1)
		fake_post_now(relaxed(&life->id), &ev);
	else
		fake_post(relaxed(&life->id), &ev);
}

static int left(void)
{
	struct iw_cm_stats stats;

	iw_cm_get_stats(&stats);
	return (int)(stats.ids_created - stats.ids_freed) + fake_live() + mock_verbs_live() +
	       mock_verbs_misuses();
}

const struct race_driver race_driver = {
	.name = "memory",
	.groups = true,
	.setup = setup,
	.addr = addr,
	.notice = notice,
	.left = left,
};
