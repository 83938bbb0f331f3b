// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "tests/soft_cm_fake.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <ifaddrs.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "driver/soft/soft_bind.h"
#include "driver/soft/soft_cm.h"
#include "driver/soft/soft_verbs.h"

int fake_attach_error;
bool fake_end_in_attach;
unsigned int fake_generation = 1;
unsigned int fake_attached;
unsigned int fake_released;
struct soft_stream fake_stream;

/* ------------------------------------------------------------------ Device */

unsigned int soft_generation(void)
{
	return fake_generation;
}

static struct soft_device device = { .guid = FAKE_GUID };

static bool is_local(const struct sockaddr *addr)
{
	struct ifaddrs *list, *at;
	bool found = false;

	if (getifaddrs(&list))
		return false;
	for (at = list; at && !found; at = at->ifa_next)
		found = at->ifa_addr && soft_addr_known(at->ifa_addr) &&
			soft_addr_same_host(at->ifa_addr, addr);
	freeifaddrs(list);
	return found;
}

int soft_dev_by_addr(const struct sockaddr *addr, struct soft_device **dev)
{
	const struct sockaddr_in *in = (const void *)addr;

	if (!is_local(addr) &&
	    !(addr->sa_family == AF_INET && ntohl(in->sin_addr.s_addr) >> 24 == 127))
		return -ENODEV;
	*dev = &device;
	return 0;
}

int soft_dev_by_guid(uint64_t guid, struct soft_device **dev)
{
	if (guid != FAKE_GUID)
		return -ENODEV;
	*dev = &device;
	return 0;
}

static struct ibv_context opened;

struct ibv_context *soft_ibv_open_device(struct ibv_device *dev)
{
	opened.device = dev;
	return &opened;
}

/* --------------------------------------------------------------------- QPs */

/* Each counts the references of others on it, and has a stream or not. The lock: owner_ops, the
 * stream. */
static struct iw_lock qps_lock = IW_LOCK_STATIC;
static struct soft_qp qps[FAKE_QPS];

struct soft_qp *fake_qp(uint32_t num)
{
	struct soft_qp *qp = &qps[num - 1];

	qp->ibv.qp_num = num;
	return qp;
}

int fake_qp_refs(void)
{
	int refs = 0;

	for (int i = 0; i < FAKE_QPS; i++)
		refs += (int)__atomic_load_n(&qps[i].refs, __ATOMIC_ACQUIRE);
	return refs;
}

struct soft_qp *soft_qp_find(uint32_t qp_num)
{
	if (!qp_num || qp_num > FAKE_QPS)
		return NULL;
	soft_qp_get(fake_qp(qp_num));
	return fake_qp(qp_num);
}

void soft_qp_get(struct soft_qp *qp)
{
	__atomic_add_fetch(&qp->refs, 1, __ATOMIC_ACQ_REL);
}

void soft_qp_put(struct soft_qp *qp)
{
	__atomic_sub_fetch(&qp->refs, 1, __ATOMIC_ACQ_REL);
}

int soft_qp_modify(struct soft_qp *qp, const struct ibv_qp_attr *attr, int mask)
{
	if (attr->qp_state == IBV_QPS_ERR)
		soft_qp_abort(qp);
	return 0;
}

static void end(struct soft_qp *qp, int status)
{
	const struct soft_owner_ops *ops;

	iw_lock(&qps_lock);
	ops = qp->owner_ops;
	qp->owner_ops = NULL;
	iw_unlock(&qps_lock);
	if (!ops)
		return;
	soft_watch_remove(&qp->watch);
	iw_lock(&qps_lock); /* the loop may be reading */
	close(qp->stream.fd);
	iw_unlock(&qps_lock);
	__atomic_sub_fetch(&fake_attached, 1, __ATOMIC_ACQ_REL);
	ops->ended(qp->owner, status);
}

static struct soft_qp *of_watch(struct soft_watch *watch)
{
	return iw_container_of(watch, struct soft_qp, watch);
}

static void watch_get(struct soft_watch *watch)
{
	soft_qp_get(of_watch(watch));
}

static void watch_put(struct soft_watch *watch)
{
	soft_qp_put(of_watch(watch));
}

