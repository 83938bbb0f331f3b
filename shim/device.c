// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Verbs devices: opened when an id is first bound to one, kept open for the
 * process (opening costs dozens of system calls), closed only once removed.
 */
#include "shim/shim.h"

#include <fcntl.h>
#include <stdlib.h>

#include "shim/provider.h"

/* Protects the list and every field of its devices that changes. */
static struct iw_lock devices_lock = IW_LOCK_STATIC;
static TAILQ_HEAD(, shim_device) devices = TAILQ_HEAD_INITIALIZER(devices);
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static struct shim_device *parents; /* in a child: what its parent had; never touched */

/* The lock may have been held, over system calls even: the list is begun anew. */
static void in_child(void)
{
	iw_lock_init(&devices_lock);
	parents = TAILQ_FIRST(&devices);
	TAILQ_INIT(&devices);
}

static void watch_forks(void)
{
	if (iw_fault(IW_FAULT_SYSCALL) || pthread_atfork(NULL, NULL, in_child))
		iw_warn("no memory to watch forks: a child may not open devices");
}

/* By index where both are known, else by GUID; 0 is the GUID of none. */
static bool names_device(int index, uint64_t guid, int its_index, uint64_t its_guid)
{
	if (index >= 0 && its_index >= 0)
		return index == its_index;
	return guid && guid == its_guid;
}

static struct shim_device *find_open(int index, uint64_t guid)
{
	struct shim_device *d;

	iw_assert_held(&devices_lock);
	TAILQ_FOREACH (d, &devices, link) {
		/* A context opened by the parent is of no use in a forked child. */
		if (d->gone || d->generation != shim_generation())
			continue;
		if (names_device(index, guid, d->index, d->guid))
			return d;
	}
	return NULL;
}

