// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* On the machine's libibverbs and its providers; the driver's number is the test's. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netlink/nl_link.h"
#include "shim/provider.h"

static int driver_error;
static uint32_t driver = RDMA_DRIVER_SIW;

int nl_link_rdma_driver(uint32_t dev_index, uint32_t *driver_id)
{
	*driver_id = driver;
	return driver_error;
}

/* Where Debian keeps siw's provider, NULL if it is not installed. */
static const char *siw_provider(void)
{
	static char path[512];
	glob_t found;

	if (access("/etc/libibverbs.d/siw.driver", R_OK) ||
	    glob("/usr/lib/*/libibverbs/libsiw-rdmav*.so", 0, NULL, &found))
		return NULL;
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);
	return path;
}

static bool is_loaded(const char *path)
{
	void *handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);

	if (handle)
		dlclose(handle);
	return handle;
}

static const char *need_provider(void)
{
	const char *path = siw_provider();

	if (!path) {
		fprintf(stderr, "skipped: no libsiw provider is installed\n");
		cr_skip_test("no libsiw provider is installed");
	}
	unsetenv("RDMAV_DRIVERS");
	unsetenv("IBV_DRIVERS");
	cr_assert(!is_loaded(path));
	return path;
}

Test(provider, load__the_one_of_the_device)
{
	const char *path = need_provider();

	shim_provider_load(0);
	cr_assert(is_loaded(path));
}

Test(provider, load__not_against_the_environment)
{
	const char *path = need_provider();

	setenv("RDMAV_DRIVERS", "rxe", 1);
	shim_provider_load(0);
	cr_assert(!is_loaded(path));
}

Test(provider, load__nothing_for_a_device_of_unknown_index)
{
	const char *path = need_provider();

	shim_provider_load(-1);
	cr_assert(!is_loaded(path));
}

Test(provider, load__nothing_if_the_kernel_does_not_tell)
{
	const char *path = need_provider();

	driver_error = -ENOENT;
	shim_provider_load(0);
	cr_assert(!is_loaded(path));
}

Test(provider, load__nothing_for_a_driver_that_nobody_knows)
{
	const char *path = need_provider();

	driver = 4000000000;
	shim_provider_load(0);
	driver = RDMA_DRIVER_NES;
	shim_provider_load(0);
	cr_assert(!is_loaded(path));
}
