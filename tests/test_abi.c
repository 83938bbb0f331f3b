// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The binary interface of rdma/rdma_cma.h: pinned at compile time for LP64, and
 * compared with the rdma-core headers installed here.
 */
#include <criterion/criterion.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <string.h>

#include "tests/abi_table.h"

#define SIZE(type, bytes) \
	_Static_assert(sizeof(void *) != 8 || sizeof(struct type) == (bytes), #type)
#define AT(type, field, offset) \
	_Static_assert(sizeof(void *) != 8 || offsetof(struct type, field) == (offset), #field)
#define IS(name, value) _Static_assert((name) == (value), #name)

SIZE(rdma_event_channel, 4);
AT(rdma_event_channel, fd, 0);

SIZE(rdma_addr, 296);
AT(rdma_addr, src_addr, 0);
AT(rdma_addr, src_sin, 0);
AT(rdma_addr, src_sin6, 0);
AT(rdma_addr, src_storage, 0);
AT(rdma_addr, dst_addr, 128);
AT(rdma_addr, dst_sin, 128);
AT(rdma_addr, dst_sin6, 128);
AT(rdma_addr, dst_storage, 128);
AT(rdma_addr, addr.ibaddr, 256);

SIZE(rdma_route, 312);
AT(rdma_route, addr, 0);
AT(rdma_route, path_rec, 296);
AT(rdma_route, num_paths, 304);

SIZE(rdma_cm_id, 416);
AT(rdma_cm_id, verbs, 0);
AT(rdma_cm_id, channel, 8);
AT(rdma_cm_id, context, 16);
AT(rdma_cm_id, qp, 24);
AT(rdma_cm_id, route, 32);
AT(rdma_cm_id, ps, 344);
AT(rdma_cm_id, port_num, 348);
AT(rdma_cm_id, event, 352);
AT(rdma_cm_id, send_cq_channel, 360);
AT(rdma_cm_id, send_cq, 368);
AT(rdma_cm_id, recv_cq_channel, 376);
AT(rdma_cm_id, recv_cq, 384);
AT(rdma_cm_id, srq, 392);
AT(rdma_cm_id, pd, 400);
AT(rdma_cm_id, qp_type, 408);

SIZE(rdma_conn_param, 24);
AT(rdma_conn_param, private_data, 0);
AT(rdma_conn_param, private_data_len, 8);
AT(rdma_conn_param, responder_resources, 9);
AT(rdma_conn_param, initiator_depth, 10);
AT(rdma_conn_param, flow_control, 11);
AT(rdma_conn_param, retry_count, 12);
AT(rdma_conn_param, rnr_retry_count, 13);
AT(rdma_conn_param, srq, 14);
AT(rdma_conn_param, qp_num, 16);

SIZE(rdma_cm_event, 80);
AT(rdma_cm_event, id, 0);
AT(rdma_cm_event, listen_id, 8);
AT(rdma_cm_event, event, 16);
AT(rdma_cm_event, status, 20);
AT(rdma_cm_event, param, 24);
_Static_assert(sizeof(void *) != 8 || sizeof(((struct rdma_cm_event *)0)->param) == 56, "param");

SIZE(rdma_addrinfo, 96);
AT(rdma_addrinfo, ai_flags, 0);
AT(rdma_addrinfo, ai_family, 4);
AT(rdma_addrinfo, ai_qp_type, 8);
AT(rdma_addrinfo, ai_port_space, 12);
AT(rdma_addrinfo, ai_src_len, 16);
AT(rdma_addrinfo, ai_dst_len, 20);
AT(rdma_addrinfo, ai_src_addr, 24);
AT(rdma_addrinfo, ai_dst_addr, 32);
AT(rdma_addrinfo, ai_src_canonname, 40);
AT(rdma_addrinfo, ai_dst_canonname, 48);
AT(rdma_addrinfo, ai_route_len, 56);
AT(rdma_addrinfo, ai_route, 64);
AT(rdma_addrinfo, ai_connect_len, 72);
AT(rdma_addrinfo, ai_connect, 80);
AT(rdma_addrinfo, ai_next, 88);

IS(RDMA_CM_EVENT_ADDR_RESOLVED, 0);
IS(RDMA_CM_EVENT_ADDR_ERROR, 1);
IS(RDMA_CM_EVENT_ROUTE_RESOLVED, 2);
IS(RDMA_CM_EVENT_ROUTE_ERROR, 3);
IS(RDMA_CM_EVENT_CONNECT_REQUEST, 4);
IS(RDMA_CM_EVENT_CONNECT_RESPONSE, 5);
IS(RDMA_CM_EVENT_CONNECT_ERROR, 6);
IS(RDMA_CM_EVENT_UNREACHABLE, 7);
IS(RDMA_CM_EVENT_REJECTED, 8);
IS(RDMA_CM_EVENT_ESTABLISHED, 9);
IS(RDMA_CM_EVENT_DISCONNECTED, 10);
IS(RDMA_CM_EVENT_DEVICE_REMOVAL, 11);
IS(RDMA_CM_EVENT_MULTICAST_JOIN, 12);
IS(RDMA_CM_EVENT_MULTICAST_ERROR, 13);
IS(RDMA_CM_EVENT_ADDR_CHANGE, 14);
IS(RDMA_CM_EVENT_TIMEWAIT_EXIT, 15);
IS(RDMA_CM_EVENT_ADDRINFO_RESOLVED, 16);
IS(RDMA_CM_EVENT_ADDRINFO_ERROR, 17);
IS(RDMA_CM_EVENT_USER, 18);
IS(RDMA_CM_EVENT_INTERNAL, 19);
IS(RDMA_PS_IPOIB, 0x2);
IS(RDMA_PS_TCP, 0x106);
IS(RDMA_PS_UDP, 0x111);
IS(RDMA_PS_IB, 0x13F);
IS(RAI_PASSIVE, 1);
IS(RAI_NUMERICHOST, 2);
IS(RAI_NOROUTE, 4);
IS(RAI_FAMILY, 8);
IS(RAI_SA, 16);
IS(RAI_DNS, 32);
IS(RDMA_OPTION_ID, 0);
IS(RDMA_OPTION_IB, 1);
IS(RDMA_OPTION_ID_TOS, 0);
IS(RDMA_OPTION_ID_REUSEADDR, 1);
IS(RDMA_OPTION_ID_AFONLY, 2);
IS(RDMA_OPTION_ID_ACK_TIMEOUT, 3);
IS(RDMA_OPTION_IB_PATH, 1);
IS(RDMA_MAX_RESP_RES, 255);
IS(RDMA_MAX_INIT_DEPTH, 255);

/* In RDMACM_1.4 and not in the headers of rdma-core 44. */
static const char *const newer_than_44[] = {
	"RAI_SA",
	"RAI_DNS",
	"RDMA_CM_EVENT_ADDRINFO_RESOLVED",
	"RDMA_CM_EVENT_ADDRINFO_ERROR",
	"RDMA_CM_EVENT_USER",
	"RDMA_CM_EVENT_INTERNAL",
	"rdma_cm_event.param.arg",
};

static bool is_newer(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(newer_than_44) / sizeof(newer_than_44[0]); i++)
		if (!strcmp(newer_than_44[i], name))
			return true;
	return false;
}

static const struct abi_row *stock_row(const char *name)
{
	size_t i;

	for (i = 0; i < abi_stock_rows; i++)
		if (!strcmp(abi_stock[i].name, name))
			return &abi_stock[i];
	return NULL;
}

Test(abi, headers__are_the_layout_of_rdma_core)
{
	const struct abi_row *ours, *stock;

	for (ours = abi_ours; ours < abi_ours + abi_ours_rows; ours++) {
		stock = stock_row(ours->name);
		if (!stock) {
			cr_expect(is_newer(ours->name), "%s is not in rdma-core", ours->name);
			continue;
		}
		cr_expect_eq(ours->size, stock->size, "%s: size %zu, not %zu", ours->name,
			     ours->size, stock->size);
		cr_expect_eq(ours->value, stock->value, "%s: %lld, not %lld", ours->name,
			     ours->value, stock->value);
	}
}

/* Else the comparison would be of one header with itself. */
Test(abi, tables__come_from_two_headers)
{
	cr_assert_gt(abi_ours_rows, 80);
	cr_assert_neq((const void *)abi_ours, (const void *)abi_stock);
	cr_assert_str_eq(abi_ours_header, "ours");
	cr_assert_str_eq(abi_stock_header, "stock");
}
