# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# One file a function; families share a page through .so. tests/check_man.sh holds
# this list and the folder together.
dist_man_MANS = \
	man/iwshim.1 \
	man/iwshim.7 \
	man/rdma_cm.7

# rdma_cma.h
dist_man_MANS += \
	man/rdma_accept.3 \
	man/rdma_ack_cm_event.3 \
	man/rdma_bind_addr.3 \
	man/rdma_connect.3 \
	man/rdma_create_ep.3 \
	man/rdma_create_event_channel.3 \
	man/rdma_create_id.3 \
	man/rdma_create_qp.3 \
	man/rdma_create_qp_ex.3 \
	man/rdma_destroy_ep.3 \
	man/rdma_destroy_event_channel.3 \
	man/rdma_destroy_id.3 \
	man/rdma_destroy_qp.3 \
	man/rdma_disconnect.3 \
	man/rdma_establish.3 \
	man/rdma_event_str.3 \
	man/rdma_free_devices.3 \
	man/rdma_freeaddrinfo.3 \
	man/rdma_get_cm_event.3 \
	man/rdma_get_devices.3 \
	man/rdma_get_dst_port.3 \
	man/rdma_get_local_addr.3 \
	man/rdma_get_peer_addr.3 \
	man/rdma_get_remote_ece.3 \
	man/rdma_get_request.3 \
	man/rdma_get_src_port.3 \
	man/rdma_getaddrinfo.3 \
	man/rdma_init_qp_attr.3 \
	man/rdma_join_multicast.3 \
	man/rdma_join_multicast_ex.3 \
	man/rdma_leave_multicast.3 \
	man/rdma_listen.3 \
	man/rdma_migrate_id.3 \
	man/rdma_notify.3 \
	man/rdma_query_addrinfo.3 \
	man/rdma_reject.3 \
	man/rdma_reject_ece.3 \
	man/rdma_resolve_addr.3 \
	man/rdma_resolve_addrinfo.3 \
	man/rdma_resolve_route.3 \
	man/rdma_set_local_ece.3 \
	man/rdma_set_option.3 \
	man/rdma_write_cm_event.3

# rdma_verbs.h
dist_man_MANS += \
	man/rdma_create_srq.3 \
	man/rdma_create_srq_ex.3 \
	man/rdma_dereg_mr.3 \
	man/rdma_destroy_srq.3 \
	man/rdma_get_recv_comp.3 \
	man/rdma_get_send_comp.3 \
	man/rdma_post_read.3 \
	man/rdma_post_readv.3 \
	man/rdma_post_recv.3 \
	man/rdma_post_recvv.3 \
	man/rdma_post_send.3 \
	man/rdma_post_sendv.3 \
	man/rdma_post_ud_send.3 \
	man/rdma_post_write.3 \
	man/rdma_post_writev.3 \
	man/rdma_reg_msgs.3 \
	man/rdma_reg_read.3 \
	man/rdma_reg_write.3 \
	man/rdma_seterrno.3 \
	man/rpoll.3

# What iwshim(7) refers to.
dist_doc_DATA = README.md THREAD_SAFETY.md docs/differences.md docs/missing-symbols.md
