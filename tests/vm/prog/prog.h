/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What the test programs share: addresses, queue pairs, printing. Everything is done by the plain
 * librdmacm and libibverbs ABI of the system's headers, so that the programs run on any
 * librdmacm.so.1. Nothing of iwshim may be included here.
 */
#ifndef IWSHIM_TESTS_VM_PROG_H
#define IWSHIM_TESTS_VM_PROG_H

#include <stdbool.h>
#include <stdint.h>

#include <rdma/rdma_cma.h>

/* What a connection owns beside its id; zeroed before prog_open_qp(). */
struct prog_qp {
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	bool borrowed; /* pd and cq belong to somebody else */
};

/* Prints "name: text: strerror(errno)" and exits with status 1. */
void prog_die(const char *what);

/* The same without exiting. */
void prog_complain(const char *what);

/* Parses a numeric IPv4 or IPv6 address (optionally with %interface) and a port, or exits. */
struct sockaddr_storage prog_address(const char *host, const char *port);

/* Takes the options that all programs have: -s or -c, -a ADDRESS, -p PORT. False: another one. */
bool prog_side_option(int o, bool *server, const char **address, const char **port);

/*
 * Gives the id a queue pair of the given depth, with a protection domain and a completion queue
 * of its own as rping has them, unless q->borrowed says that they are there. -1 and errno.
 */
int prog_open_qp(struct prog_qp *q, struct rdma_cm_id *id, uint32_t depth);

/* Undoes prog_open_qp(), also when that failed half way. */
void prog_close_qp(struct prog_qp *q, struct rdma_cm_id *id);

/* Parameters for connect and accept: no reads outstanding but one, private data may be NULL. */
struct rdma_conn_param prog_param(const char *private_data);

#endif
