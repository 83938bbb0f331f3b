/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Calls that no program should make, each with the answer that it must get. A
 * group of them runs in a process of its own; it ends with a connection and a
 * message, so that what was refused has cost nothing.
 */
#ifndef BAD_INPUT_H
#define BAD_INPUT_H

#include "api.h"

/* Besides an errno and 0, what a call may have to answer. */
enum {
	SOME_ERROR = -1, /* -1 and an errno: the kernel or the provider chooses which */
	ALIVE = -2,	 /* anything, as long as it returns */
};

struct bad_group {
	const char *name;
	void (*run)(void);
	unsigned int where; /* enum bad_device, or'ed */
};

enum bad_device {
	ON_SOFT = 1, /* the software device */
	ON_SIW = 2,
	ON_RXE = 4,
	ON_IWARP = ON_SOFT | ON_SIW,
	ON_KERNEL = ON_SIW | ON_RXE,
	ON_ALL = 7,
};

/* What this run is on. */
enum bad_device device(void);
/* One of three answers by the device. */
int by_device(int soft, int siw, int rxe);

/* Names the case that begins; from now on it has five seconds. */
void begin(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends it: @ret and errno against @want. */
void judge(int ret, int want);
/* Ends it: true is right. */
void judge_true(bool right);
/* A pause from judging: preparations may take longer. */
void relax(void);

/* A case whose name is the call. */
#define BAD(call, want)                         \
	do {                                    \
		begin("%s", #call);             \
		errno = 0;                      \
		judge((call) ? -1 : 0, (want)); \
		relax();                        \
	} while (0)
/* For calls that return a pointer. */
#define BAD_PTR(call, want)                     \
	do {                                    \
		begin("%s", #call);             \
		errno = 0;                      \
		judge((call) ? 0 : -1, (want)); \
		relax();                        \
	} while (0)
/* For calls that return nothing. */
#define BAD_VOID(call)              \
	do {                        \
		begin("%s", #call); \
		call;               \
		judge(0, ALIVE);    \
		relax();            \
	} while (0)
#define HOLDS(condition)                 \
	do {                             \
		begin("%s", #condition); \
		judge_true(condition);   \
		relax();                 \
	} while (0)

/* As pair_prepare(), with a client that is not further than @stage. */
void pair_at(struct pair *p, enum stage stage);
/* Takes that client on and connects it, answers the request, talks, and ends it. */
void pair_on(struct pair *p, const char *what);
/* The same from where the request is on the server's channel or in p->request. */
void pair_finish(struct pair *p, const char *what);
/* A connection and a message between new ids. */
void still_works(void);
/* Zeroes, as large as an id: memory that holds nothing of ours. */
void *foreign(void);

extern const struct bad_group null_groups[], value_groups[], state_groups[], order_groups[],
	transport_groups[];

#endif
