// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * rdma_resolve_addrinfo(3), rdma_query_addrinfo(3) and rdma_write_cm_event(3).
 * getaddrinfo(3) is the test's own: "192.0.2.1" is found, "stuck" hangs until it
 * is let go, "again" and the like fail.
 */
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim/shim.h"
#include "tests/shim_util.h"

static sem_t asked, let_go;
static int running;

struct found {
	struct addrinfo ai;
	struct sockaddr_in sin;
};

static int answer(const char *node)
{
	static const struct {
		const char *node;
		int ret;
	} failures[] = {
		{ "noname", EAI_NONAME },     { "again", EAI_AGAIN },
		{ "nodata", EAI_NODATA },     { "service", EAI_SERVICE },
		{ "family", EAI_FAMILY },     { "memory", EAI_MEMORY },
		{ "socktype", EAI_SOCKTYPE }, { "fail", EAI_FAIL },
		{ "system", EAI_SYSTEM },     { "addrfamily", EAI_ADDRFAMILY },
	};

	for (size_t i = 0; i < IW_ARRAY_SIZE(failures); i++)
		if (!strcmp(node, failures[i].node))
			return failures[i].ret;
	return 0;
}

__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service,
						       const struct addrinfo *hints,
						       struct addrinfo **res)
{
	struct found *found;
	int ret = answer(node ? node : "");

	if (node && !strcmp(node, "stuck")) {
		__atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
		sem_post(&asked);
		while (sem_wait(&let_go))
			;
		__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	}
	if (ret == EAI_SYSTEM)
		errno = EMFILE;
	if (ret)
		return ret;
	found = calloc(1, sizeof(*found));
	found->sin.sin_family = AF_INET;
	found->sin.sin_port = htons((uint16_t)(service ? atoi(service) : 0));
	found->ai.ai_addr = (struct sockaddr *)&found->sin;
	found->ai.ai_addrlen = sizeof(found->sin);
	found->ai.ai_family = AF_INET;
	found->ai.ai_socktype = SOCK_STREAM;
	*res = &found->ai;
	return 0;
}

__attribute__((visibility("default"))) void freeaddrinfo(struct addrinfo *ai)
{
	free(ai);
}

static void on_signal(int sig)
{
}

static void setup(void)
{
	sem_init(&asked, 0, 0);
	sem_init(&let_go, 0, 0);
}

/* Waits: names come from a thread. */
static struct rdma_event_channel *blocking_channel(void)
{
	struct rdma_event_channel *ch = util_channel();

	fcntl(ch->fd, F_SETFL, 0);
	return ch;
}

static void end(struct rdma_cm_id *id, struct rdma_event_channel *ch)
{
	util_destroy(id);
	rdma_destroy_event_channel(ch);
	util_all_gone();
}

static uint16_t port_of(const struct rdma_addrinfo *rai)
{
	return ntohs(((struct sockaddr_in *)(void *)rai->ai_dst_addr)->sin_port);
}

/* ---- outcome */

