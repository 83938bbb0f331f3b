// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/fake_soft.h"

#include <errno.h>
#include <stdio.h>

#include "driver/soft/soft_verbs.h"
#include "netlink/nl_link.h"

struct soft_device fake_soft_devices[FAKE_SOFT_NDEVICES];
unsigned int fake_soft_up = 2;
int fake_soft_list_error;
unsigned int fake_kernel_ifindex;
const char *fake_soft_last;
struct ibv_context fake_soft_context = { .device = &fake_soft_devices[0].ibv };

int soft_dev_list(struct soft_device **list, unsigned int *n)
{
	unsigned int room = *n;

	if (fake_soft_list_error)
		return fake_soft_list_error;
	*n = fake_soft_up;
	if (room < fake_soft_up)
		return -ENOSPC;
	for (unsigned int i = 0; i < fake_soft_up; i++) {
		snprintf(fake_soft_devices[i].ibv.name, IBV_SYSFS_NAME_MAX, "usiw_%u", i);
		fake_soft_devices[i].ifindex = i + 1;
		fake_soft_devices[i].guid = 100 + i;
		list[i] = &fake_soft_devices[i];
	}
	return 0;
}

bool soft_dev_is_ours(const struct ibv_device *dev)
{
	for (int i = 0; i < FAKE_SOFT_NDEVICES; i++)
		if (dev == &fake_soft_devices[i].ibv)
			return true;
	return false;
}

bool soft_context_is_ours(const struct ibv_context *ctx)
{
	return ctx && soft_dev_is_ours(ctx->device);
}

int nl_link_any_rdma_dev(void)
{
	return fake_kernel_ifindex ? 0 : -ENODEV;
}

int nl_link_rdma_dev(int ifindex, struct nl_rdma_dev *dev)
{
	return fake_kernel_ifindex && (unsigned int)ifindex == fake_kernel_ifindex ? 0 : -ENODEV;
}

/* As in tests/fake_verbs.c: called through prototypes that are not its own. */
#define FAKE(member)                                                \
	long fake_soft_##member(void) __asm__("soft_ibv_" #member); \
	long fake_soft_##member(void)                               \
	{                                                           \
		fake_soft_last = #member;                           \
		return FAKE_SOFT_RC;                                \
	}

FAKE(open_device)
FAKE(close_device)
FAKE(query_device)
FAKE(query_port)
FAKE(query_gid_ex)
FAKE(query_gid_table)
FAKE(query_pkey)
FAKE(get_pkey_index)
FAKE(get_async_event)
FAKE(alloc_pd)
FAKE(dealloc_pd)
FAKE(reg_mr)
FAKE(dereg_mr)
FAKE(create_comp_channel)
FAKE(destroy_comp_channel)
FAKE(create_cq)
FAKE(destroy_cq)
FAKE(resize_cq)
FAKE(get_cq_event)
FAKE(create_srq)
FAKE(modify_srq)
FAKE(query_srq)
FAKE(destroy_srq)
FAKE(create_qp)
FAKE(modify_qp)
FAKE(query_qp)
FAKE(destroy_qp)
FAKE(qp_to_qp_ex)

int soft_ibv_query_gid(struct ibv_context *ctx, uint8_t port, int index, union ibv_gid *gid)
{
	fake_soft_last = "query_gid";
	return index ? -1 : 0;
}
