// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The memory that all processes share and a killed one leaves behind. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/soak/soak.h"

struct book *book;
unsigned int self;

uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

uint32_t now_ms(void)
{
	return (uint32_t)(now_us() / 1000 - (book ? book->began_ms : 0));
}

enum phase phase(void)
{
	return atomic_get(&book->phase);
}

void book_open(int fd)
{
	book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (book == MAP_FAILED) {
		perror("soak: mmap");
		_exit(1);
	}
}

/* Pages that are never used cost nothing. */
void book_make(int *fd)
{
	*fd = memfd_create("soak", 0);
	if (*fd < 0 || ftruncate(*fd, sizeof(*book))) {
		perror("soak: memfd_create");
		_exit(1);
	}
	book_open(*fd);
	book->began_ms = now_us() / 1000;
}

uint32_t book_number(void)
{
	uint32_t number = __atomic_fetch_add(&book->next_record, 1, __ATOMIC_RELAXED);

	return number < RECORDS ? number : UINT32_MAX;
}

void book_see(uint32_t number, enum side side, uint32_t what)
{
	uint32_t *seen = &book->records[number].seen[side];

	if (__atomic_fetch_or(seen, what, __ATOMIC_ACQ_REL) & what)
		__atomic_fetch_or(seen, SEEN_TWICE, __ATOMIC_ACQ_REL);
}

void book_begin(uint32_t number, enum side side, uint32_t kind)
{
	struct record *r = &book->records[number];

	atomic_set(&r->proc[side], (uint16_t)self);
	if (side == ACTIVE)
		atomic_set(&r->begun_ms, now_ms());
	book_see(number, side, SEEN_BEGUN | kind);
}

void book_done(uint32_t number, enum side side)
{
	if (side == ACTIVE)
		atomic_set(&book->records[number].done_ms, now_ms());
	book_see(number, side, SEEN_DONE);
	atomic_add(&book->procs[self].closed, 1);
}

void book_latency(uint64_t us)
{
	struct proc *p = &book->procs[self];
	uint64_t max = atomic_get(&p->latency_max_us);

	atomic_add(&p->latency[us ? 64 - __builtin_clzll(us) : 0], 1);
	atomic_add(&p->latency_n, 1);
	atomic_add(&p->latency_us, us);
	while (us > max && !__atomic_compare_exchange_n(&p->latency_max_us, &max, us, true,
							__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

struct sockaddr_storage address_of(unsigned int server, enum door door)
{
	struct sockaddr_storage address = { 0 };
	struct sockaddr_in *sin = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&address;
	in_port_t port = htons((uint16_t)(book->port + server * DOORS + door));

	if (door == DOOR_V6) {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_addr = in6addr_loopback;
		sin6->sin6_port = port;
	} else {
		sin->sin_family = AF_INET;
		sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		sin->sin_port = port;
	}
	return address;
}
