// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The world of the kernel driver: a kernel that the test plays. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "driver/kernel/kid.h"
#include "driver/kernel/kpark.h"
#include "driver/registry.h"
#include "tests/driver_contract.h"
#include "tests/kdev_fake.h"

static uint32_t kernel_id(const struct iw_cm_id *id)
{
	return ((const struct kid *)id->drv)->kernel_id;
}

const struct iw_driver *world_driver(void)
{
	return iw_driver_get(IW_DRIVER_KERNEL);
}

uint32_t world_qp(void)
{
	return 1;
}

void world_open(void)
{
}

void world_close(void)
{
	/* A connect whose outcome never came is parked until it does. */
	for (uint32_t i = 0; i < IDS_MAX; i++)
		cr_assert(!k.ids[i].used || kpark_count(), "kernel id %u is left", i);
	cr_assert_eq(k.open_fds, (int)kpark_count());
}

void world_step(struct iw_source *source)
{
	int ret = world_driver()->source_pump(source);

	cr_assert(!ret || ret == -EAGAIN);
}

static void answer(struct iw_cm_id *id, uint32_t event, int status, const char *data)
{
	struct rdma_ucm_event_resp *resp = queue_event(kernel_id(id), event, kernel_id(id));
	struct rdma_ucm_conn_param *param = &resp->param.conn;

	resp->status = (uint32_t)status;
	param->private_data_len = (uint8_t)iw_copy(param->private_data, sizeof(param->private_data),
						   data, strlen(data));
}

void world_address(struct iw_cm_id *id)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(7471) };

	cr_assert_eq(iw_cm_resolve_addr(id, NULL, (const struct sockaddr *)&to, 1000), 0);
	cr_assert_eq(iw_cm_resolve_route(id, 1000), 0);
}

void world_peer_accepts(struct iw_cm_id *id, const char *data)
{
	answer(id, UCMA_EVENT_ESTABLISHED, 0, data);
}

void world_peer_rejects(struct iw_cm_id *id, const char *data)
{
	answer(id, UCMA_EVENT_REJECTED, -ECONNRESET, data);
}

void world_peer_vanishes(struct iw_cm_id *id)
{
	answer(id, UCMA_EVENT_UNREACHABLE, -ETIMEDOUT, "");
}

void world_peer_accepts_and_closes(struct iw_cm_id *id)
{
	world_peer_accepts(id, "");
	world_peer_closes(id, 0);
}

void world_bind(struct iw_cm_id *id)
{
	static const struct sockaddr_in local = { .sin_family = AF_INET };

	cr_assert_eq(iw_cm_bind(id, (const struct sockaddr *)&local), 0);
}

void world_peer_asks(struct iw_cm_id *listener, unsigned int n, const char *data)
{
	struct rdma_ucm_event_resp *resp;

	resp = queue_event(kernel_id(listener), UCMA_EVENT_CONNECT_REQUEST, CHILD + n);
	resp->param.conn.responder_resources = 5;
	resp->param.conn.initiator_depth = 7;
	resp->param.conn.private_data_len =
		(uint8_t)iw_copy(resp->param.conn.private_data,
				 sizeof(resp->param.conn.private_data), data, strlen(data));
}

/* By REJECT, or by the end of its id, which makes the kernel refuse. */
bool world_peer_is_refused(unsigned int n)
{
	return k.commands[RDMA_USER_CM_CMD_REJECT] || !k.ids[CHILD + n].used;
}

void world_peer_hears(struct iw_cm_id *child, unsigned int n)
{
	cr_assert_eq(kernel_id(child), CHILD + n);
	answer(child, UCMA_EVENT_ESTABLISHED, 0, "");
}

void world_peer_closes(struct iw_cm_id *id, unsigned int n)
{
	answer(id, UCMA_EVENT_DISCONNECTED, 0, "");
}

void world_we_close(struct iw_cm_id *id)
{
	cr_assert_gt(k.commands[RDMA_USER_CM_CMD_DISCONNECT], 0);
	answer(id, UCMA_EVENT_DISCONNECTED, 0, "");
}
