// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Says what this process takes of our environment variables, one a line; started by
 * tests/check_setuid.sh with and without a set-user-ID bit. Linked statically with our
 * libraries, because the copy that is set-user-ID loads nothing from a build folder.
 */
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/device_choice.h"
#include "base/log.h"
#include "base/verbs_entry.h"
#include "driver/soft/soft_setup.h"

int main(void)
{
	const char *verbs = iw_verbs_real_path();
	struct rdma_event_channel *events = rdma_create_event_channel();
	struct ibv_device **devices = ibv_get_device_list(NULL);
	unsigned int level = 0;

	while (level < IW_LOG_TRACE && iw_log_enabled((enum iw_log_level)(level + 1)))
		level++;
	iw_error("said by secure_env");
	printf("secure %lu\n", getauxval(AT_SECURE));
	printf("device %d\n", (int)iw_device_choice());
	printf("crc %d\n", (int)soft_setup_crc_policy());
	printf("log %u\n", level);
	printf("verbs %s\n", verbs ? verbs : "none");
	if (devices)
		ibv_free_device_list(devices);
	if (events)
		rdma_destroy_event_channel(events);
	return 0;
}
