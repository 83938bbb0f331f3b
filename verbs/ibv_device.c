// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The exported verbs that a program calls for devices and contexts: listing,
 * opening, asking. Software devices are answered by driver/soft, all others by
 * the real libibverbs.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/device_choice.h"
#include "base/fault.h"
#include "base/list.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/verbs_entry.h"
#include "driver/soft/soft_dev.h"
#include "driver/soft/soft_verbs.h"
#include "netlink/nl_link.h"
#include "verbs/ibv_forward.h"

/* A list that holds devices of both kinds; the program has @devices. */
struct merged_list {
	TAILQ_ENTRY(merged_list) link;
	struct ibv_device **real; /* NULL: none */
	struct ibv_device *devices[];
};

/* Protects the lists that the program has not freed. */
static struct iw_lock lists_lock = IW_LOCK_STATIC;
static TAILQ_HEAD(, merged_list) lists = TAILQ_HEAD_INITIALIZER(lists);

static enum iw_device_choice choice_of_devices(void)
{
	const char *wrong = iw_device_choice_wrong();

	if (wrong)
		iw_warn("IWSHIM_DEVICE=%s is none of auto, kernel, soft: taken for auto", wrong);
	return iw_device_choice();
}

/* The software devices of now, in memory of malloc(3); none is no error. */
static int list_soft(struct soft_device ***list, unsigned int *n)
{
	struct soft_device **devices;
	unsigned int room = 16, count;
	int rc;

	do {
		devices = iw_calloc(room, sizeof(struct soft_device *));
		if (!devices)
			return -ENOMEM;
		count = room;
		rc = soft_dev_list(devices, &count);
		if (!rc)
			break;
		free(devices);
		room = count > room ? count : room * 2;
	} while (rc == -ENOSPC);
	if (rc == -ENODEV) {
		*list = NULL;
		*n = 0;
		return 0;
	}
	if (rc)
		return rc;
	*list = devices;
	*n = count;
	return 0;
}

/* Drops those whose interface has a kernel device. */
static unsigned int without_kernel(struct soft_device **list, unsigned int n)
{
	struct nl_rdma_dev kernel;
	unsigned int left = 0;

	if (nl_link_any_rdma_dev())
		return n;
	for (unsigned int i = 0; i < n; i++)
		if (nl_link_rdma_dev((int)list[i]->ifindex, &kernel))
			list[left++] = list[i];
	return left;
}

static struct ibv_device **merge(struct ibv_device **real, int nreal, struct soft_device **soft,
				 unsigned int nsoft)
{
	struct merged_list *list;
	size_t n = (size_t)nreal + nsoft;

	list = iw_calloc(1, sizeof(*list) + (n + 1) * sizeof(list->devices[0]));
	if (!list)
		return NULL;
	list->real = real;
	for (int i = 0; i < nreal; i++)
		list->devices[i] = real[i];
	for (unsigned int i = 0; i < nsoft; i++)
		list->devices[nreal + (int)i] = &soft[i]->ibv;
	iw_lock(&lists_lock);
	TAILQ_INSERT_TAIL(&lists, list, link);
	iw_unlock(&lists_lock);
	return list->devices;
}

static struct ibv_device **real_list(int *n)
{
	struct ibv_device **list;

	*n = 0;
	list = IBV_FORWARD(NULL, get_device_list, n);
	if (!list)
		*n = 0;
	return list;
}

static void free_real_list(struct ibv_device **list)
{
	if (list)
		IBV_FORWARD((void)0, free_device_list, list);
}

/* Without software devices it is the real library's own list. */
static struct ibv_device **list_both(enum iw_device_choice choice, int *n)
{
	struct ibv_device **real = NULL, **list = NULL;
	struct soft_device **soft = NULL;
	unsigned int nsoft = 0;
	int error = 0, nreal = 0, rc = 0;

