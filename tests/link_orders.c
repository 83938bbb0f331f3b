// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Lists verbs devices, by the ways in which programs come to libibverbs
 * (tests/check_link_orders.sh builds it with several orders of libraries):
 *
 *   link_orders                    by its own references
 *   link_orders PLUG-IN [deepbind] by those of a plug-in: this file again
 *   link_orders dlvsym             by a handle, as NCCL does
 *   link_orders resolve            not at all: resolves 127.0.0.1
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <string.h>

#ifndef WITHOUT_RDMACM
/* Without a channel of the program's, as far as a device. */
static int resolve(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct rdma_cm_id *id;

	if (rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP)) {
		puts("refused");
		return 1;
	}
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)&to, 2000))
		puts("refused");
	else
		puts(ibv_get_device_name(id->verbs->device));
	return rdma_destroy_id(id);
}
#endif

#ifndef WITHOUT_VERBS
int plugin_run(void);
int plugin_run(void)
{
	int n = 0;
	struct ibv_device **list = ibv_get_device_list(&n);

	for (int i = 0; list && i < n; i++)
		puts(ibv_get_device_name(list[i]));
	if (list)
		ibv_free_device_list(list);
	return 0;
}
#endif

static int by_handle(void)
{
	struct ibv_device **(*get_list)(int *) = NULL;
	void *library = dlopen("libibverbs.so.1", RTLD_NOW);
	int n = 0;

	if (library)
		*(void **)&get_list = dlvsym(library, "ibv_get_device_list", "IBVERBS_1.1");
	if (!get_list)
		return 2;
	get_list(&n);
	return 0;
}

static int by_plugin(const char *path, int flags)
{
	int (*run)(void) = NULL;
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);

	if (plugin)
		*(void **)&run = dlsym(plugin, "plugin_run");
	if (run)
		return run();
	fprintf(stderr, "%s\n", dlerror());
	return 2;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "dlvsym"))
		return by_handle();
#ifndef WITHOUT_RDMACM
	if (argc > 1 && !strcmp(argv[1], "resolve"))
		return resolve();
#endif
	if (argc > 1)
		return by_plugin(argv[1], argc > 2 ? RTLD_DEEPBIND : 0);
#ifndef WITHOUT_VERBS
	return plugin_run();
#else
	return 2;
#endif
}
