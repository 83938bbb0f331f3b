// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Bad input: NULL for each pointer, and pointers to what is no id, channel or event. */
#include "bad_input.h"

#include <rdma/rdma_verbs.h>

/* ---- no id */

static void calls_without_id(struct rdma_cm_id *id)
{
	struct ibv_qp_init_attr_ex attr_ex = { .cap = { 1, 1, 1, 1, 0 }, .qp_type = IBV_QPT_RC };
	struct ibv_srq_init_attr_ex srq_ex = { .comp_mask = IBV_SRQ_INIT_ATTR_TYPE };
	struct rdma_cm_join_mc_attr_ex join = { .comp_mask = 3, .addr = sa("239.1.1.1", 0) };
	struct ibv_srq_init_attr srq = { .attr = { .max_wr = 1, .max_sge = 1 } };
	struct ibv_qp_attr qp_attr_in = { .qp_state = IBV_QPS_INIT };
	struct rdma_conn_param param = conn_param(NULL, 0);
	struct ibv_ece ece = { .vendor_id = 1 };
	struct ibv_qp_init_attr attr = qp_attr();
	struct rdma_addrinfo *info;
	struct rdma_cm_id *other;
	uint8_t tos = 1;
	int mask;

	BAD(rdma_destroy_id(id), EINVAL);
	BAD(rdma_migrate_id(id, NULL), EINVAL);
	BAD(rdma_bind_addr(id, sa(ADDR, 0)), EINVAL);
	BAD(rdma_resolve_addr(id, NULL, sa(ADDR, 7), 100), EINVAL);
	BAD(rdma_resolve_route(id, 100), EINVAL);
	BAD(rdma_create_qp(id, NULL, &attr), EINVAL);
	BAD(rdma_create_qp_ex(id, &attr_ex), EINVAL);
	BAD(rdma_create_srq(id, NULL, &srq), EINVAL);
	BAD(rdma_create_srq_ex(id, &srq_ex), EINVAL);
	BAD(rdma_init_qp_attr(id, &qp_attr_in, &mask), EINVAL);
	BAD(rdma_connect(id, &param), EINVAL);
	BAD(rdma_connect(id, NULL), EINVAL);
	BAD(rdma_listen(id, 1), EINVAL);
	BAD(rdma_get_request(id, &other), EINVAL);
	BAD(rdma_accept(id, &param), EINVAL);
	BAD(rdma_accept(id, NULL), EINVAL);
	BAD(rdma_reject(id, NULL, 0), EINVAL);
	BAD(rdma_reject_ece(id, NULL, 0), EINVAL);
	BAD(rdma_establish(id), EINVAL);
	BAD(rdma_notify(id, IBV_EVENT_COMM_EST), EINVAL);
	BAD(rdma_disconnect(id), EINVAL);
	BAD(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, &tos, 1), EINVAL);
	BAD(rdma_set_local_ece(id, &ece), EINVAL);
	BAD(rdma_get_remote_ece(id, &ece), EINVAL);
	BAD(rdma_join_multicast(id, sa("239.1.1.1", 0), NULL), EINVAL);
	BAD(rdma_join_multicast_ex(id, &join, NULL), EINVAL);
	BAD(rdma_leave_multicast(id, sa("239.1.1.1", 0)), EINVAL);
	BAD(rdma_resolve_addrinfo(id, "127.0.0.1", NULL, NULL), EINVAL);
	BAD(rdma_query_addrinfo(id, &info), EINVAL);
	BAD(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0), EINVAL);
	BAD_VOID(rdma_destroy_qp(id));
	BAD_VOID(rdma_destroy_srq(id));
	BAD_VOID(rdma_destroy_ep(id));
	HOLDS(!rdma_get_src_port(id) && !rdma_get_dst_port(id));
}

static void no_id(void)
{
	calls_without_id(NULL);
}

static void foreign_id(void)
{
	calls_without_id(foreign());
}

/* ---- NULL instead of the other arguments, for ids in the right state */