static void watch_ready(struct soft_watch *watch, uint32_t events)
{
	struct soft_qp *qp = of_watch(watch);
	const struct soft_owner_ops *ops;
	uint8_t bytes[256];
	ssize_t n = -1;

	iw_lock(&qps_lock);
	ops = qp->owner_ops;
	if (ops)
		n = recv(qp->stream.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	iw_unlock(&qps_lock);
	if (!ops)
		return;
	if (n > 0 && !qp->first_fpdu_due && !qp->stream.initiator) {
		qp->first_fpdu_due = true;
		ops->first_fpdu(qp->owner);
	}
	if (!n || (n < 0 && errno != EAGAIN))
		end(qp, n ? -errno : 0);
}

static const struct soft_watch_ops watch_ops = { watch_get, watch_put, watch_ready };

int soft_qp_attach(struct soft_qp *qp, const struct soft_stream *stream,
		   const struct soft_owner_ops *ops, void *owner)
{
	int error = fake_attach_error;

	iw_lock(&qps_lock); /* both ends may attach at once */
	fake_stream = *stream;
	iw_unlock(&qps_lock);
	if (error)
		return error;
	qp->first_fpdu_due = false;
	qp->stream = *stream;
	qp->owner = owner;
	iw_lock(&qps_lock);
	qp->owner_ops = ops;
	iw_unlock(&qps_lock);
	__atomic_add_fetch(&fake_attached, 1, __ATOMIC_ACQ_REL);
	if (stream->initiator && stream->peer_to_peer)
		peer_send_rtr(stream->fd);
	qp->watch.ops = &watch_ops;
	soft_watch_add(&qp->watch, soft_loop_fd(), stream->fd, EPOLLIN | EPOLLRDHUP);
	if (fake_end_in_attach)
		end(qp, 0);
	return 0;
}

void soft_qp_close(struct soft_qp *qp, unsigned int ms)
{
	end(qp, 0);
}

void soft_qp_abort(struct soft_qp *qp)
{
	end(qp, 0);
}

void soft_qp_release(struct soft_qp *qp)
{
	__atomic_add_fetch(&fake_released, 1, __ATOMIC_ACQ_REL);
}

/* --------------------------------------------------------------------- Ids */

static int on_event(struct iw_cm_id *id, const struct iw_cm_event *ev)
{
	struct fake_seen *seen = id->context;
	unsigned int n = __atomic_load_n(&seen->n, __ATOMIC_RELAXED);

	if (n == IW_ARRAY_SIZE(seen->ev))
		return 0;
	seen->ev[n] = *ev;
	iw_copy(seen->data[n], sizeof(seen->data[n]), ev->param.private_data,
		ev->param.private_data_len);
	__atomic_store_n(&seen->n, n + 1, __ATOMIC_RELEASE);
	return 0;
}

struct iw_cm_id *fake_id(struct fake_seen *seen)
{
	struct iw_cm_open_arg arg = { .ps = 0x106, .qp_type = IBV_QPT_RC };
	struct iw_cm_id *id = NULL;

	cr_assert_eq(iw_cm_create(iw_soft_driver.cm, &arg, on_event, seen, &id), 0);
	return id;
}

struct iw_cm_id *fake_listener(struct fake_seen *seen, unsigned int slots,
			       struct sockaddr_storage *addr)
{
	const struct sockaddr_in local = { .sin_family = AF_INET,
					   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iw_cm_id *id = fake_id(seen);
	struct iw_cm_addr_info info;

	cr_assert_eq(iw_cm_bind(id, (const struct sockaddr *)&local), 0);
	cr_assert_eq(iw_cm_listen(id, (int)slots, slots), 0);
	cr_assert_eq(iw_cm_query(id, &info), 0);
	*addr = info.src;
	return id;
}

struct iw_cm_id *fake_connector(struct fake_seen *seen, const struct sockaddr_in *to)
{
	struct iw_cm_id *id = fake_id(seen);

	cr_assert_eq(iw_cm_resolve_addr(id, NULL, (const struct sockaddr *)to, 1000), 0);
	cr_assert_eq(iw_cm_resolve_route(id, 1000), 0);
	cr_assert_eq(seen->n, 2, "both are known at once");
	cr_assert_eq(seen->ev[0].type, IW_CM_EVENT_ADDR);
	cr_assert_eq(seen->ev[1].type, IW_CM_EVENT_ROUTE);
	return id;
}

void fake_finish(void)
{
	struct iw_cm_stats stats;

	iw_cm_get_stats(&stats);
	cr_assert_eq(stats.ids_created, stats.ids_freed);
	cr_assert_eq(stats.events_unexpected, 0);
	cr_assert_eq(__atomic_load_n(&fake_attached, __ATOMIC_ACQUIRE), 0);
	fake_wait_for(!fake_qp_refs());
}
