// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/kdev_ends.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>

#include "tests/kdev_fake.h"

const struct iw_driver *driver;
struct iw_source *source;
struct iw_cm_event seen[SEEN_MAX];
unsigned int nseen;
static const struct sockaddr_in local = { .sin_family = AF_INET };

int kdev_on_event(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	seen[nseen++ % SEEN_MAX] = *ev;
	return 0;
}

void kdev_setup(void)
{
	int fd;

	driver = iw_driver_get(IW_DRIVER_KERNEL);
	cr_assert_eq(driver->source_open(&source, &fd), 0);
	cr_assert_eq(fd, FD_FIRST);
}

static struct iw_cm_id *make_of(uint16_t ps, uint8_t qp_type)
{
	struct iw_cm_open_arg arg = { .source = source, .ps = ps, .qp_type = qp_type };
	struct iw_cm_id *id = NULL;

	cr_assert_eq(iw_cm_create(driver->cm, &arg, kdev_on_event, NULL, &id), 0);
	return id;
}

struct iw_cm_id *kdev_make(void)
{
	return make_of(RDMA_PS_TCP, IBV_QPT_RC);
}

struct iw_cm_id *kdev_make_datagram(void)
{
	struct iw_cm_id *id = make_of(RDMA_PS_UDP, IBV_QPT_UD);

	iw_cm_set_transport(id, IW_CM_DATAGRAM);
	return id;
}

struct iw_cm_id *kdev_listener(unsigned int slots)
{
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(iw_cm_bind(id, (const struct sockaddr *)&local), 0);
	cr_assert_eq(iw_cm_listen(id, 5, slots), 0);
	return id;
}

struct iw_cm_id *kdev_pending(void)
{
	struct iw_cm_conn_param param = { .qp_num = 1 };
	struct iw_cm_id *id = kdev_make();

	cr_assert_eq(iw_cm_connect(id, &param), 0);
	return id;
}

void kdev_pump_all(void)
{
	int ret;

	do
		ret = driver->source_pump(source);
	while (!ret);
	cr_assert_eq(ret, -EAGAIN);
}

void kdev_finish(struct iw_cm_id *id)
{
	struct iw_cm_stats stats;

	if (id)
		iw_cm_destroy(id);
	driver->source_close(source);
	iw_cm_get_stats(&stats);
	cr_assert_eq(stats.ids_created, stats.ids_freed);
	for (int i = 0; i < IDS_MAX; i++)
		cr_assert(!k.ids[i].used, "kernel id %d is left", i);
	cr_assert_eq(k.open_fds, 0);
}
