// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Finds the real libibverbs and looks up what it has. Nothing here is called
 * before the program's first verbs call, and nothing calls the program's ibv_*
 * names: RTLD_NEXT would miss a library that stands ahead of us.
 */
#include "verbs/ibv_forward.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/verbs_entry.h"

/* libibverbs' own names for the versions of its private interface. */
#define PRIVATE_FIRST 25
#define PRIVATE_LAST 99

static const char *const standard_places[] = {
	IW_LIBIBVERBS_PATH,
	"/usr/lib64/libibverbs.so.1",
	"/usr/lib/libibverbs.so.1",
	NULL,
};
const char *const *ibv_forward_places = standard_places;

/*
 * @find_lock protects the search, and what it finds until @is_found says that it
 * is there for good. A search that failed is made again: it may have been for
 * want of memory or descriptors.
 */
static struct iw_lock find_lock = IW_LOCK_STATIC;
static bool is_found, complained;
static struct ibv_real real;
static char real_path[PATH_MAX];
static uintptr_t real_start, real_end;

/* An object in memory: where, and from which file. */
struct object {
	const void *address; /* any of it */
	uintptr_t start, end;
};

static int match_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *o = arg;
	uintptr_t start = UINTPTR_MAX, end = 0, at = (uintptr_t)o->address;

	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		start = from < start ? from : start;
		end = from + info->dlpi_phdr[i].p_memsz > end ? from + info->dlpi_phdr[i].p_memsz
							      : end;
	}
	if (at < start || at >= end)
		return 0;
	o->start = start;
	o->end = end;
	return 1;
}

static bool is_in_our_object(const void *address)
{
	struct object us = { .address = &real };

	return dl_iterate_phdr(match_object, &us) && (uintptr_t)address >= us.start &&
	       (uintptr_t)address < us.end;
}

/* Takes the library at @path if it is one, and not we under libibverbs' name. */
static void *open_library(const char *path, int flags)
{
	void *library, *symbol;

	library = iw_fault(IW_FAULT_SYSCALL) ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);
	if (!library) {
		iw_debug("libibverbs: not at %s", path);
		return NULL;
	}
	symbol = dlvsym(library, "ibv_get_device_list", "IBVERBS_1.1");
	if (!symbol || is_in_our_object(symbol)) {
		iw_debug("libibverbs: %s is not it", path);
		dlclose(library);
		return NULL;
	}
	snprintf(real_path, sizeof(real_path), "%s", path);
	return library;
}

struct loaded {
	char path[PATH_MAX];
};

static int match_loaded(struct dl_phdr_info *info, size_t size, void *arg)
{
	static const char stem[] = "libibverbs.so";
	const char *slash = strrchr(info->dlpi_name, '/');
	struct loaded *found = arg;
	struct object us = { .address = &real };

	if (!slash || strncmp(slash + 1, stem, sizeof(stem) - 1))
		return 0;
	if (match_object(info, size, &us)) /* by the private directory */
		return 0;
	snprintf(found->path, sizeof(found->path), "%s", info->dlpi_name);
	return 1;
}

/* One that the program brought along comes before the one that we were built for. */
static void *find_library(void)
{
	const char *path = secure_getenv("IWSHIM_LIBIBVERBS");
	struct loaded found = { "" };
	void *library = NULL;

	if (path && *path == '/')
		return open_library(path, 0);
	if (dl_iterate_phdr(match_loaded, &found))
		library = open_library(found.path, RTLD_NOLOAD);
	for (int i = 0; !library && ibv_forward_places[i]; i++)
		library = open_library(ibv_forward_places[i], 0);
	return library;
}

static void *find_gid_type(void *library)
{
	char version[32];
	void *symbol = NULL;

	for (int n = PRIVATE_FIRST; !symbol && n <= PRIVATE_LAST; n++) {
		snprintf(version, sizeof(version), "IBVERBS_PRIVATE_%d", n);
		symbol = dlvsym(library, "ibv_query_gid_type", version);
	}
	return symbol;
}

/* find_lock is held. */
static bool find_now(void)
{
	void *library = find_library();
	struct object object;

	if (!library) {
		if (!complained)
			iw_error("no libibverbs.so.1 found: kernel RDMA devices cannot be used "
				 "(IWSHIM_LIBIBVERBS may name its absolute path)");
		complained = true;
		return false;
	}
#define LOOK_UP(member, symbol, version) \
	real.member = (__typeof__(real.member))dlvsym(library, #symbol, version);
	IBV_REAL_SYMBOLS(LOOK_UP)
#undef LOOK_UP
	real.query_gid_type = (__typeof__(real.query_gid_type))find_gid_type(library);
	object.address = (const void *)(uintptr_t)real.get_device_list;
	if (dl_iterate_phdr(match_object, &object)) {
		real_start = object.start;
		real_end = object.end;
	}
	iw_debug("libibverbs: %s", real_path);
	return true;
}

/* Another thread may have held the lock. */
static void in_child(void)
{
	iw_lock_init(&find_lock);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, in_child);
}

static void find(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (__atomic_load_n(&is_found, __ATOMIC_ACQUIRE))
		return;
	pthread_once(&once, watch_forks);
	iw_lock(&find_lock);
	if (!is_found && find_now())
		__atomic_store_n(&is_found, true, __ATOMIC_RELEASE);
	iw_unlock(&find_lock);
}

const struct ibv_real *ibv_forward(void)
{
	find();
	return &real;
}

void ibv_forward_missing(const char *function)
{
	iw_debug("libibverbs (%s) has no ibv_%s", *real_path ? real_path : "none", function);
	errno = ENOSYS;
}

bool ibv_forward_is_real(const void *address)
{
	find();
	return (uintptr_t)address >= real_start && (uintptr_t)address < real_end;
}

const char *iw_verbs_real_path(void)
{
	find();
	return *real_path ? real_path : NULL;
}

static bool reachable;

/*
 * As the program's own references were bound: ours, the real library's, or a
 * stub of the executable, which tells nothing.
 */
static void look_once(void)
{
	static const char *const names[] = { "ibv_alloc_pd", "ibv_create_cq", "ibv_dealloc_pd" };
	void *found;

	reachable = true;
	for (size_t i = 0; i < IW_ARRAY_SIZE(names); i++) {
		found = dlsym(RTLD_DEFAULT, names[i]);
		if (!found || is_in_our_object(found))
			return;
		if (!ibv_forward_is_real(found))
			continue;
		reachable = false;
		return;
	}
}

bool ibv_forward_is_reachable(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look_once);
	return reachable;
}

int iw_verbs_reachable(void)
{
	static bool said;

	if (ibv_forward_is_reachable())
		return 0;
	if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
		iw_error("the software device is not used: this program's ibv_* calls go to %s, "
			 "not to iwshim. Start it by \"iwshim run -- PROGRAM\"",
			 *real_path ? real_path : "another library");
	return -ENOTSUP;
}
