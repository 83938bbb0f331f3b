// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Options of an id. The driver holds them and judges when they may change; until
 * an id has a driver, and for when it gets another, they are kept here.
 */
#include <infiniband/sa.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim/shim.h"

static const uint8_t lengths[SHIM_OPTIONS] = {
	[RDMA_OPTION_ID_TOS] = 1,
	[RDMA_OPTION_ID_REUSEADDR] = 4,
	[RDMA_OPTION_ID_AFONLY] = 4,
	[RDMA_OPTION_ID_ACK_TIMEOUT] = 1,
};

static int check(const struct shim_id *id, int level, int name, size_t len)
{
	if (level != RDMA_OPTION_ID || name < 0 || name >= SHIM_OPTIONS)
		return -ENOSYS;
	if (len != lengths[name])
		return -EINVAL;
	return name == RDMA_OPTION_ID_ACK_TIMEOUT && id->id.qp_type != IBV_QPT_RC ? -EINVAL : 0;
}

/* A bad pointer is EFAULT here as it is in the kernel, where the kernel lets us ask. */
static int copy_in(void *to, const void *from, size_t len)
{
	struct iovec local = { .iov_base = to, .iov_len = len };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)from, .iov_len = len };
	ssize_t n;

	if (!from)
		return -EFAULT;
	n = iw_fault(IW_FAULT_SYSCALL) ? (errno = EPERM, -1)
				       : process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	if (n == (ssize_t)len)
		return 0;
	if (n >= 0 || errno == EFAULT)
		return -EFAULT;
	memcpy(to, from, len);
	return 0;
}

static void record(struct shim_id *id, int name, const struct shim_option *option)
{
	iw_lock(&id->lock);
	id->options[name] = *option;
	iw_unlock(&id->lock);
}

int shim_options_replay(struct shim_id *id, struct iw_cm_id *cm)
{
	struct shim_option options[SHIM_OPTIONS];
	int rc = 0;

	iw_lock(&id->lock);
	memcpy(options, id->options, sizeof(options));
	iw_unlock(&id->lock);
	for (int name = 0; name < SHIM_OPTIONS && !rc; name++)
		if (options[name].len)
			rc = iw_cm_set_option(cm, RDMA_OPTION_ID, name, options[name].value,
					      options[name].len);
	return rc;
}

/*
 * Stands for rdma_resolve_route(3): ADDR_RESOLVED -> ROUTE_QUERY, and
 * ROUTE_RESOLVED follows. iWARP has no paths, but the kernel answers so there, too;
 * the software device refuses.
 */
static int set_path(struct shim_id *id, const void *val, size_t len)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	const bool sync = id->sync;
	int rc;

	if (!len || len % sizeof(struct ibv_path_data))
		return -EINVAL;
	if (!val)
		return -EFAULT;
	if (!cm || !id->id.verbs)
		return -EINVAL;
	rc = shim_route_begin(id);
	if (rc)
		return rc;
	rc = iw_cm_set_option(cm, RDMA_OPTION_IB, RDMA_OPTION_IB_PATH, val, len);
	return shim_route_begun(id, sync, rc);
}

static int set_option(struct shim_id *id, int level, int name, const void *val, size_t len)
{
	struct iw_cm_id *cm = shim_id_cm(id);
	struct shim_option option;
	int rc;

	if (!id->channel) /* which the program destroyed */
		return -EINVAL;
	if (level == RDMA_OPTION_IB && name == RDMA_OPTION_IB_PATH)
		return set_path(id, val, len);
	rc = check(id, level, name, len);
	/* What the driver judges it judges alone. */
	if (rc)
		return cm ? iw_cm_set_option(cm, level, name, val, len) : rc;
	option.len = (uint8_t)len;
	rc = copy_in(option.value, val, len);
	if (!rc && cm)
		rc = iw_cm_set_option(cm, level, name, option.value, len);
	if (!rc)
		record(id, name, &option);
	return rc;
}

IW_EXPORT int rdma_set_option(struct rdma_cm_id *id, int level, int optname, void *optval,
			      size_t optlen)
{
	struct shim_id *priv;
	int rc = shim_id_check(id, &priv);

	return shim_return(rc ? rc : set_option(priv, level, optname, optval, optlen));
}