static void no_arguments(void)
{
	struct rdma_event_channel *ch = new_channel();
	struct rdma_cm_id *id = new_id(ch), *bound = new_client(ch, BOUND, 0), *other;
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT };
	struct rdma_addrinfo hints = { 0 }, *info;
	struct rdma_cm_event *event;
	int mask;

	BAD(rdma_create_id(ch, NULL, NULL, RDMA_PS_TCP), EINVAL);
	BAD(rdma_create_id(NULL, NULL, NULL, RDMA_PS_TCP), EINVAL);
	BAD(rdma_create_id(foreign(), &other, NULL, RDMA_PS_TCP), EINVAL);
	BAD(rdma_get_cm_event(NULL, &event), EINVAL);
	BAD(rdma_get_cm_event(ch, NULL), EINVAL);
	BAD(rdma_get_cm_event(foreign(), &event), EINVAL);
	BAD(rdma_ack_cm_event(NULL), EINVAL);
	BAD(rdma_ack_cm_event(foreign()), EINVAL);
	BAD(rdma_bind_addr(id, NULL), EINVAL);
	BAD(rdma_resolve_addr(id, NULL, NULL, 100), EINVAL);
	BAD(rdma_resolve_addr(id, sa(ADDR, 0), NULL, 100), EINVAL);
	BAD(rdma_migrate_id(id, foreign()), EINVAL);
	BAD(rdma_create_qp(bound, NULL, NULL), EINVAL);
	BAD(rdma_create_qp_ex(bound, NULL), EINVAL);
	BAD(rdma_create_srq(bound, NULL, NULL), EINVAL);
	BAD(rdma_create_srq_ex(bound, NULL), EINVAL);
	BAD(rdma_init_qp_attr(bound, NULL, &mask), EINVAL);
	BAD(rdma_init_qp_attr(bound, &attr, NULL), EINVAL);
	BAD(rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, NULL, 1), EFAULT);
	BAD(rdma_set_option(bound, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, NULL, 1), EFAULT);
	BAD(rdma_set_option(bound, RDMA_OPTION_ID, RDMA_OPTION_ID_TOS, (void *)8, 1), EFAULT);
	BAD(rdma_set_local_ece(bound, NULL), EINVAL);
	BAD(rdma_get_remote_ece(bound, NULL), EINVAL);
	BAD(rdma_join_multicast(bound, NULL, NULL), EINVAL);
	BAD(rdma_join_multicast_ex(bound, NULL, NULL), EINVAL);
	BAD(rdma_leave_multicast(bound, NULL), EINVAL);
	BAD(rdma_get_request(bound, NULL), EINVAL);
	BAD(rdma_resolve_addrinfo(id, NULL, NULL, NULL), EINVAL);
	BAD(rdma_query_addrinfo(id, NULL), EINVAL);
	BAD(rdma_getaddrinfo(NULL, NULL, NULL, &info), EINVAL);
	BAD(rdma_getaddrinfo("127.0.0.1", NULL, NULL, NULL), EINVAL);
	BAD(rdma_create_ep(NULL, &hints, NULL, NULL), EINVAL);
	BAD(rdma_create_ep(&other, NULL, NULL, NULL), EINVAL);
	BAD_VOID(rdma_freeaddrinfo(NULL));
	BAD_VOID(rdma_free_devices(NULL));
	BAD_VOID(rdma_destroy_event_channel(NULL));
	BAD_VOID(rdma_destroy_event_channel(foreign()));
	BAD_VOID(rdma_destroy_qp(bound));
	BAD_VOID(rdma_destroy_srq(bound));
	BAD_VOID(rdma_free_devices(rdma_get_devices(NULL)));
	BAD(rdma_destroy_id(id), 0);
	BAD(rdma_destroy_id(bound), 0);
}

/* ---- the inlines: no id, an id without QP, PD or queues */

