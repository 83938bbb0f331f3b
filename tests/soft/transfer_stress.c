// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Threads with a few connections each, both ends in this process: rounds of
 * random work in both directions, every byte verified, while another thread
 * disconnects at random and registers and deregisters memory of its own.
 * usage: transfer_stress [-a ADDR] [-t THREADS] [-q QPS-OF-A-THREAD] [-s SECONDS] [-r SEED]
 * Prints what was done and "ok", or says what went wrong and exits with 1.
 */
#include "tests/soft/stress.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

struct options options = { .threads = 4, .pairs = 4, .seconds = 10, .addr = "127.0.0.1" };
static bool stop;

bool time_is_up(void)
{
	return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

/* Disconnects now and then, from a thread that does not own the connection. */
static void disturb(struct worker *workers, uint32_t *seed)
{
	struct worker *w = &workers[next_random(seed) % options.threads];
	struct pair *p = &w->pairs[next_random(seed) % options.pairs];

	pthread_mutex_lock(&p->lock);
	if (p->up) {
		rdma_disconnect(p->end[next_random(seed) & 1].id);
		w->disturbed++;
	}
	pthread_mutex_unlock(&p->lock);
}

/* Registrations come and go beside the traffic. */
static void churn(struct worker *w, uint32_t *seed)
{
	static char memory[1 << 16];
	struct ibv_pd *pd = __atomic_load_n(&w->pd, __ATOMIC_ACQUIRE);
	struct ibv_mr *mr;

	if (!pd)
		return;
	mr = ibv_reg_mr(pd, memory, 1 + next_random(seed) % sizeof(memory),
			IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	if (!mr)
		fail("ibv_reg_mr: %m");
	if (ibv_dereg_mr(mr))
		fail("ibv_dereg_mr");
}

static void *trouble(void *arg)
{
	struct worker *workers = arg;
	uint32_t seed = options.seed ^ 0xabcdef;
	unsigned int i = 0;

	while (!time_is_up()) {
		churn(&workers[next_random(&seed) % options.threads], &seed);
		if (++i % 64 == 0)
			disturb(workers, &seed);
		usleep(300 + next_random(&seed) % 500);
	}
	return NULL;
}

static void report(const struct worker *workers)
{
	uint64_t rounds = 0, bytes = 0, lives = 0, broken = 0;

	for (unsigned int i = 0; i < options.threads; i++) {
		rounds += workers[i].rounds;
		bytes += workers[i].bytes;
		lives += workers[i].connects;
		broken += workers[i].broken;
	}
	printf("transfer_stress: %u threads, %u QP pairs, seed %u: %llu rounds, %llu MB verified, "
	       "%llu connections, %llu broken in flight\n",
	       options.threads, options.threads * options.pairs, options.seed,
	       (unsigned long long)rounds, (unsigned long long)(bytes >> 20),
	       (unsigned long long)lives, (unsigned long long)broken);
	if (!rounds || !bytes)
		fail("nothing was verified");
	printf("ok\n");
}

static void parse(int argc, char **argv)
{
	int o;

	options.seed = (uint32_t)time(NULL);
	while ((o = getopt(argc, argv, "a:t:q:s:r:")) != -1) {
		switch (o) {
		case 'a':
			options.addr = optarg;
			break;
		case 't':
			options.threads = (unsigned int)atoi(optarg);
			break;
		case 'q':
			options.pairs = (unsigned int)atoi(optarg);
			break;
		case 's':
			options.seconds = (unsigned int)atoi(optarg);
			break;
		case 'r':
			options.seed = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		default:
			exit(2);
		}
	}
	if (!options.threads || options.threads > MAX_THREADS || !options.pairs ||
	    options.pairs > MAX_PAIRS)
		exit(2);
}

int main(int argc, char **argv)
{
	static struct worker workers[MAX_THREADS];
	pthread_t threads[MAX_THREADS], troubler;

	parse(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (unsigned int i = 0; i < options.threads; i++) {
		workers[i].index = i;
		workers[i].seed = options.seed * 2654435761u + i * 40503u + 1;
		for (unsigned int j = 0; j < options.pairs; j++)
			pthread_mutex_init(&workers[i].pairs[j].lock, NULL);
		if (pthread_create(&threads[i], NULL, work, &workers[i]))
			fail("pthread_create");
	}
	if (pthread_create(&troubler, NULL, trouble, workers))
		fail("pthread_create");
	sleep(options.seconds);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	alarm(60); /* a hang is a failure */
	pthread_join(troubler, NULL);
	for (unsigned int i = 0; i < options.threads; i++)
		pthread_join(threads[i], NULL);
	report(workers);
	return 0;
}
