/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * A victim, which is a program of the public API on the software device, and a
 * peer on raw TCP sockets that does it harm. Each test has a victim of its own
 * and runs on one thread, many tests at a time. A check that fails ends its test
 * by longjmp(3); what a test has opened is closed by whoever ran it.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <infiniband/verbs.h>
#include <netinet/in.h>
#include <rdma/rdma_cma.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "tests/hostile/wire.h"

#define REGION_SIZE 8192
#define GUARD_SIZE 4096
#define NRECV 4
#define RECV_SIZE 256
#define MAX_ENDS 64
#define MAX_SOCKETS 1024
#define READ_ID 77
#define WAIT_MS 20000 /* that something comes that has to come; slow under a sanitizer */

/* The victim's regions, and STags that are none. */
enum where {
	AT_ALL,	     /* every right */
	AT_READ,     /* remote read only */
	AT_WRITE,    /* remote write only */
	AT_LOCAL,    /* no remote right; receives and reads of the victim land here */
	AT_OTHER_PD, /* every right, in another PD */
	NREGIONS,
	AT_STALE = NREGIONS, /* AT_ALL's index, another key */
	AT_GONE,	     /* was registered once */
	AT_UNKNOWN,
	AT_ZERO,
};

/* A connection as the victim's program sees it. */
struct end {
	struct rdma_cm_id *id;
	struct ibv_qp *qp;
	uint32_t qp_num;
	bool outcome, established, disconnected;
	enum rdma_cm_event_type event; /* that told the outcome */
	int status;
	uint8_t private_data[256];
	uint8_t private_data_len;
	uint8_t ird, ord; /* as the events say */
	unsigned int receives, wcs;
	struct ibv_wc wc[2 * NRECV + 8];
};

struct victim {
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
	struct sockaddr_in addr;
	struct ibv_pd *pd, *other_pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr[NREGIONS];
	uint32_t gone;
	uint8_t *arena, *shadow; /* the shadow has what the arena should have */
	struct end ends[MAX_ENDS];
	unsigned int nends;
};

/* A raw connection to one of the victim's ends. */
struct stream {
	int fd;
	bool crc;
	struct end *end;
	uint32_t msn[4]; /* the next, of each queue */
	bool slowly;	 /* byte by byte */
};

struct test {
	const char *theme, *name;
	const void *arg;
	jmp_buf out;
	bool failed;
	char failure[400];
	struct victim v;
	int sockets[MAX_SOCKETS];
	unsigned int nsockets;
	uint8_t in[WIRE_FPDU_MAX], frame[WIRE_FRAME_MAX], fpdu[WIRE_FPDU_MAX];
	size_t fpdu_len; /* of the last that was sent */
};

void test_fail(struct test *t, const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 4, 5)));
#define require(t, condition, ...)                                        \
	do {                                                              \
		if (!(condition))                                         \
			test_fail(t, __FILE__, __LINE__, "" __VA_ARGS__); \
	} while (0)

struct hostile_case {
	const char *name; /* verb__condition */
	void (*run)(struct test *t);
	const void *arg;
	bool alone; /* no other test at the same time */
};
struct theme {
	const char *name;
	const struct hostile_case *cases;
	size_t n;
	/* A table of shots (shot.h), each of which is a test as well. */
	const struct shot *shots;
	size_t nshots;
};
extern const struct theme theme_request, theme_reply, theme_segment, theme_write, theme_read,
	theme_response, theme_extension, theme_end, theme_flood, theme_race;

uint64_t now_ms(void);
void nap_ms(unsigned int ms);

/* ---- the victim (victim.c) */
void victim_up(struct test *t);
void victim_down(struct test *t);
/* Takes one event of the program's channel, if one comes within @ms. */
bool victim_step(struct test *t, int ms);
struct end *victim_wait_request(struct test *t);
void victim_make_qp(struct test *t, struct end *end, unsigned int receives);
int victim_accept(struct end *end, uint8_t ird, uint8_t ord);
struct end *victim_connect(struct test *t, int port, unsigned int receives, uint8_t ord);
void victim_wait_outcome(struct test *t, struct end *end, enum rdma_cm_event_type event,
			 int status);
