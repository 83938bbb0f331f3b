// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Headers that do not fit the stream: every Terminate that says so. What memory
 * forbids is in test_soft_rx_access.c.
 */
#include "tests/soft_rx_fault.h"

/* ---- MPA: ULPDU_Length */

static void put_short(uint8_t control, enum rdmap_opcode op, size_t len)
{
	uint8_t ulpdu[64] = { control, rdmap_control(op) };

	wire_put32(ulpdu + 6, rdmap_op_info(op)->qn);
	wire_put32(ulpdu + 10, 1);
	rx_put_ulpdu(ulpdu, len);
}

FAULT(length, zero, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0, 0, 0);
}

FAULT(length, untagged_without_its_header, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0x41, RDMAP_SEND, 17);
}

FAULT(length, tagged_without_its_header, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0xc1, RDMAP_WRITE, 13);
}

FAULT(length, read_request_without_its_body, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0x41, RDMAP_READ_REQUEST, 45);
}

FAULT(length, terminate_without_its_control, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0x41, RDMAP_TERMINATE, 21);
}

FAULT(length, immediate_without_its_body, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0x41, RDMAP_IMMEDIATE, 25);
}

FAULT(length, atomic_request_without_its_body, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0x41, RDMAP_ATOMIC_REQUEST, 40);
}

FAULT(length, atomic_response_without_its_body, TERM_MPA_LENGTH, .untold = true)
{
	put_short(0x41, RDMAP_ATOMIC_RESPONSE, 29);
}

/* ---- versions and opcodes */

static void put_version(enum rdmap_opcode op, uint8_t ddp, uint8_t rdmap)
{
	struct ddp_header h = rx_hdr(op, rdmap_op_info(op)->tagged ? all.mr->ibv.rkey : 1);

	h.to = to_of(&all);
	h.version = ddp;
	h.rdmap = (uint8_t)(rdmap << 6 | op);
	rx_recv(1, &all);
	rx_put(&h, rx_payload(0), 28);
}

FAULT(version, ddp_tagged_0, TERM_DDP_TAGGED_VERSION)
{
	put_version(RDMAP_WRITE, 0, 1);
}

FAULT(version, ddp_tagged_2, TERM_DDP_TAGGED_VERSION)
{
	put_version(RDMAP_WRITE, 2, 1);
}

FAULT(version, ddp_untagged_0, TERM_DDP_UNTAGGED_VERSION)
{
	put_version(RDMAP_SEND, 0, 1);
}

FAULT(version, ddp_untagged_3, TERM_DDP_UNTAGGED_VERSION)
{
	put_version(RDMAP_READ_REQUEST, 3, 1);
}

FAULT(version, rdmac, TERM_RDMAP_VERSION)
{
	put_version(RDMAP_SEND, 1, 0);
}

FAULT(version, rdmap_tagged_2, TERM_RDMAP_VERSION)
{
	put_version(RDMAP_WRITE, 1, 2);
}

FAULT(version, rdmap_read_request_3, TERM_RDMAP_VERSION)
{
	put_version(RDMAP_READ_REQUEST, 1, 3);
}

static void put_opcode(unsigned int op, bool tagged)
{
	struct ddp_header h = rx_hdr(tagged ? RDMAP_WRITE : RDMAP_SEND, 1);

	h.rdmap = (uint8_t)(RDMAP_VERSION << 6 | op);
	rx_recv(1, &all);
	rx_put(&h, rx_payload(0), 52);
}

FAULT(opcode, unknown_untagged, TERM_RDMAP_OPCODE)
{
	put_opcode(12, false);
}

FAULT(opcode, unknown_tagged, TERM_RDMAP_OPCODE)
{
	put_opcode(15, true);
}

FAULT(opcode, untagged_write, TERM_RDMAP_OPCODE)
{
	put_opcode(RDMAP_WRITE, false);
}

FAULT(opcode, untagged_read_response, TERM_RDMAP_OPCODE)
{
	put_opcode(RDMAP_READ_RESPONSE, false);
}

FAULT(opcode, tagged_send, TERM_RDMAP_OPCODE)
{
	put_opcode(RDMAP_SEND, true);
}

