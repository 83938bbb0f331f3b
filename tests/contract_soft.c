// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The world of the software driver: a real QP on the loopback's device, and peers
 * that speak MPA by hand.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "driver/soft/soft_cm.h"
#include "driver/soft/soft_qp.h"
#include "tests/driver_contract.h"
#include "tests/soft_peer.h"

#define PEERS 4

static int server = -1, peers[PEERS];
static struct sockaddr_in server_addr;

const struct iw_driver *world_driver(void)
{
	return &iw_soft_driver;
}

static struct soft_context *context;
static struct soft_pd *pd;
static struct soft_cq *cq;
static struct soft_qp *qp;

static void open_device(void)
{
	struct soft_device *dev;

	cr_assert_eq(soft_dev_by_addr((struct sockaddr *)&server_addr, &dev), 0);
	cr_assert_eq(soft_context_open(dev, &context), 0);
	cr_assert_eq(soft_pd_alloc(context, &pd), 0);
	cr_assert_eq(soft_cq_create(context, 16, NULL, NULL, &cq), 0);
}

static void open_qp(void)
{
	struct ibv_qp_attr to_init = { .qp_state = IBV_QPS_INIT, .port_num = 1 };
	struct ibv_qp_init_attr_ex attr = {
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = &pd->ibv,
		.send_cq = &cq->ibv,
		.recv_cq = &cq->ibv,
		.cap = { .max_send_wr = 4, .max_recv_wr = 4, .max_send_sge = 1, .max_recv_sge = 1 },
	};

	cr_assert_eq(soft_qp_create(context, &attr, &qp), 0);
	cr_assert_eq(soft_qp_modify(qp, &to_init, IBV_QP_STATE | IBV_QP_ACCESS_FLAGS | IBV_QP_PORT),
		     0);
}

uint32_t world_qp(void)
{
	return qp->ibv.qp_num;
}

void world_open(void)
{
	memset(peers, -1, sizeof(peers));
	server = peer_listen(&server_addr);
	open_device();
	open_qp();
}

void world_close(void)
{
	for (int i = 0; i < PEERS; i++)
		if (peers[i] >= 0)
			close(peers[i]);
	close(server);
	cr_assert_eq(soft_qp_destroy(qp), 0);
	cr_assert_eq(soft_cq_destroy(cq), 0);
	cr_assert_eq(soft_pd_dealloc(pd), 0);
	cr_assert_eq(soft_context_close(context), 0);
}

void world_step(struct iw_source *source)
{
	usleep(1000);
}

void world_address(struct iw_cm_id *id)
{
	cr_assert_eq(iw_cm_resolve_addr(id, NULL, (struct sockaddr *)&server_addr, 1000), 0);
	cr_assert_eq(iw_cm_resolve_route(id, 1000), 0);
}

static void answer(bool reject, const char *data)
{
	struct mpa_frame request, reply;

	peers[0] = peer_accept(server);
	request = peer_read_frame(peers[0], false);
	reply = (struct mpa_frame){ .is_reply = true,
				    .reject = reject,
				    .enhanced = request.enhanced,
				    .revision = request.revision,
				    .peer_to_peer = request.peer_to_peer,
				    .rtr = MPA_RTR_WRITE,
				    .ird = 7,
				    .ord = 4,
				    .private_data = (const uint8_t *)data,
				    .private_data_len = (uint16_t)strlen(data) };
	peer_send_frame(peers[0], &reply);
}

void world_peer_accepts(struct iw_cm_id *id, const char *data)
{
	answer(false, data);
}

void world_peer_rejects(struct iw_cm_id *id, const char *data)
{
	answer(true, data);
}

void world_peer_vanishes(struct iw_cm_id *id)
{
	close(peer_accept(server));
	close(server);
	server = -1;
}

void world_peer_accepts_and_closes(struct iw_cm_id *id)
{
	answer(false, "");
	world_peer_closes(id, 0);
}

void world_bind(struct iw_cm_id *id)
{
	const struct sockaddr_in local = { .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	cr_assert_eq(iw_cm_bind(id, (const struct sockaddr *)&local), 0);
}

void world_peer_asks(struct iw_cm_id *listener, unsigned int n, const char *data)
{
	const struct mpa_frame request = { .enhanced = true,
					   .revision = 2,
					   .ird = 7,
					   .ord = 5,
					   .private_data = (const uint8_t *)data,
					   .private_data_len = (uint16_t)strlen(data) };
	struct iw_cm_addr_info info;

	cr_assert_eq(iw_cm_query(listener, &info), 0);
	peers[n] = peer_connect(&info.src);
	peer_send_frame(peers[n], &request);
}

bool world_peer_is_refused(unsigned int n)
{
	return peer_read_frame(peers[n], true).reject && peer_sees_end(peers[n]);
}

void world_peer_hears(struct iw_cm_id *child, unsigned int n)
{
	cr_assert_not(peer_read_frame(peers[n], true).reject);
	peer_send_rtr(peers[n]);
}

void world_peer_closes(struct iw_cm_id *id, unsigned int n)
{
	close(peers[n]);
	peers[n] = -1;
}

void world_we_close(struct iw_cm_id *id)
{
}