static uint8_t clamp_u8(int value)
{
	return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static int read_limits(struct shim_device *d)
{
	struct ibv_device_attr attr;
	int rc;

	errno = 0;
	rc = iw_fault(IW_FAULT_SYSCALL) ? ENOMEM : ibv_query_device(d->verbs, &attr);
	if (rc) /* some providers return -1 */
		return rc < 0 ? shim_errno_or(-EIO) : -rc;
	d->max_responder_resources = clamp_u8(attr.max_qp_rd_atom);
	d->max_initiator_depth = clamp_u8(attr.max_qp_init_rd_atom);
	return 0;
}

/* The context is @d's in every case. */
static int add_device(struct shim_device *d, int index, uint64_t guid)
{
	int rc;

	iw_assert_held(&devices_lock);
	rc = read_limits(d);
	if (rc) {
		ibv_close_device(d->verbs);
		return rc;
	}
	d->generation = shim_generation();
	d->index = index;
	d->guid = guid;
	TAILQ_INSERT_TAIL(&devices, d, link);
	return 0;
}

static int open_device(struct ibv_device *dev, struct shim_device **out)
{
	struct shim_device *d;
	int rc;

	iw_assert_held(&devices_lock);
	d = iw_calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	errno = 0;
	d->verbs = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_open_device(dev);
	if (!d->verbs) {
		rc = shim_errno_or(-ENODEV);
		goto free_device;
	}
	rc = add_device(d, ibv_get_device_index(dev), ibv_get_device_guid(dev));
	if (rc)
		goto free_device;
	*out = d;
	return 0;

free_device:
	iw_error("cannot open RDMA device %s: %s", ibv_get_device_name(dev), strerror(-rc));
	free(d);
	return rc;
}

/* A device that its driver opens: libibverbs need not know of it. */
static int open_by_driver(const struct iw_driver *driver, const struct iw_cm_addr_info *info,
			  struct shim_device **out)
{
	struct shim_device *d = iw_calloc(1, sizeof(*d));
	int rc;

	iw_assert_held(&devices_lock);
	if (!d)
		return -ENOMEM;
	rc = iw_fault(IW_FAULT_SYSCALL) ? -ENODEV : driver->open_verbs(info, &d->verbs);
	if (!rc)
		rc = add_device(d, info->ibdev_index, info->node_guid);
	if (rc) {
		iw_error("cannot open a device of the %s driver: %s", driver->name, strerror(-rc));
		free(d);
		return rc;
	}
	*out = d;
	return 0;
}

static int open_by_verbs(int index, uint64_t guid, struct shim_device **out)
{
	struct ibv_device **list;
	int rc = -ENODEV, n;

	shim_provider_load(index);
	errno = 0;
	list = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_get_device_list(&n);
	if (!list)
		return shim_errno_or(-ENODEV);
	for (int i = 0; i < n; i++) {
		if (!names_device(index, guid, ibv_get_device_index(list[i]),
				  ibv_get_device_guid(list[i])))
			continue;
		rc = open_device(list[i], out);
		break;
	}
	ibv_free_device_list(list);
	return rc;
}

static int need_pd(struct shim_device *d)
{
	iw_assert_held(&devices_lock);
	if (d->pd)
		return 0;
	errno = 0;
	d->pd = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_alloc_pd(d->verbs);
	return d->pd ? 0 : shim_errno_or(-ENOMEM);
}

int shim_device_get(enum iw_driver_kind kind, const struct iw_cm_addr_info *info,
		    struct shim_device **device)
{
	const struct iw_driver *driver = iw_driver_get(kind);
	struct shim_device *d;
	int rc = 0;

	pthread_once(&fork_once, watch_forks);
	iw_lock(&devices_lock);
	d = find_open(info->ibdev_index, info->node_guid);
	if (!d)
		rc = driver->open_verbs ? open_by_driver(driver, info, &d)
					: open_by_verbs(info->ibdev_index, info->node_guid, &d);
	if (!rc)
		rc = need_pd(d);
	if (!rc)
		d->users++;
	iw_unlock(&devices_lock);
	if (!rc)
		*device = d;
	return rc;
}

int shim_device_xrcd(struct shim_device *d, struct ibv_xrcd **xrcd)
{
	struct ibv_xrcd_init_attr attr = {
		.comp_mask = IBV_XRCD_INIT_ATTR_FD | IBV_XRCD_INIT_ATTR_OFLAGS,
		.fd = -1,
		.oflags = O_CREAT,
	};
	int rc = 0;

	iw_lock(&devices_lock);
	errno = 0;
	if (!d->xrcd)
		d->xrcd = iw_fault(IW_FAULT_SYSCALL) ? NULL : ibv_open_xrcd(d->verbs, &attr);
	if (!d->xrcd)
		rc = shim_errno_or(-ENOMEM);
	else
		*xrcd = d->xrcd;
	iw_unlock(&devices_lock);
	return rc;
}

static void close_if_over(struct shim_device *d)
{
	iw_assert_held(&devices_lock);
	if (d->users || !d->gone || d->handed_out)
		return;
	TAILQ_REMOVE(&devices, d, link);
	if (d->xrcd && ibv_close_xrcd(d->xrcd))
		iw_info("the default XRC domain of a removed device is still in use");
	if (d->pd && ibv_dealloc_pd(d->pd))
		iw_info("the default PD of a removed device is still in use: not closed");
	else
		ibv_close_device(d->verbs);
	free(d);
}

void shim_device_put(struct shim_device *device)
{
	iw_lock(&devices_lock);
	device->users--;
	close_if_over(device);
	iw_unlock(&devices_lock);
}

void shim_device_gone(struct shim_device *device)
{
	iw_lock(&devices_lock);
	device->gone = true;
	iw_unlock(&devices_lock);
}

/* The context of @dev, opened if it is not; NULL if that fails. */
static struct ibv_context *hand_out(struct ibv_device *dev)
{
	struct shim_device *d = find_open(ibv_get_device_index(dev), ibv_get_device_guid(dev));

	if (!d && open_device(dev, &d))
		return NULL;
	d->handed_out = true;
	return d->verbs;
}

IW_EXPORT struct ibv_context **rdma_get_devices(int *num_devices)
{
	struct ibv_context **contexts = NULL;
	struct ibv_device **list;
	int n = 0, opened = 0;

	errno = 0;
	list = iw_fault(IW_FAULT_SYSCALL) ? (errno = ENOMEM, NULL) : ibv_get_device_list(&n);
	if (!list) {
		errno = errno ? errno : ENODEV;
		goto out;
	}
	errno = ENODEV;
	if (n)
		contexts = iw_calloc((size_t)n + 1, sizeof(*contexts));
	iw_lock(&devices_lock);
	for (int i = 0; contexts && i < n; i++) {
		contexts[opened] = hand_out(list[i]);
		if (contexts[opened])
			opened++;
	}
	iw_unlock(&devices_lock);
	ibv_free_device_list(list);
	if (contexts && !opened) {
		free(contexts);
		contexts = NULL;
		errno = ENODEV;
	}
out:
	if (num_devices)
		*num_devices = opened;
	return contexts;
}

IW_EXPORT void rdma_free_devices(struct ibv_context **list)
{
	free(list);
}