FAULT(opcode, tagged_read_request, TERM_RDMAP_OPCODE)
{
	put_opcode(RDMAP_READ_REQUEST, true);
}

FAULT(opcode, tagged_terminate, TERM_RDMAP_OPCODE)
{
	put_opcode(RDMAP_TERMINATE, true);
}

FAULT(opcode, immediate_without_extensions, TERM_RDMAP_OPCODE)
{
	rx_env->qp->stream.extensions = false;
	rx_recv(1, &all);
	put(RDMAP_IMMEDIATE, 1, 8);
}

FAULT(opcode, atomic_without_extensions, TERM_RDMAP_OPCODE)
{
	rx_env->qp->stream.extensions = false;
	put(RDMAP_ATOMIC_REQUEST, 1, RDMAP_ATOMIC_BODY);
}

/* ---- untagged: queue, number, offset, length */

static void put_untagged(enum rdmap_opcode op, uint32_t qn, uint32_t msn, uint32_t mo)
{
	struct ddp_header h = rx_hdr(op, msn);
	const struct rdmap_op_info *info = rdmap_op_info(op);

	h.qn = qn;
	h.mo = mo;
	rx_recv(1, &all);
	rx_put(&h, rx_payload(0), op == RDMAP_TERMINATE ? 4 : info->body ? info->body : 10);
}

FAULT(queue, send_on_1, TERM_DDP_QN, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_SEND, 1, 1, 0);
}

FAULT(queue, send_on_4, TERM_DDP_QN, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_SEND_SE, 4, 1, 0);
}

FAULT(queue, read_request_on_0, TERM_DDP_QN)
{
	put_untagged(RDMAP_READ_REQUEST, 0, 1, 0);
}

FAULT(queue, terminate_on_0, TERM_DDP_QN)
{
	put_untagged(RDMAP_TERMINATE, 0, 1, 0);
}

FAULT(queue, atomic_response_on_1, TERM_DDP_QN)
{
	put_untagged(RDMAP_ATOMIC_RESPONSE, 1, 1, 0);
}

FAULT(queue, immediate_on_3, TERM_DDP_QN, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_IMMEDIATE, 3, 1, 0);
}

FAULT(msn, send_0, TERM_DDP_MSN, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_SEND, 0, 0, 0);
}

FAULT(msn, send_skips_one, TERM_DDP_MSN, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_SEND, 0, 2, 0);
}

FAULT(msn, send_again, TERM_DDP_MSN, .rq = IBV_WC_GENERAL_ERR, .placed = true)
{
	put_untagged(RDMAP_SEND, 0, 1, 0);
	put_untagged(RDMAP_SEND, 0, 1, 0);
}

FAULT(msn, send_without_a_receive_to_tell, TERM_DDP_MSN, .rq = IBV_WC_GENERAL_ERR)
{
	put(RDMAP_SEND, 7, 3);
}

FAULT(msn, read_request, TERM_DDP_MSN)
{
	put_untagged(RDMAP_READ_REQUEST, 1, 2, 0);
}

FAULT(msn, atomic_request, TERM_DDP_MSN)
{
	put_untagged(RDMAP_ATOMIC_REQUEST, 1, 0, 0);
}

FAULT(msn, atomic_response, TERM_DDP_MSN)
{
	put_untagged(RDMAP_ATOMIC_RESPONSE, 3, 2, 0);
}

FAULT(msn, immediate, TERM_DDP_MSN, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_IMMEDIATE, 0, 9, 0);
}

FAULT(msn, terminate, TERM_DDP_MSN)
{
	put_untagged(RDMAP_TERMINATE, 2, 2, 0);
}

FAULT(offset, first_segment_not_at_0, TERM_DDP_MO, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_SEND, 0, 1, 4);
}

FAULT(offset, read_request, TERM_DDP_MO)
{
	put_untagged(RDMAP_READ_REQUEST, 1, 1, 4);
}

FAULT(offset, immediate, TERM_DDP_MO, .rq = IBV_WC_GENERAL_ERR)
{
	put_untagged(RDMAP_IMMEDIATE, 0, 1, 1);
}

static void put_second_segment(enum rdmap_opcode op, uint32_t mo, size_t len)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, 1);

	rx_recv(1, &all);
	h.last = false;
	rx_put(&h, rx_payload(0), 8);
	h = rx_hdr(op, 1);
	h.mo = mo;
	rx_put(&h, rx_payload(8), len);
}

