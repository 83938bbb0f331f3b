// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A kernel that does not return from a command: what the log says of it, and
 * that neither result nor errno changes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/caller.h"
#include "base/stall.h"
#include "driver/kernel/kqp.h"
#include "driver/kernel/ucma.h"
#include "tests/log_capture.h"

#define STALL_MS 50
#define FAKE_FD 4711

static const struct rdma_ucm_conn_param param;
static const struct rdma_ucm_ece ece;
static const char *until; /* a command that is slow stays in the kernel until this is said */
static int answer;	  /* errno; 0: it succeeds */

ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask);
int __wrap_ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr);

static void stay(void)
{
	cr_assert(!until || captured_wait(until, 2), "not said twice: %s\n%s", until, captured());
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	if (fd != FAKE_FD)
		return __real_write(fd, buf, len);
	stay();
	errno = answer;
	return answer ? -1 : (ssize_t)len;
}

int __wrap_close(int fd)
{
	if (fd != FAKE_FD)
		return __real_close(fd);
	stay();
	return 0;
}

int __wrap_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	stay();
	errno = answer;
	return answer ? -1 : 0;
}

int __wrap_ibv_query_device(struct ibv_context *context, struct ibv_device_attr *attr)
{
	return EIO;
}

static void describe(const void *object, char *text, size_t room)
{
	snprintf(text, room, "id <%s>", (const char *)object);
}

/* The calls, one for each thing that can be slow. */

static struct ibv_device device = { .transport_type = IBV_TRANSPORT_IWARP };
static struct ibv_context context = { .device = &device };
static struct ibv_qp qp = { .context = &context };

static int do_connect(void)
{
	return ucma_connect(FAKE_FD, 1, &param, &ece);
}

static int do_accept(void)
{
	return ucma_accept(FAKE_FD, 1, 1, &param, &ece);
}

static int do_reject(void)
{
	return ucma_reject(FAKE_FD, 1, NULL, 0, 0);
}

static int do_disconnect(void)
{
	return ucma_disconnect(FAKE_FD, 1);
}

static int do_destroy(void)
{
	uint32_t reported;

	return ucma_destroy_id(FAKE_FD, 1, &reported);
}

static int do_migrate(void)
{
	uint32_t reported;

	return ucma_migrate_id(FAKE_FD, 1, FAKE_FD, &reported);
}

static int do_leave(void)
{
	uint32_t reported;

	return ucma_leave(FAKE_FD, 1, &reported);
}

static int do_modify(void)
{
	struct kid kid = { .depths = KID_DEPTHS_STRAIGHT };

	return kqp_modify(&kid, &qp, IW_QP_ERR, NULL);
}

static const struct {
	const char *level, *what;
	int (*call)(void);
} slow[] = {
	{ "warn", "the kernel's CONNECT", do_connect },
	{ "error", "the kernel's ACCEPT", do_accept },
	{ "error", "the kernel's REJECT", do_reject },
	{ "error", "the kernel's DISCONNECT", do_disconnect },
	{ "error", "the kernel's DESTROY_ID", do_destroy },
	{ "error", "the kernel's MIGRATE_ID", do_migrate },
	{ "error", "the kernel's LEAVE_MCAST", do_leave },
	{ "error", "ibv_modify_qp", do_modify },
};

Test(kstall, commands__that_do_not_return_are_named)
{
	char line[128];

	iw_caller_is("rdma_disconnect", "me", describe);
	for (size_t i = 0; i < IW_ARRAY_SIZE(slow); i++) {
		capture_begin(IW_LOG_INFO, STALL_MS);
		snprintf(
			line, sizeof(line),
			"%s: rdma_disconnect of id <me> has waited 0 s for %s to return (thread 0x",
			slow[i].level, slow[i].what);
		until = line;
		answer = i % 2 ? EACCES : 0;
		cr_assert_eq(slow[i].call(), -answer, "%s", slow[i].what);
		cr_assert_eq(captured_count("to return"), captured_count(line), "%s", captured());
		cr_assert_leq(captured_count(line), 10, "%s", captured());
		cr_assert_eq(captured_count("which has returned"), 1, "%s", captured());
		capture_end();
	}
}

Test(kstall, commands__in_time_say_nothing)
{
	until = NULL;
	for (size_t i = 0; i < IW_ARRAY_SIZE(slow); i++) {
		capture_begin(IW_LOG_INFO, IW_STALL_MS);
		answer = i % 2 ? EACCES : 0;
		cr_assert_eq(slow[i].call(), -answer, "%s", slow[i].what);
		cr_assert_str_eq(captured(), "");
		capture_end();
	}
}

Test(kstall, close__that_does_not_return)
{
	iw_caller_is("rdma_destroy_event_channel", NULL, NULL);
	capture_begin(IW_LOG_INFO, STALL_MS);
	until = "error: rdma_destroy_event_channel has waited 0 s for close of "
		"/dev/infiniband/rdma_cm to return";
	ucma_close(FAKE_FD);
	capture_end();
}

/* What only reads is not worth a clock; it would be listed if it were watched. */
Test(kstall, commands__that_only_read_are_not_watched)
{
	struct rdma_ucm_event_resp resp;

	capture_begin(IW_LOG_INFO, 0);
	answer = EAGAIN;
	cr_assert_eq(ucma_get_event(FAKE_FD, &resp), -EAGAIN);
	cr_assert_str_eq(captured(), "");
	capture_end();
}
