// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* The subnet administrator of the driver in memory. */
#include <endian.h>
#include <string.h>

#include "tests/shim_fake_net.h"

/* Under the lock. */
static unsigned int nservices;
static struct iw_cm_service last_service;

void fake_services(unsigned int n)
{
	pthread_mutex_lock(&fake_lock);
	nservices = n;
	pthread_mutex_unlock(&fake_lock);
}

struct iw_cm_service fake_last_service(void)
{
	return last_service;
}

int fake_resolve_service(struct iw_cm_id *cm, void *drv, const struct iw_cm_service *service)
{
	int rc = fake_called(FAKE_RESOLVE_SERVICE), status = fake_called(FAKE_SERVICE_EVENT);

	if (rc)
		return rc;
	pthread_mutex_lock(&fake_lock);
	last_service = *service;
	if (!fake_holding)
		fake_put_plain(drv, IW_CM_EVENT_ADDRINFO, status);
	pthread_mutex_unlock(&fake_lock);
	return 0;
}

static struct iw_cm_service_record record(unsigned int i)
{
	struct iw_cm_service_record record = { .id = htobe64(FAKE_SERVICE + i),
					       .pkey = htobe16(0xffff) };
	struct in6_addr gid = fake_addr6((int)i, 0).sin6_addr;

	memcpy(record.gid.raw, &gid, sizeof(gid));
	if (i % 2 == 0)
		memcpy(record.name, "fake", 5);
	return record;
}

int fake_query_service(struct iw_cm_id *cm, void *drv, struct iw_cm_service_info *info)
{
	int rc = fake_called(FAKE_QUERY_SERVICE);

	if (rc)
		return rc;
	memset(info, 0, sizeof(*info));
	pthread_mutex_lock(&fake_lock);
	info->num_records = nservices;
	pthread_mutex_unlock(&fake_lock);
	for (unsigned int i = 0; i < info->num_records; i++)
		info->records[i] = record(i);
	return 0;
}