FAULT(offset, gap, TERM_DDP_MO, .rq = IBV_WC_GENERAL_ERR, .placed = true)
{
	put_second_segment(RDMAP_SEND, 9, 4);
}

FAULT(offset, again, TERM_DDP_MO, .rq = IBV_WC_GENERAL_ERR, .placed = true)
{
	put_second_segment(RDMAP_SEND, 0, 4);
}

FAULT(opcode, changes_within_a_send, TERM_RDMAP_OPCODE, .rq = IBV_WC_GENERAL_ERR, .placed = true)
{
	put_second_segment(RDMAP_SEND_SE, 8, 4);
}

FAULT(opcode, immediate_within_a_send, TERM_RDMAP_OPCODE, .rq = IBV_WC_GENERAL_ERR, .placed = true)
{
	put_second_segment(RDMAP_IMMEDIATE, 8, 8);
}

FAULT(send, no_buffer, TERM_DDP_NO_BUFFER)
{
	put(RDMAP_SEND, 1, 3);
}

FAULT(send, no_buffer_for_nothing, TERM_DDP_NO_BUFFER)
{
	put(RDMAP_SEND, 1, 0);
}

FAULT(send, too_long, TERM_DDP_TOO_LONG, .rq = IBV_WC_LOC_LEN_ERR)
{
	rx_recv(1, &all);
	put(RDMAP_SEND, 1, MEM + 1);
}

FAULT(send, too_long_by_its_second_segment, TERM_DDP_TOO_LONG, .rq = IBV_WC_LOC_LEN_ERR,
      .placed = true)
{
	put_second_segment(RDMAP_SEND, 8, MEM - 7);
}

FAULT(send, too_long_for_no_parts, TERM_DDP_TOO_LONG, .rq = IBV_WC_LOC_LEN_ERR)
{
	rx_recv_sges(1, NULL, 0);
	put(RDMAP_SEND, 1, 1);
}

FAULT(send, receive_names_a_stale_key, TERM_DDP_LOCAL, .rq = IBV_WC_LOC_PROT_ERR,
      .event = IBV_EVENT_QP_ACCESS_ERR)
{
	struct ibv_sge sge = rx_sge(&all, 0, MEM);

	sge.lkey ^= 1;
	rx_recv_sges(1, &sge, 1);
	put(RDMAP_SEND, 1, 9);
}

FAULT(send, receive_of_another_pd, TERM_DDP_LOCAL, .rq = IBV_WC_LOC_PROT_ERR,
      .event = IBV_EVENT_QP_ACCESS_ERR)
{
	rx_recv(1, &foreign);
	put(RDMAP_SEND, 1, 9);
}

FAULT(send, receive_beyond_its_region, TERM_DDP_LOCAL, .rq = IBV_WC_LOC_PROT_ERR,
      .event = IBV_EVENT_QP_ACCESS_ERR, .placed = true)
{
	struct ibv_sge sge = rx_sge(&all, MEM - 4, 8);

	rx_recv_sges(1, &sge, 1);
	put(RDMAP_SEND, 1, 8);
}

FAULT(send, cannot_invalidate_a_region, TERM_RDMAP_INVALIDATE, .rq = IBV_WC_GENERAL_ERR,
      .placed = true)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND_INV, 1);

	h.stag = all.mr->ibv.rkey;
	rx_recv(1, &all);
	rx_put(&h, rx_payload(0), 4);
}

FAULT(send, cannot_invalidate_nothing, TERM_RDMAP_INVALIDATE, .rq = IBV_WC_GENERAL_ERR)
{
	rx_recv(1, &all);
	put(RDMAP_SEND_SE_INV, 1, 0);
}

/* ---- messages of one segment */

static void put_unfinished(enum rdmap_opcode op)
{
	struct ddp_header h = rx_hdr(op, 1);

	h.last = false;
	rx_put(&h, rx_payload(0), op == RDMAP_TERMINATE ? 4 : rdmap_op_info(op)->body);
}

FAULT(single, read_request_not_last, TERM_DDP_TOO_LONG)
{
	put_unfinished(RDMAP_READ_REQUEST);
}

