// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/kernel/kservice.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "driver/kernel/ucma.h"

/* No kernel has handed out that many. */
#define IMPOSSIBLE_ID UINT32_MAX

/*
 * -EINVAL is the answer to an unknown command, and to a known one for an id in the
 * wrong state: so this asks with an id that no kernel has, which makes the one that
 * knows the command say -ENOENT. One question for each file.
 */
static int ask_whether_known(struct iw_source *source)
{
	const struct ucma_service any = { .service_id = 1, .flags = UCMA_SERVICE_BY_ID };
	enum kid_services services;
	int ret = ucma_resolve_service(source->fd, IMPOSSIBLE_ID, &any);

	switch (ret) {
	case -ENOENT:
		services = KID_SERVICES_KNOWN;
		break;
	case -EINVAL:
		iw_info("this kernel cannot look up InfiniBand services: Linux 6.18 can");
		services = KID_SERVICES_UNKNOWN;
		break;
	default: /* says nothing about the kernel */
		return ret < 0 ? ret : -EPROTO;
	}
	__atomic_store_n(&source->services, services, __ATOMIC_RELAXED);
	return 0;
}

static int check_known(struct iw_source *source)
{
	int ret = 0;

	if (__atomic_load_n(&source->services, __ATOMIC_RELAXED) == KID_SERVICES_NOT_ASKED)
		ret = ask_whether_known(source);
	if (ret)
		return ret;
	return __atomic_load_n(&source->services, __ATOMIC_RELAXED) == KID_SERVICES_KNOWN
		       ? 0
		       : -EOPNOTSUPP;
}

int kservice_resolve(struct kid *kid, const struct iw_cm_service *service)
{
	struct ucma_service wanted = { .flags = UCMA_SERVICE_BY_NAME };
	int ret = check_known(kid->source);

	if (ret)
		return ret;
	iw_copy(wanted.name, sizeof(wanted.name), service->name,
		strnlen(service->name, sizeof(service->name)));
	if (!wanted.name[0]) {
		wanted.flags = UCMA_SERVICE_BY_ID;
		wanted.service_id = service->id;
	}
	return ucma_resolve_service(kid->source->fd, kid->kernel_id, &wanted);
}

static void translate(const struct ucma_service_record *from, struct iw_cm_service_record *to)
{
	memcpy(to->gid.raw, from->gid, sizeof(to->gid.raw));
	to->id = from->id;
	to->pkey = from->pkey;
	iw_copy(to->name, sizeof(to->name) - 1, from->name, sizeof(from->name));
}

int kservice_query(struct kid *kid, struct iw_cm_service_info *info)
{
	struct ucma_query_service_resp resp;
	int ret = ucma_query_service(kid->source->fd, kid->kernel_id, &resp);

	if (ret)
		return ret;
	memset(info, 0, sizeof(*info));
	info->num_records = iw_min_u32(resp.num_records, UCMA_SERVICES_MAX);
	if (resp.num_records > info->num_records)
		iw_warn("kernel id %u: %u records of a service, %u of them are used",
			kid->kernel_id, resp.num_records, info->num_records);
	for (unsigned int i = 0; i < info->num_records; i++)
		translate(&resp.records[i], &info->records[i]);
	return 0;
}

static_assert(IW_CM_SERVICE_RECORDS_MAX == UCMA_SERVICES_MAX, "room for what the kernel tells");
static_assert(IW_CM_SERVICE_NAME_SIZE == UCMA_SERVICE_NAME_SIZE, "a name as the kernel takes it");
