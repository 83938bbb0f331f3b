/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The queue of asynchronous events of a context; its users are served by soft_dev.h. */
#ifndef IW_SOFT_ASYNC_H
#define IW_SOFT_ASYNC_H

#include "driver/soft/soft_dev.h"

/* Opens the pipe of a new context. -EMFILE and what else pipe2(2) says. */
int soft_async_init(struct soft_context *ctx);
/* ctx->lock is held: drops what is unread; nothing is queued any more. */
void soft_async_fini(struct soft_context *ctx);

#endif