Test(info, resolve__the_result_is_given_once, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *rai = NULL;

	fails_with(ENOENT, rdma_query_addrinfo(id, &rai));
	succeeds(rdma_resolve_addrinfo(id, "192.0.2.1", "7471", NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	fails_with(EINVAL, rdma_query_addrinfo(id, NULL));
	succeeds(rdma_query_addrinfo(id, &rai));
	cr_assert_eq(port_of(rai), 7471);
	rdma_freeaddrinfo(rai);
	fails_with(ENOENT, rdma_query_addrinfo(id, &rai));
	/* Again, and the second result is freed with the id. */
	for (int i = 1; i < 5; i++) {
		succeeds(rdma_resolve_addrinfo(id, "192.0.2.1", "1", NULL));
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	}
	end(id, ch);
}

Test(info, resolve__the_hints_are_the_librarys_own, .init = setup, .timeout = 30)
{
	char node[] = "stuck", service[] = "7471", route[] = "route";
	struct sockaddr_in src = fake_addr(0, 1);
	struct rdma_addrinfo hints = { .ai_qp_type = IBV_QPT_UC,
				       .ai_route = route,
				       .ai_route_len = sizeof(route),
				       .ai_src_addr = (struct sockaddr *)&src,
				       .ai_src_len = sizeof(src) };
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *rai;

	succeeds(rdma_resolve_addrinfo(id, node, service, &hints));
	sem_wait(&asked);
	memset(node, 0, sizeof(node));
	memset(service, 0, sizeof(service));
	memset(route, 0, sizeof(route));
	memset(&src, 0, sizeof(src));
	memset(&hints, 0, sizeof(hints));
	sem_post(&let_go);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	succeeds(rdma_query_addrinfo(id, &rai));
	cr_assert_eq(port_of(rai), 7471);
	cr_assert_eq(rai->ai_qp_type, (int)IBV_QPT_UC);
	cr_assert_str_eq(rai->ai_route, "route");
	cr_assert_eq(rai->ai_src_addr->sa_family, AF_INET);
	rdma_freeaddrinfo(rai);
	end(id, ch);
}

Test(info, resolve__hints_alone, .init = setup, .timeout = 30)
{
	struct rdma_addrinfo hints = { .ai_family = AF_INET }, *rai;
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_resolve_addrinfo(id, NULL, NULL, &hints));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	succeeds(rdma_query_addrinfo(id, &rai));
	cr_assert_eq(rai->ai_family, AF_INET);
	rdma_freeaddrinfo(rai);
	end(id, ch);
}

Test(info, resolve__failures_are_errnos, .init = setup, .timeout = 30)
{
	static const struct {
		const char *node;
		int status;
	} cases[] = {
		{ "noname", -ENOENT },
		{ "again", -EAGAIN },
		{ "nodata", -ENODATA },
		{ "service", -ENOENT },
		{ "family", -EAFNOSUPPORT },
		{ "memory", -ENOMEM },
		{ "socktype", -ESOCKTNOSUPPORT },
		{ "fail", -EIO },
		{ "system", -EMFILE },
		{ "addrfamily", -EAFNOSUPPORT },
	};
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *rai;

	for (size_t i = 0; i < IW_ARRAY_SIZE(cases); i++) {
		succeeds(rdma_resolve_addrinfo(id, cases[i].node, "1", NULL));
		cr_expect_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_ERROR), cases[i].status, "%s",
			     cases[i].node);
		fails_with(ENOENT, rdma_query_addrinfo(id, &rai));
	}
	end(id, ch);
}

Test(info, resolve__on_a_synchronous_id, .init = setup, .timeout = 30)
{
	struct rdma_addrinfo *rai;
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	fails_with(ENOENT, rdma_resolve_addrinfo(id, "noname", "1", NULL));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDRINFO_ERROR);
	succeeds(rdma_resolve_addrinfo(id, "192.0.2.1", "1", NULL));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDRINFO_RESOLVED);
	succeeds(rdma_query_addrinfo(id, &rai));
	rdma_freeaddrinfo(rai);
	util_destroy(id);
	util_all_gone();
}

/* Of a call that was interrupted. */
Test(info, synchronous__what_was_left_behind_is_beside, .init = setup, .timeout = 30)
{
	struct sockaddr_in to = fake_addr(0, PORT);
	struct rdma_cm_id *id;
	struct shim_id *priv;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	priv = (struct shim_id *)id;
	cr_assert_eq(shim_events_promise(priv, 2), 0);
	cr_assert_eq(shim_event_own(priv, RDMA_CM_EVENT_ADDRINFO_ERROR, -EAGAIN, 77), 0);
	cr_assert_eq(shim_event_own(priv, RDMA_CM_EVENT_ADDRINFO_RESOLVED, 0, 78), 0);
	succeeds(rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 1000));
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDR_RESOLVED);
	util_destroy(id);
	util_all_gone();
}

/* The first one's answer is no answer to the second, which has its own. */
Test(info, synchronous__an_interrupted_call_does_not_answer_the_next, .init = setup, .timeout = 30)
{
	struct itimerval when = { .it_value.tv_usec = 30000, .it_interval.tv_usec = 30000 };
	struct sigaction sa = { .sa_handler = on_signal };
	struct rdma_cm_id *id;

	succeeds(rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP));
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
	fails_with(EINTR, rdma_resolve_addrinfo(id, "stuck", "1", NULL));
	setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
	sem_post(&let_go);
	while (rdma_resolve_addrinfo(id, "noname", "1", NULL) == -1 && errno == EBUSY)
		usleep(1000);
	cr_assert_eq(errno, ENOENT, "errno %d", errno);
	cr_assert_eq(id->event->event, RDMA_CM_EVENT_ADDRINFO_ERROR);
	util_destroy(id);
	util_all_gone();
}

/* ---- refusals */

