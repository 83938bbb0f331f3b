# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# One file a function; families share a page through .so. tests/check_man.sh holds
# this list and the folder together.
dist_man_MANS = \
	man/iwshim.1 \
	man/iwshim.7 \
	man/rdma_cm.7

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
