// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Stands between our library and libc (ld --wrap, the list is in soft-faults.mk):
 * interrupts and shortens calls, counts memory that is live, and notes each call
 * that can fail and that no iw_fault() announced. System calls take at most six
 * words: that is all that is known of them here.
 */
#include <pthread.h>
#include <sys/socket.h>

#include "tests/soft/sweep_run.h"

static __thread unsigned int credit;

/* iw_fault() was asked by this thread. */
void sweep_credit(void)
{
	credit++;
}

/* ---- what nobody announced */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects: gaps, live memory */

static void spend(void *from, const char *name)
{
	struct sweep_report *r = sweep_report;
	unsigned int i = 0;

	if (!sweep_is_armed() || credit) {
		credit = 0;
		return;
	}
	pthread_mutex_lock(&lock);
	while (i < r->n_gaps && r->gap[i].from != from)
		i++;
	if (i == r->n_gaps && i < SWEEP_GAPS) {
		r->gap[i].from = from;
		r->gap[i].name = name;
		r->n_gaps++;
	}
	pthread_mutex_unlock(&lock);
}

/* ---- interrupted and short */

static bool is_stream(long fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return !getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_STREAM;
}

/* Frames of ours above it: sweep_pass(), this one, the wrapper. */
static __attribute__((noinline)) bool is_interrupted(void)
{
	if (!sweep_pass(SWEEP_EINTR))
		return false;
	errno = EINTR;
	return true;
}

static __attribute__((noinline)) bool is_short(long fd, size_t len)
{
	bool yes = len > 1 && is_stream(fd) && sweep_pass(SWEEP_SHORT);

	__asm__ volatile("" ::: "memory"); /* keeps this frame */
	return yes;
}

/* One byte of a message. */
struct cut {
	struct msghdr msg;
	struct iovec iov;
};
static void cut_to_one(struct cut *cut, const struct msghdr *msg)
{
	cut->msg = *msg;
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		if (msg->msg_iov[i].iov_len) {
			cut->iov = msg->msg_iov[i];
			break;
		}
	cut->iov.iov_len = 1;
	cut->msg.msg_iov = &cut->iov;
	cut->msg.msg_iovlen = 1;
}

#define PLAIN(name)                                                         \
	long __real_##name(long a, long b, long c, long d, long e, long f); \
	long __wrap_##name(long a, long b, long c, long d, long e, long f); \
	long __wrap_##name(long a, long b, long c, long d, long e, long f)  \
	{                                                                   \
		spend(__builtin_return_address(0), #name);                  \
		return __real_##name(a, b, c, d, e, f);                     \
	}
#define SLOW(name)                                                              \
	long __real_##name(long a, long b, long c, long d, long e, long f);     \
	long __wrap_##name(long a, long b, long c, long d, long e, long f);     \
	long __wrap_##name(long a, long b, long c, long d, long e, long f)      \
	{                                                                       \
		spend(__builtin_return_address(0), #name);                      \
		return is_interrupted() ? -1 : __real_##name(a, b, c, d, e, f); \
	}
/* The third word is the length. */
#define STREAM(name)                                                                 \
	long __real_##name(long a, long b, long c, long d, long e, long f);          \
	long __wrap_##name(long a, long b, long c, long d, long e, long f);          \
	long __wrap_##name(long a, long b, long c, long d, long e, long f)           \
	{                                                                            \
		spend(__builtin_return_address(0), #name);                           \
		if (is_interrupted())                                                \
			return -1;                                                   \
		return __real_##name(a, b, is_short(a, (size_t)c) ? 1 : c, d, e, f); \
	}
#define MESSAGE(name)                                                       \
	long __real_##name(long a, long b, long c, long d, long e, long f); \
	long __wrap_##name(long a, long b, long c, long d, long e, long f); \
	long __wrap_##name(long a, long b, long c, long d, long e, long f)  \
	{                                                                   \
		struct cut cut;                                             \
                                                                            \
		spend(__builtin_return_address(0), #name);                  \
		if (is_interrupted())                                       \
			return -1;                                          \
		if (!is_short(a, 2))                                        \
			return __real_##name(a, b, c, d, e, f);             \
		cut_to_one(&cut, (const struct msghdr *)b);                 \
		return __real_##name(a, (long)&cut.msg, c, d, e, f);        \
	}

PLAIN(socket)
PLAIN(bind)
PLAIN(listen)
PLAIN(connect)
PLAIN(getsockname)
PLAIN(getpeername)
PLAIN(setsockopt)
PLAIN(epoll_create1)
PLAIN(epoll_ctl)
PLAIN(eventfd)
PLAIN(timerfd_create)
PLAIN(pipe2)
PLAIN(open)
PLAIN(ioctl)
PLAIN(getrandom)
PLAIN(getifaddrs)
PLAIN(getaddrinfo)
PLAIN(pthread_create)
PLAIN(pthread_key_create)
PLAIN(pthread_setspecific)
PLAIN(pthread_atfork)
PLAIN(mincore)
PLAIN(process_vm_readv)
PLAIN(vmsplice)
PLAIN(nlmsg_alloc_size)
SLOW(accept4)
SLOW(poll)
SLOW(epoll_wait)
SLOW(recvfrom)
SLOW(sendto)
STREAM(read)
STREAM(write)
STREAM(recv)
STREAM(send)
MESSAGE(recvmsg)
MESSAGE(sendmsg)

/* ---- memory that is live */

#define SLOTS 65536

static void *slots[SLOTS];
static long live;

static size_t slot_of(const void *memory)
{
	size_t at = ((uintptr_t)memory >> 4) * 11400714819323198485u % SLOTS;

	while (slots[at] && slots[at] != memory)
		at = (at + 1) % SLOTS;
	return at;
}

/* A hole would hide what lies behind it: those move up. */
static void take_out(size_t at)
{
	void *moved;

	slots[at] = NULL;
	for (at = (at + 1) % SLOTS; slots[at]; at = (at + 1) % SLOTS) {
		moved = slots[at];
		slots[at] = NULL;
		slots[slot_of(moved)] = moved;
	}
}

void *__real_calloc(size_t n, size_t size);
void __real_free(void *memory);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *memory);

void *__wrap_calloc(size_t n, size_t size)
{
	void *memory = __real_calloc(n, size);

	spend(__builtin_return_address(0), "calloc");
	if (!memory)
		return NULL;
	pthread_mutex_lock(&lock);
	if (live < SLOTS / 2) {
		slots[slot_of(memory)] = memory;
		live++;
	}
	pthread_mutex_unlock(&lock);
	return memory;
}

void __wrap_free(void *memory)
{
	size_t at;

	pthread_mutex_lock(&lock);
	at = memory ? slot_of(memory) : 0;
	if (memory && slots[at]) {
		take_out(at);
		live--;
	}
	pthread_mutex_unlock(&lock);
	__real_free(memory);
}

long sweep_live(void)
{
	long now;

	pthread_mutex_lock(&lock);
	now = live;
	pthread_mutex_unlock(&lock);
	return now;
}