void victim_wait_established(struct test *t, struct end *end);
void victim_wait_disconnected(struct test *t, struct end *end);
void victim_drop(struct test *t, struct end *end); /* destroys QP and id */
int victim_post_recv(struct test *t, struct end *end, unsigned int slot);
/* RDMA Read of @len bytes to the start of AT_LOCAL's second half; READ_ID. */
void victim_post_read(struct test *t, struct end *end, uint32_t len);
void victim_poll(struct test *t);
const struct ibv_wc *victim_wait_wc(struct test *t, struct end *end, unsigned int nth);
uint32_t victim_stag(const struct test *t, enum where where);
uint64_t victim_to(const struct test *t, enum where where);

/* ---- its memory (arena.c) */
void arena_up(struct test *t);
void arena_down(struct test *t);
uint8_t *arena_at(const struct test *t, enum where where, size_t offset);
/* From now on these bytes belong there; NULL: wire_pattern(). */
void arena_expect(struct test *t, enum where where, size_t offset, const void *bytes, size_t len);
/* Whatever is there is allowed: what an ended message has left. */
void arena_allow(struct test *t, enum where where, size_t offset, size_t len);
void arena_check(struct test *t);

/* ---- async events (async.c) */
int async_start(struct ibv_context *verbs);
void async_stop(void);
void async_forget(const struct ibv_qp *qp);
/* True if @qp got @event; waits for it. */
bool async_wait(const struct ibv_qp *qp, enum ibv_event_type event);
unsigned int async_count(const struct ibv_qp *qp);

/* ---- the peer's sockets (peer.c) */
int peer_socket(struct test *t, int fd); /* remembers it */
int peer_connect(struct test *t);
int peer_listen(struct test *t, int *port);
int peer_accept(struct test *t, int listener);
void peer_close(struct test *t, int fd);
void peer_reset(struct test *t, int fd);
/* A victim that has had enough may close: that is no error. False: not all is sent. */
bool peer_send(int fd, const void *bytes, size_t len);
void peer_send_slowly(int fd, const void *bytes, size_t len, size_t piece);
/* Bytes read until @len or the end. */
size_t peer_read(struct test *t, int fd, void *bytes, size_t len);
/* The victim has closed or reset; nothing came before that. */
void peer_expect_end(struct test *t, int fd);
void peer_expect_silence(struct test *t, int fd, unsigned int ms);
void peer_send_frame(struct test *t, int fd, const struct wire_frame *frame);
/* Reads a frame; the private data is in t->frame. */
void peer_read_frame(struct test *t, int fd, struct wire_frame *frame);
/* Sends a segment; t->fpdu keeps it. */
void peer_send_segment(struct test *t, const struct stream *s, const struct wire_segment *segment);
/* The next FPDU in t->in; false: the stream has ended. */
bool peer_read_segment(struct test *t, const struct stream *s, struct wire_segment *segment);
/* The first FPDU of an initiator. The others pass over what looks the same: a nudge. */
bool peer_read_rtr(struct test *t, const struct stream *s, struct wire_segment *segment);

/* ---- good behaviour, and what is due after bad (stream.c) */
enum {
	S_CRC = 1,	 /* CRC is on */
	S_OURS = 2,	 /* the peer says that it is one of us: RFC 7306 is allowed */
	S_NO_RECV = 4,	 /* the victim posts no receive */
	S_INITIATOR = 8, /* the victim connects */
	S_DEEP = 16,	 /* IRD 128 instead of 4 */
};
void stream_open(struct test *t, struct stream *s, unsigned int how);
/* A Send, its receive (the @nth), its bytes. */
void stream_good_send(struct test *t, struct stream *s, unsigned int nth);
/* A whole victim still serves the world. */
void good_peer(struct test *t);

#define NO_TERMINATE 0xffff
struct outcome {
	uint16_t terminate; /* layer, type, code; NO_TERMINATE */
	bool quotes;	    /* the Terminate has the header of t->fpdu */
	/* Of the first receive that was not used up; 0: flushed like the others. */
	enum ibv_wc_status recv;
	enum ibv_event_type event; /* asynchronous; 0: none */
	unsigned int used;	   /* receives used up before */
	/* Of the oldest RDMA Read that the victim had posted (0: none); the rest is flushed. */
	enum ibv_wc_status read;
	unsigned int reads; /* how many if not one */
	unsigned int msn;   /* of QN 0, how many more than @used were used up */
};
#define TERM(layer, type, code) ((uint16_t)((layer) << 12 | (type) << 8 | (code)))
void stream_expect_terminate(struct test *t, const struct stream *s, uint16_t code, bool quotes);
/* The stream is over: checks the wire, then the victim's program, then its memory. */
void stream_expect_over(struct test *t, struct stream *s, const struct outcome *due);

#endif