Test(info, resolve__is_checked_at_once, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_addrinfo hints = { .ai_flags = RAI_SA };
	struct rdma_cm_id *id = util_id(ch);

	fails_with(EINVAL, rdma_resolve_addrinfo(NULL, "192.0.2.1", NULL, NULL));
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, NULL, NULL));
	fails_with(EINVAL, rdma_resolve_addrinfo(id, NULL, "1", &hints)); /* test_service.c */
	hints.ai_flags = 0x40000000;
	fails_with(EINVAL, rdma_resolve_addrinfo(id, "192.0.2.1", "1", &hints));
	hints.ai_flags = RAI_DNS;
	hints.ai_qp_type = IBV_QPT_UD;
	hints.ai_port_space = RDMA_PS_TCP;
	fails_with(ESOCKTNOSUPPORT, rdma_resolve_addrinfo(id, "192.0.2.1", "1", &hints));
	fails_with(EINVAL, rdma_query_addrinfo(NULL, &(struct rdma_addrinfo *){ NULL }));
	util_nothing(ch);
	end(id, ch);
}

Test(info, resolve__one_at_a_time, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch), *other = util_id(ch);
	struct rdma_addrinfo *rai;

	succeeds(rdma_resolve_addrinfo(id, "stuck", "1", NULL));
	sem_wait(&asked);
	fails_with(EBUSY, rdma_resolve_addrinfo(id, "192.0.2.1", "1", NULL));
	fails_with(ENOENT, rdma_query_addrinfo(id, &rai));
	succeeds(rdma_resolve_addrinfo(other, "192.0.2.1", "1", NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	sem_post(&let_go);
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	util_destroy(other);
	end(id, ch);
}

Test(info, resolve__each_fault, .init = setup, .timeout = 60)
{
	struct sockaddr_in src = fake_addr(0, 1);
	struct rdma_addrinfo hints = { .ai_src_addr = (struct sockaddr *)&src,
				       .ai_src_len = sizeof(src) },
			     *rai;
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);
	int refused = 0, late = 0, status;
	struct rdma_cm_event *ev;

	cr_assert_eq(shim_events_promise((struct shim_id *)id, SHIM_OWN_EVENTS), 0);
	for (unsigned long n = 1;; n++) {
		iw_fault_arm(IW_FAULT_ALLOC | IW_FAULT_SYSCALL, n);
		errno = 0;
		if (rdma_resolve_addrinfo(id, "192.0.2.1", "1", &hints)) {
			cr_assert(errno == ENOMEM || errno == EAGAIN, "errno %d", errno);
			refused++;
			continue;
		}
		/* A reader that waits would meet the fault in its own poll(2). */
		cr_assert_eq(poll(&(struct pollfd){ .fd = ch->fd, .events = POLLIN }, 1, -1), 1);
		succeeds(rdma_get_cm_event(ch, &ev));
		status = ev->status;
		cr_assert_eq(ev->event, status ? RDMA_CM_EVENT_ADDRINFO_ERROR
					       : RDMA_CM_EVENT_ADDRINFO_RESOLVED);
		succeeds(rdma_ack_cm_event(ev));
		if (!status)
			break;
		cr_assert_eq(status, -ENOMEM);
		late++;
	}
	iw_fault_arm(0, 0);
	cr_assert_geq(refused, 6);
	cr_assert_geq(late, 2);
	succeeds(rdma_query_addrinfo(id, &rai));
	rdma_freeaddrinfo(rai);
	end(id, ch);
}

Test(info, resolve__a_thread_that_cannot_start_leaves_the_last_result, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *rai;

	succeeds(rdma_resolve_addrinfo(id, "192.0.2.1", "5", NULL));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	iw_fault_arm(IW_FAULT_SYSCALL, 1);
	fails_with(EAGAIN, rdma_resolve_addrinfo(id, "192.0.2.1", "6", NULL));
	iw_fault_arm(0, 0);
	succeeds(rdma_query_addrinfo(id, &rai));
	cr_assert_eq(port_of(rai), 5);
	rdma_freeaddrinfo(rai);
	end(id, ch);
}

/* ---- who goes first */

static void wait_for_orphan(void)
{
	sem_post(&let_go);
	while (__atomic_load_n(&running, __ATOMIC_SEQ_CST))
		usleep(1000);
	usleep(20000); /* it frees what it has; LeakSanitizer looks afterwards */
}

Test(info, destroy__of_the_id_does_not_wait_for_a_name_server, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_resolve_addrinfo(id, "stuck", "1", NULL));
	sem_wait(&asked);
	end(id, ch);
	wait_for_orphan();
}

Test(info, destroy__of_the_channel_neither, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *rai;

	succeeds(rdma_resolve_addrinfo(id, "stuck", "1", NULL));
	sem_wait(&asked);
	rdma_destroy_event_channel(ch);
	wait_for_orphan();
	succeeds(rdma_query_addrinfo(id, &rai)); /* no event, but a result */
	rdma_freeaddrinfo(rai);
	fails_with(EINVAL, rdma_resolve_addrinfo(id, "192.0.2.1", "1", NULL));
	util_destroy(id);
	util_all_gone();
}

