// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kattr.h"

#include <endian.h>
#include <string.h>

/* --------------------------------------------------------------------- QPs */

void kattr_ah(const struct ib_uverbs_ah_attr *from, struct ibv_ah_attr *ah)
{
	memset(ah, 0, sizeof(*ah));
	memcpy(ah->grh.dgid.raw, from->grh.dgid, sizeof(ah->grh.dgid.raw));
	ah->grh.flow_label = from->grh.flow_label;
	ah->grh.sgid_index = from->grh.sgid_index;
	ah->grh.hop_limit = from->grh.hop_limit;
	ah->grh.traffic_class = from->grh.traffic_class;
	ah->dlid = from->dlid;
	ah->sl = from->sl;
	ah->src_path_bits = from->src_path_bits;
	ah->static_rate = from->static_rate;
	ah->is_global = from->is_global;
	ah->port_num = from->port_num;
}

void kattr_qp(const struct ib_uverbs_qp_attr *from, struct ibv_qp_attr *attr, int *mask)
{
	memset(attr, 0, sizeof(*attr));
	attr->qp_state = from->qp_state;
	attr->cur_qp_state = from->cur_qp_state;
	attr->path_mtu = from->path_mtu;
	attr->path_mig_state = from->path_mig_state;
	attr->qkey = from->qkey;
	attr->rq_psn = from->rq_psn;
	attr->sq_psn = from->sq_psn;
	attr->dest_qp_num = from->dest_qp_num;
	attr->qp_access_flags = from->qp_access_flags;
	attr->cap.max_send_wr = from->max_send_wr;
	attr->cap.max_recv_wr = from->max_recv_wr;
	attr->cap.max_send_sge = from->max_send_sge;
	attr->cap.max_recv_sge = from->max_recv_sge;
	attr->cap.max_inline_data = from->max_inline_data;
	kattr_ah(&from->ah_attr, &attr->ah_attr);
	kattr_ah(&from->alt_ah_attr, &attr->alt_ah_attr);
	attr->pkey_index = from->pkey_index;
	attr->alt_pkey_index = from->alt_pkey_index;
	attr->en_sqd_async_notify = from->en_sqd_async_notify;
	attr->sq_draining = from->sq_draining;
	attr->max_rd_atomic = from->max_rd_atomic;
	attr->max_dest_rd_atomic = from->max_dest_rd_atomic;
	attr->min_rnr_timer = from->min_rnr_timer;
	attr->port_num = from->port_num;
	attr->timeout = from->timeout;
	attr->retry_cnt = from->retry_cnt;
	attr->rnr_retry = from->rnr_retry;
	attr->alt_port_num = from->alt_port_num;
	attr->alt_timeout = from->alt_timeout;
	*mask = (int)from->qp_attr_mask;
}

/* ------------------------------------------------------------------- Paths */

/* On RoCE the kernel leaves the number out; yet a record is one path at least. */
static uint8_t count_of(uint8_t numb_path)
{
	return numb_path ? numb_path : 1;
}

void kattr_path(const struct ib_user_path_rec *from, struct ibv_sa_path_rec *path)
{
	memset(path, 0, sizeof(*path));
	memcpy(path->dgid.raw, from->dgid, sizeof(path->dgid.raw));
	memcpy(path->sgid.raw, from->sgid, sizeof(path->sgid.raw));
	path->dlid = from->dlid;
	path->slid = from->slid;
	path->raw_traffic = (int)from->raw_traffic;
	path->flow_label = from->flow_label;
	path->hop_limit = from->hop_limit;
	path->traffic_class = from->traffic_class;
	path->reversible = (int)from->reversible;
	path->numb_path = count_of(from->numb_path);
	path->pkey = from->pkey;
	path->sl = from->sl;
	path->mtu_selector = from->mtu_selector;
	path->mtu = (uint8_t)from->mtu;
	path->rate_selector = from->rate_selector;
	path->rate = from->rate;
	path->packet_life_time_selector = from->packet_life_time_selector;
	path->packet_life_time = from->packet_life_time;
	path->preference = from->preference;
}

static_assert(sizeof(struct ibv_path_record) == sizeof(((struct ib_path_rec_data *)0)->path_rec),
	      "one record in wire format");

/* Where a byte of the record holds a selector, it is in the two upper bits. */
#define SELECTOR(byte) ((uint8_t)((byte) >> 6))
#define VALUE(byte) ((uint8_t)((byte)&0x3f))

void kattr_path_packed(const struct ib_path_rec_data *from, struct ibv_sa_path_rec *path)
{
	struct ibv_path_record rec;
	uint32_t word;

	memcpy(&rec, from->path_rec, sizeof(rec));
	memset(path, 0, sizeof(*path));
	path->dgid = rec.dgid;
	path->sgid = rec.sgid;
	path->dlid = rec.dlid;
	path->slid = rec.slid;
	word = be32toh(rec.flowlabel_hoplimit);
	path->raw_traffic = (int)(word >> 31);
	path->flow_label = htobe32(word >> 8 & 0xfffff);
	path->hop_limit = (uint8_t)word;
	path->traffic_class = rec.tclass;
	path->reversible = rec.reversible_numpath >> 7;
	path->numb_path = count_of(rec.reversible_numpath & 0x7f);
	path->pkey = rec.pkey;
	path->sl = (uint8_t)(be16toh(rec.qosclass_sl) & 0xf);
	path->mtu_selector = SELECTOR(rec.mtu);
	path->mtu = VALUE(rec.mtu);
	path->rate_selector = SELECTOR(rec.rate);
	path->rate = VALUE(rec.rate);
	path->packet_life_time_selector = SELECTOR(rec.packetlifetime);
	path->packet_life_time = VALUE(rec.packetlifetime);
	path->preference = rec.preference;
}
