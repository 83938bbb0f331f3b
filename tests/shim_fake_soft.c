// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The software driver in memory: the ops of the other one over sources that a
 * thread of theirs pumps, so that the channel gets no descriptor of them.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "tests/mock_verbs.h"
#include "tests/shim_fake_net.h"

bool fake_has_soft;

void fake_soft(bool there)
{
	fake_has_soft = there;
}

int fake_soft_ids(void)
{
	struct fake_id *f;
	int n = 0;

	pthread_mutex_lock(&fake_lock);
	TAILQ_FOREACH (f, &fake_ids, link)
		n += f->source->soft;
	pthread_mutex_unlock(&fake_lock);
	return n;
}

static void *run(void *arg)
{
	struct iw_source *s = arg;
	struct pollfd pfd = { .fd = s->fd, .events = POLLIN };

	while (!__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		poll(&pfd, 1, -1);
		while (!fake_source_pump(s))
			;
	}
	return NULL;
}

static int source_open(struct iw_source **source, int *fd)
{
	struct iw_source *s;
	int rc = fake_source_open(&s, fd);

	if (rc)
		return rc;
	s->soft = true;
	pthread_create(&s->thread, NULL, run, s);
	*source = s;
	*fd = -1;
	return 0;
}

/* The channel has nothing to read here. */
static int source_pump(struct iw_source *s)
{
	abort();
}

static void source_close(struct iw_source *s)
{
	__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
	eventfd_write(s->fd, 1);
	pthread_join(s->thread, NULL);
	fake_source_close(s);
}

static int open_verbs(const struct iw_cm_addr_info *info, struct ibv_context **verbs)
{
	int rc = fake_called(FAKE_OPEN_VERBS), n;
	struct ibv_device **list;

	if (rc)
		return rc;
	if (info->node_guid != FAKE_SOFT_GUID)
		return -ENODEV;
	list = ibv_get_device_list(&n);
	*verbs = ibv_open_device(list[n - 1]);
	ibv_free_device_list(list);
	return *verbs ? 0 : -ENODEV;
}

static int probe(void)
{
	return fake_called(FAKE_SOFT_PROBE);
}

const struct iw_driver fake_soft_driver = {
	.name = "fake software",
	.cm = &fake_ops,
	.probe = probe,
	.source_open = source_open,
	.source_pump = source_pump,
	.source_close = source_close,
	.open_verbs = open_verbs,
};
