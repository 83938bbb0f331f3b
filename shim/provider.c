// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "shim/provider.h"

#include <dlfcn.h>
#include <infiniband/verbs.h>
#include <limits.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/verbs_entry.h"
#include "netlink/nl_link.h"

/* libibverbs' own name for the version of the interface to its providers. */
#define PABI_FIRST 25
#define PABI_LAST 99

static const char *const provider_names[] = {
	[RDMA_DRIVER_MLX5] = "mlx5",	   [RDMA_DRIVER_MLX4] = "mlx4",
	[RDMA_DRIVER_CXGB4] = "cxgb4",	   [RDMA_DRIVER_MTHCA] = "mthca",
	[RDMA_DRIVER_BNXT_RE] = "bnxt_re", [RDMA_DRIVER_OCRDMA] = "ocrdma",
	[RDMA_DRIVER_IRDMA] = "irdma",	   [RDMA_DRIVER_VMW_PVRDMA] = "vmw_pvrdma",
	[RDMA_DRIVER_QEDR] = "qedr",	   [RDMA_DRIVER_HNS] = "hns",
	[RDMA_DRIVER_RXE] = "rxe",	   [RDMA_DRIVER_HFI1] = "hfi1verbs",
	[RDMA_DRIVER_QIB] = "ipathverbs",  [RDMA_DRIVER_EFA] = "efa",
	[RDMA_DRIVER_SIW] = "siw",	   [RDMA_DRIVER_ERDMA] = "erdma",
};

static const char *provider_name(int ibdev_index)
{
	uint32_t id;

	if (nl_link_rdma_driver((uint32_t)ibdev_index, &id) || id >= IW_ARRAY_SIZE(provider_names))
		return NULL;
	return provider_names[id];
}

/* The administrator's choice of providers counts. */
static bool is_configured(const char *name)
{
	char path[64];

	if (secure_getenv("RDMAV_DRIVERS") || secure_getenv("IBV_DRIVERS"))
		return false;
	snprintf(path, sizeof(path), "/etc/libibverbs.d/%s.driver", name);
	return !access(path, R_OK);
}

/* The number in libNAME-rdmavNN.so is that of libibverbs' private version. */
static int pabi_of(void *verbs)
{
	char version[32];

	for (int n = PABI_FIRST; n <= PABI_LAST; n++) {
		snprintf(version, sizeof(version), "IBVERBS_PRIVATE_%d", n);
		if (dlvsym(verbs, "_verbs_init_and_alloc_context", version) ||
		    dlvsym(verbs, "ibv_query_gid_type", version))
			return n;
	}
	return -1;
}

/* The file of the libibverbs that this process runs on; NULL if nothing tells. */
static const char *verbs_file(void)
{
	const char *path = iw_verbs_real_path();
	Dl_info info;

	if (path)
		return path;
	return dladdr((void *)(uintptr_t)ibv_get_device_list, &info) ? info.dli_fname : NULL;
}

/* Its folder, and the version of its interface to providers. */
static int verbs_folder(char *folder, size_t room, int *pabi)
{
	const char *file = verbs_file();
	const char *slash = file ? strrchr(file, '/') : NULL;
	void *verbs;

	if (!slash || (size_t)(slash - file) >= room)
		return -1;
	verbs = iw_fault(IW_FAULT_SYSCALL) ? NULL : dlopen(file, RTLD_NOW | RTLD_NOLOAD);
	if (!verbs)
		return -1;
	*pabi = pabi_of(verbs);
	dlclose(verbs);
	memcpy(folder, file, (size_t)(slash - file));
	folder[slash - file] = 0;
	return *pabi < 0 ? -1 : 0;
}

static void load(const char *name)
{
	char folder[PATH_MAX], path[PATH_MAX + 64];
	int pabi;

	if (verbs_folder(folder, sizeof(folder), &pabi))
		return;
	snprintf(path, sizeof(path), "%s/libibverbs/lib%s-rdmav%d.so", folder, name, pabi);
	if (dlopen(path, RTLD_NOW))
		iw_debug("loaded the verbs provider %s", path);
	else
		iw_debug("verbs provider: %s", dlerror());
}

void shim_provider_load(int ibdev_index)
{
	const char *name = ibdev_index < 0 ? NULL : provider_name(ibdev_index);

	if (name && is_configured(name))
		load(name);
}
