// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A library that stands in for the real libibverbs: two devices; every other
 * function leaves its name and gives FAKE_VERBS_RC. They are called through the
 * prototypes of verbs.h, which this file gives to none of them.
 */
#include "tests/fake_verbs.h"

#include <errno.h>
#include <stdlib.h>

#define PUBLIC __attribute__((visibility("default")))

struct fake_verbs fake_verbs PUBLIC = {
	.devices = { { .name = "real0" }, { .name = "real1" } },
};

static struct ibv_device **list_devices(int *n)
{
	struct ibv_device **list;

	if (fake_verbs.list_error) {
		errno = fake_verbs.list_error;
		return NULL;
	}
	list = calloc(3, sizeof(struct ibv_device *));
	if (!list)
		return NULL;
	list[0] = &fake_verbs.devices[0];
	list[1] = &fake_verbs.devices[1];
	*n = 2;
	fake_verbs.lists++;
	return list;
}

PUBLIC struct ibv_device **fake_get_device_list(int *n) __asm__("ibv_get_device_list");
PUBLIC struct ibv_device **fake_get_device_list(int *n)
{
	return list_devices(n);
}

#ifndef FAKE_VERBS_OLD
/* As ibv_import_device(3) does: a call out of this library's own code. */
static int list_from_inside(struct ibv_device **(*list_fn)(int *))
{
	struct ibv_device **list;
	int n = -1;

	list = list_fn(&n);
	fake_verbs.lists--;
	free(list);
	return n;
}

__attribute__((constructor)) static void fill_in(void)
{
	fake_verbs.list_from_inside = list_from_inside;
}

PUBLIC void fake_free_device_list(struct ibv_device **list) __asm__("ibv_free_device_list");
PUBLIC void fake_free_device_list(struct ibv_device **list)
{
	fake_verbs.lists--;
	free(list);
}

#define FAKE(name, symbol)                             \
	PUBLIC long fake_##name(void) __asm__(symbol); \
	PUBLIC long fake_##name(void)                  \
	{                                              \
		fake_verbs.last = #name;               \
		return FAKE_VERBS_RC;                  \
	}
#define FAKE_IBV(name) FAKE(name, "ibv_" #name)

FAKE_IBV(get_device_name)
FAKE_IBV(get_device_guid)
FAKE_IBV(get_device_index)
FAKE_IBV(open_device)
FAKE_IBV(close_device)
FAKE_IBV(import_device)
FAKE_IBV(query_device)
FAKE_IBV(query_port)
FAKE_IBV(query_gid)
FAKE(query_gid_ex, "_ibv_query_gid_ex")
FAKE(query_gid_table, "_ibv_query_gid_table")
FAKE_IBV(query_gid_type)
FAKE_IBV(query_pkey)
FAKE_IBV(get_pkey_index)
FAKE_IBV(get_async_event)
FAKE_IBV(alloc_pd)
FAKE_IBV(dealloc_pd)
FAKE_IBV(import_pd)
FAKE_IBV(unimport_pd)
FAKE_IBV(reg_mr)
FAKE_IBV(reg_mr_iova)
FAKE_IBV(reg_mr_iova2)
FAKE_IBV(reg_dmabuf_mr)
FAKE_IBV(rereg_mr)
FAKE_IBV(dereg_mr)
FAKE_IBV(import_mr)
FAKE_IBV(unimport_mr)
FAKE_IBV(import_dm)
FAKE_IBV(unimport_dm)
FAKE_IBV(create_comp_channel)
FAKE_IBV(destroy_comp_channel)
FAKE_IBV(create_cq)
FAKE_IBV(resize_cq)
FAKE_IBV(destroy_cq)
FAKE_IBV(get_cq_event)
FAKE_IBV(create_srq)
FAKE_IBV(modify_srq)
FAKE_IBV(query_srq)
FAKE_IBV(destroy_srq)
FAKE_IBV(create_qp)
FAKE_IBV(modify_qp)
FAKE_IBV(query_qp)
FAKE_IBV(destroy_qp)
FAKE_IBV(qp_to_qp_ex)
FAKE_IBV(query_qp_data_in_order)
FAKE_IBV(query_ece)
FAKE_IBV(set_ece)
FAKE_IBV(create_ah)
FAKE_IBV(destroy_ah)
FAKE_IBV(attach_mcast)
FAKE_IBV(detach_mcast)
#endif