FAULT(single, atomic_request_not_last, TERM_DDP_TOO_LONG)
{
	put_unfinished(RDMAP_ATOMIC_REQUEST);
}

FAULT(single, terminate_not_last, TERM_DDP_TOO_LONG)
{
	put_unfinished(RDMAP_TERMINATE);
}

FAULT(single, read_request_with_more, TERM_DDP_TOO_LONG)
{
	put(RDMAP_READ_REQUEST, 1, RDMAP_READ_BODY + 1);
}

FAULT(single, atomic_response_with_more, TERM_DDP_TOO_LONG)
{
	put(RDMAP_ATOMIC_RESPONSE, 1, RDMAP_ATOMIC_RESP + 4);
}

FAULT(single, terminate_with_more, TERM_DDP_TOO_LONG)
{
	put(RDMAP_TERMINATE, 1, RDMAP_TERM_BODY_MAX + 1);
}

FAULT(single, immediate_with_much_more, TERM_DDP_TOO_LONG, .rq = IBV_WC_GENERAL_ERR)
{
	put(RDMAP_IMMEDIATE, 1, 3000);
}

/* ---- immediate data */

static void put_imm(uint32_t msn, uint32_t kind)
{
	rx_put_imm(RDMAP_IMMEDIATE, msn, &(struct rdmap_immediate){ .kind = kind });
}

static void put_marked_send(void)
{
	struct ddp_header h = rx_hdr(RDMAP_SEND, 1);

	h.stag = RDMAP_SEND_IMM_FOLLOWS;
	rx_recv(1, &all);
	rx_put(&h, rx_payload(0), 4);
}

FAULT(immediate, no_buffer, TERM_DDP_NO_BUFFER)
{
	put_imm(1, RDMAP_IMM_ALONE);
}

FAULT(immediate, of_no_send, TERM_RDMAP_STREAM, .rq = IBV_WC_GENERAL_ERR)
{
	rx_recv(1, &all);
	put_imm(1, RDMAP_IMM_OF_SEND);
}

FAULT(immediate, alone_after_a_marked_send, TERM_RDMAP_STREAM, .rq = IBV_WC_GENERAL_ERR,
      .placed = true)
{
	put_marked_send();
	put_imm(2, RDMAP_IMM_ALONE);
}

FAULT(immediate, of_unknown_kind, TERM_RDMAP_STREAM, .rq = IBV_WC_GENERAL_ERR)
{
	rx_recv(1, &all);
	put_imm(1, 9);
}

FAULT(immediate, missing_after_a_marked_send, TERM_RDMAP_STREAM, .rq = IBV_WC_GENERAL_ERR,
      .placed = true)
{
	put_marked_send();
	rx_recv(2, &all);
	put(RDMAP_SEND, 2, 4);
}

/* ---- Terminate received */

static void put_terminate(const uint8_t *body, size_t len)
{
	struct ddp_header h = rx_hdr(RDMAP_TERMINATE, 1);

	rx_put(&h, body, len);
	put(RDMAP_SEND, 99, 1); /* nobody looks at what follows */
}

static void terminate_in_rfc_order(void)
{
	put_terminate((const uint8_t[]){ 0x01, 0x00, 0x00, 0x00 }, 4);
}

static void terminate_in_siw_order(void)
{
	put_terminate((const uint8_t[]){ 0x21, 3, 0, 0 }, 4);
}

static void terminate_that_is_cut_off(void)
{
	put_terminate((const uint8_t[]){ 0x01, 0x00, 0xe0, 0x00, 0 }, 5);
}

static void check_terminate(void)
{
	cr_assert_eq(rx_env->failures, 1);
	cr_assert(!rx_env->failure.send_terminate);
	cr_assert_eq(rx_env->failure.status, 0);
	cr_assert(rx_env->failure.has_event);
	cr_assert_eq(rx_env->failure.event, IBV_EVENT_QP_FATAL);
}

Test(terminate, ends_the_stream_without_an_answer)
{
	rx_each_way(terminate_in_rfc_order, check_terminate);
	rx_each_way(terminate_in_siw_order, check_terminate);
	rx_each_way(terminate_that_is_cut_off, check_terminate);
}