	errno = 0;
	if (choice != IW_DEVICE_SOFT)
		real = real_list(&nreal);
	error = errno;
	if (choice == IW_DEVICE_SOFT ? !iw_verbs_reachable() : ibv_forward_is_reachable())
		rc = list_soft(&soft, &nsoft);
	if (rc && rc != -ENOMEM &&
	    nreal) { /* what the kernel has is not hidden by a look that failed */
		iw_warn("software devices are missing from the list: %s", strerror(-rc));
		rc = 0;
	}
	if (choice == IW_DEVICE_AUTO && !rc)
		nsoft = without_kernel(soft, nsoft);
	if (!rc && !nsoft && choice != IW_DEVICE_SOFT) {
		list = real;
	} else if (!rc) {
		list = merge(real, nreal, soft, nsoft);
		error = list ? 0 : ENOMEM;
	} else {
		error = -rc;
	}
	free(soft);
	if (!list)
		free_real_list(real);
	else
		*n = nreal + (int)nsoft;
	errno = error;
	return list;
}

IBV_EXPORT struct ibv_device **ibv_get_device_list(int *num_devices)
{
	enum iw_device_choice choice = choice_of_devices();
	struct ibv_device **list;
	int n = 0;

	/* The real library walks its own list (ibv_import_device) with its own eyes. */
	if (choice == IW_DEVICE_KERNEL || ibv_forward_is_real(__builtin_return_address(0)))
		list = real_list(&n);
	else
		list = list_both(choice, &n);
	if (num_devices)
		*num_devices = n;
	return list;
}

static struct merged_list *take_merged(struct ibv_device **devices)
{
	struct merged_list *list;

	iw_lock(&lists_lock);
	TAILQ_FOREACH (list, &lists, link)
		if (list->devices == devices)
			break;
	if (list)
		TAILQ_REMOVE(&lists, list, link);
	iw_unlock(&lists_lock);
	return list;
}

IBV_EXPORT void ibv_free_device_list(struct ibv_device **devices)
{
	struct merged_list *list = take_merged(devices);

	free_real_list(list ? list->real : devices);
	free(list);
}

IBV_EXPORT const char *ibv_get_device_name(struct ibv_device *device)
{
	if (soft_dev_is_ours(device))
		return device->name;
	return IBV_FORWARD(NULL, get_device_name, device);
}

IBV_EXPORT __be64 ibv_get_device_guid(struct ibv_device *device)
{
	if (soft_dev_is_ours(device))
		return iw_container_of(device, struct soft_device, ibv)->guid;
	return IBV_FORWARD(0, get_device_guid, device);
}

IBV_EXPORT int ibv_get_device_index(struct ibv_device *device)
{
	if (soft_dev_is_ours(device))
		return -1;
	return IBV_FORWARD(-1, get_device_index, device);
}

IBV_EXPORT struct ibv_context *ibv_open_device(struct ibv_device *device)
{
	if (soft_dev_is_ours(device))
		return soft_ibv_open_device(device);
	return IBV_FORWARD(NULL, open_device, device);
}

IBV_EXPORT int ibv_close_device(struct ibv_context *context)
{
	if (soft_context_is_ours(context))
		return soft_ibv_close_device(context);
	return IBV_FORWARD(-1, close_device, context);
}

/* A descriptor of the kernel's: never one of ours. */
IBV_EXPORT struct ibv_context *ibv_import_device(int cmd_fd)
{
	return IBV_FORWARD(NULL, import_device, cmd_fd);
}

IBV_EXPORT int ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	if (soft_context_is_ours(context))
		return soft_ibv_query_device(context, attr);
	return IBV_FORWARD(ENOSYS, query_device, context, attr);
}

/* Callers of this symbol may have the struct as it was before port_cap_flags2. */
IBV_EXPORT int ibv_query_port(struct ibv_context *context, uint8_t port,
			      struct _compat_ibv_port_attr *attr)
{
	if (soft_context_is_ours(context))
		return soft_ibv_query_port(context, port, (struct ibv_port_attr *)attr,
					   offsetof(struct ibv_port_attr, port_cap_flags2));
	return IBV_FORWARD(ENOSYS, query_port, context, port, attr);
}