static void inlines_of(struct rdma_cm_id *id)
{
	static char data[16];
	struct ibv_sge sge = { .length = 4 };
	struct ibv_mr mr = { .addr = data, .length = sizeof(data) };
	struct ibv_wc wc;

	BAD_PTR(rdma_reg_msgs(id, data, 16), EINVAL);
	BAD_PTR(rdma_reg_read(id, data, 16), EINVAL);
	BAD_PTR(rdma_reg_write(id, data, 16), EINVAL);
	BAD(rdma_post_recvv(id, NULL, &sge, 1), EINVAL);
	BAD(rdma_post_sendv(id, NULL, &sge, 1, 0), EINVAL);
	BAD(rdma_post_readv(id, NULL, &sge, 1, 0, 0, 0), EINVAL);
	BAD(rdma_post_writev(id, NULL, &sge, 1, 0, 0, 0), EINVAL);
	BAD(rdma_post_recv(id, NULL, data, 4, &mr), EINVAL);
	BAD(rdma_post_recv(id, NULL, data, 4, NULL), EINVAL);
	BAD(rdma_post_send(id, NULL, data, 4, &mr, 0), EINVAL);
	BAD(rdma_post_send(id, NULL, data, 4, NULL, 0), EINVAL);
	BAD(rdma_post_read(id, NULL, data, 4, &mr, 0, 0, 0), EINVAL);
	BAD(rdma_post_read(id, NULL, data, 4, NULL, 0, 0, 0), EINVAL);
	BAD(rdma_post_write(id, NULL, data, 4, &mr, 0, 0, 0), EINVAL);
	BAD(rdma_post_ud_send(id, NULL, data, 4, &mr, 0, NULL, 1), EINVAL);
	BAD(rdma_get_send_comp(id, &wc), EINVAL);
	BAD(rdma_get_recv_comp(id, &wc), EINVAL);
}

static void inlines(void)
{
	struct rdma_cm_id *id = new_id(new_channel());

	inlines_of(NULL);
	inlines_of(id);
	BAD(rdma_dereg_mr(NULL), EINVAL);
	BAD(rdma_destroy_id(id), 0);
}

/* With a QP: lists that are not there, buffers outside of their region, no place for an answer. */
static void inlines_of_qp(void)
{
	static char data[16];
	struct pair p;
	struct ibv_mr *mr;

	pair_up(&p);
	mr = rdma_reg_msgs(p.client, data, sizeof(data));
	HOLDS(mr);
	/* siw makes one. */
	BAD_PTR(rdma_reg_msgs(p.client, NULL, SIZE_MAX), by_device(SOME_ERROR, ALIVE, SOME_ERROR));
	BAD_PTR(rdma_reg_write(p.client, (void *)8, 4096), SOME_ERROR);
	BAD(rdma_post_recv(p.client, NULL, data + 8, 16, mr), EINVAL);
	BAD(rdma_post_recv(p.client, NULL, data, SIZE_MAX, mr), EINVAL);
	BAD(rdma_post_recv(p.client, NULL, data, 4, NULL), EINVAL);
	BAD(rdma_post_read(p.client, NULL, data, 4, NULL, 0, 0, 0), EINVAL);
	BAD(rdma_post_recvv(p.client, NULL, NULL, 1), EINVAL);
	BAD(rdma_post_sendv(p.client, NULL, NULL, 1, 0), EINVAL);
	BAD(rdma_post_readv(p.client, NULL, NULL, 1, 0, 0, 0), EINVAL);
	BAD(rdma_post_writev(p.client, NULL, NULL, 1, 0, 0, 0), EINVAL);
	BAD(rdma_get_send_comp(p.client, NULL), EINVAL);
	BAD(rdma_get_recv_comp(p.client, NULL), EINVAL);
	BAD(rdma_dereg_mr(mr), 0);
	HOLDS(pair_talk(&p) == 16);
	pair_down(&p);
}

const struct bad_group null_groups[] = {
	{ "no id", no_id, ON_ALL },
	{ "foreign id", foreign_id, ON_ALL },
	{ "no argument", no_arguments, ON_ALL },
	{ "inlines", inlines, ON_ALL },
	{ "inlines of a connection", inlines_of_qp, ON_ALL },
	{ 0 },
};