Test(info, migrate__the_event_goes_along, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel(), *to = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);

	succeeds(rdma_resolve_addrinfo(id, "stuck", "1", NULL));
	sem_wait(&asked);
	succeeds(rdma_migrate_id(id, to));
	rdma_destroy_event_channel(ch);
	sem_post(&let_go);
	cr_assert_eq(util_expect(to, RDMA_CM_EVENT_ADDRINFO_RESOLVED), 0);
	end(id, to);
}

Test(info, fork__a_child_is_told_and_does_not_hang, .init = setup, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct rdma_addrinfo *rai;
	int status = -1;
	pid_t pid;

	succeeds(rdma_resolve_addrinfo(id, "stuck", "1", NULL));
	sem_wait(&asked);
	pid = fork();
	if (!pid) {
		alarm(10);
		if (!rdma_query_addrinfo(id, &rai) || errno != EACCES)
			_exit(1);
		if (!rdma_resolve_addrinfo(id, "192.0.2.1", "1", NULL) || errno != EACCES)
			_exit(2);
		if (!rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0) || errno != EACCES)
			_exit(3);
		if (!rdma_destroy_id(id) || errno != EACCES)
			_exit(4);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	end(id, ch);
	wait_for_orphan();
}

/* ---- events of the program's own */

Test(user_event, write__status_and_argument_in_order, .timeout = 30)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct pollfd pfd = { .fd = ch->fd, .events = POLLIN };
	struct rdma_cm_event *ev;

	cr_assert_eq(poll(&pfd, 1, 0), 0);
	for (uint64_t arg = 0; arg < 5; arg++)
		succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, -(int)arg, arg << 40));
	for (uint64_t arg = 0; arg < 5; arg++) {
		cr_assert_eq(poll(&pfd, 1, 0), 1);
		ev = util_next(ch, RDMA_CM_EVENT_USER);
		cr_assert_eq(ev->id, id);
		cr_assert_eq(ev->status, -(int)arg);
		cr_assert_eq(ev->param.arg, arg << 40);
		succeeds(rdma_ack_cm_event(ev));
	}
	cr_assert_eq(poll(&pfd, 1, 0), 0);
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0)); /* dropped with the id */
	end(id, ch);
}

Test(user_event, write__only_events_of_programs)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	for (int type = 0; type < 25; type++)
		if (type != RDMA_CM_EVENT_USER)
			fails_with(EINVAL, rdma_write_cm_event(id, type, 0, 0));
	fails_with(EINVAL, rdma_write_cm_event(NULL, RDMA_CM_EVENT_USER, 0, 0));
	util_nothing(ch);
	rdma_destroy_event_channel(ch);
	fails_with(EINVAL, rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0));
	util_destroy(id);
	util_all_gone();
}

Test(user_event, write__no_memory_costs_no_promised_event)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *id = util_id(ch);

	cr_assert_eq(shim_events_promise((struct shim_id *)id, SHIM_OWN_EVENTS), 0);
	iw_fault_arm(IW_FAULT_ALLOC, 1);
	fails_with(ENOMEM, rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 0, 0));
	iw_fault_arm(0, 0);
	shim_events_unpromise((struct shim_id *)id, SHIM_OWN_EVENTS);
	util_nothing(ch);
	succeeds(rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 7, 0));
	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_USER), 7);
	end(id, ch);
}

static void *write_soon(void *id)
{
	usleep(50000);
	return (void *)(long)rdma_write_cm_event(id, RDMA_CM_EVENT_USER, 3, 0);
}

Test(user_event, write__wakes_a_reader, .timeout = 30)
{
	struct rdma_event_channel *ch = blocking_channel();
	struct rdma_cm_id *id = util_id(ch);
	struct later *l = util_later(write_soon, id);

	cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_USER), 3);
	cr_assert_null(util_join(l));
	end(id, ch);
}

Test(user_event, write__behind_what_the_channel_has)
{
	struct rdma_event_channel *ch = util_channel();
	struct rdma_cm_id *first = util_id(ch), *second = util_id(ch);

	succeeds(rdma_write_cm_event(first, RDMA_CM_EVENT_USER, 1, 0));
	succeeds(rdma_write_cm_event(second, RDMA_CM_EVENT_USER, 2, 0));
	succeeds(rdma_write_cm_event(first, RDMA_CM_EVENT_USER, 3, 0));
	for (int i = 1; i <= 3; i++)
		cr_assert_eq(util_expect(ch, RDMA_CM_EVENT_USER), i);
	util_destroy(second);
	end(first, ch);
}