IBV_EXPORT int ibv_query_gid(struct ibv_context *context, uint8_t port, int index,
			     union ibv_gid *gid)
{
	if (soft_context_is_ours(context))
		return soft_ibv_query_gid(context, port, index, gid);
	return IBV_FORWARD(-1, query_gid, context, port, index, gid);
}

IBV_EXPORT int _ibv_query_gid_ex(struct ibv_context *context, uint32_t port, uint32_t index,
				 struct ibv_gid_entry *entry, uint32_t flags, size_t size)
{
	if (soft_context_is_ours(context))
		return soft_ibv_query_gid_ex(context, port, index, entry, flags, size);
	return IBV_FORWARD(ENOSYS, query_gid_ex, context, port, index, entry, flags, size);
}

IBV_EXPORT ssize_t _ibv_query_gid_table(struct ibv_context *context, struct ibv_gid_entry *entries,
					size_t max, uint32_t flags, size_t size)
{
	if (soft_context_is_ours(context))
		return soft_ibv_query_gid_table(context, entries, max, flags, size);
	return IBV_FORWARD(-ENOSYS, query_gid_table, context, entries, max, flags, size);
}

/*
 * Each release of libibverbs asks for a private version of its own: one for all would be
 * a hidden symbol, to which the dynamic linker binds none of them.
 */
#define GID_TYPE(n)                                                  \
	__asm__(".globl iw_query_gid_type_" #n "\n"                  \
		".set iw_query_gid_type_" #n ", iw_query_gid_type\n" \
		".symver iw_query_gid_type_" #n ", ibv_query_gid_type@IBVERBS_PRIVATE_" #n)
#define GID_TYPES(t)    \
	GID_TYPE(t##0); \
	GID_TYPE(t##1); \
	GID_TYPE(t##2); \
	GID_TYPE(t##3); \
	GID_TYPE(t##4); \
	GID_TYPE(t##5); \
	GID_TYPE(t##6); \
	GID_TYPE(t##7); \
	GID_TYPE(t##8); \
	GID_TYPE(t##9)
GID_TYPE(33);
GID_TYPE(34);
GID_TYPE(35);
GID_TYPE(36);
GID_TYPE(37);
GID_TYPE(38);
GID_TYPE(39);
GID_TYPES(4);
GID_TYPES(5);
GID_TYPES(6);
GID_TYPES(7);
GID_TYPES(8);
GID_TYPES(9);
IBV_EXPORT int iw_query_gid_type(struct ibv_context *context, uint8_t port, unsigned int index,
				 int *type)
{
	union ibv_gid gid;

	if (!soft_context_is_ours(context))
		return IBV_FORWARD(-1, query_gid_type, context, port, index, type);
	if (soft_ibv_query_gid(context, port, (int)index, &gid))
		return -1;
	*type = 0;
	return 0;
}

IBV_EXPORT int ibv_query_pkey(struct ibv_context *context, uint8_t port, int index, __be16 *pkey)
{
	if (soft_context_is_ours(context))
		return soft_ibv_query_pkey(context, port, index, pkey);
	return IBV_FORWARD(-1, query_pkey, context, port, index, pkey);
}

IBV_EXPORT int ibv_get_pkey_index(struct ibv_context *context, uint8_t port, __be16 pkey)
{
	if (soft_context_is_ours(context))
		return soft_ibv_get_pkey_index(context, port, pkey);
	return IBV_FORWARD(-1, get_pkey_index, context, port, pkey);
}

IBV_EXPORT int ibv_get_async_event(struct ibv_context *context, struct ibv_async_event *event)
{
	if (soft_context_is_ours(context))
		return soft_ibv_get_async_event(context, event);
	return IBV_FORWARD(-1, get_async_event, context, event);
}
