// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the test programs share; see prog.h. */
#include "prog.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void prog_complain(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
}

void prog_die(const char *what)
{
	prog_complain(what);
	exit(1);
}

struct sockaddr_storage prog_address(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				  .ai_socktype = SOCK_STREAM };
	struct sockaddr_storage address = { 0 };
	struct addrinfo *found;
	int err = getaddrinfo(host, port, &hints, &found);

	if (err) {
		fprintf(stderr, "%s: %s port %s: %s\n", program_invocation_short_name, host, port,
			gai_strerror(err));
		exit(1);
	}
	memcpy(&address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return address;
}

bool prog_side_option(int o, bool *server, const char **address, const char **port)
{
	switch (o) {
	case 's':
	case 'c':
		*server = o == 's';
		return true;
	case 'a':
		*address = optarg;
		return true;
	case 'p':
		*port = optarg;
		return true;
	default:
		return false;
	}
}

int prog_open_qp(struct prog_qp *q, struct rdma_cm_id *id, uint32_t depth)
{
	struct ibv_qp_init_attr attr = { .qp_type = IBV_QPT_RC, .sq_sig_all = 1 };

	if (!q->borrowed) {
		q->pd = ibv_alloc_pd(id->verbs);
		if (!q->pd)
			return -1;
		q->cq = ibv_create_cq(id->verbs, (int)(2 * depth), NULL, NULL, 0);
		if (!q->cq)
			return -1;
	}
	attr.send_cq = attr.recv_cq = q->cq;
	attr.cap.max_send_wr = attr.cap.max_recv_wr = depth;
	attr.cap.max_send_sge = attr.cap.max_recv_sge = 1;
	return rdma_create_qp(id, q->pd, &attr);
}

void prog_close_qp(struct prog_qp *q, struct rdma_cm_id *id)
{
	if (id->qp)
		rdma_destroy_qp(id);
	if (q->borrowed)
		return;
	if (q->cq)
		ibv_destroy_cq(q->cq);
	if (q->pd)
		ibv_dealloc_pd(q->pd);
	memset(q, 0, sizeof(*q));
}

struct rdma_conn_param prog_param(const char *private_data)
{
	struct rdma_conn_param param = { .responder_resources = 1,
					 .initiator_depth = 1,
					 .retry_count = 7,
					 .rnr_retry_count = 7 };

	if (private_data) {
		param.private_data = private_data;
		param.private_data_len = (uint8_t)strlen(private_data);
	}
	return param;
}
