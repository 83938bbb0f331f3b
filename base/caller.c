// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/caller.h"

#include <stdio.h>

__thread struct iw_caller iw_caller_now __attribute__((tls_model("initial-exec")));

const char *iw_caller_text(const struct iw_caller *caller, char *text)
{
	size_t used;

	if (!caller->call) {
		snprintf(text, IW_CALLER_TEXT, "a thread of the library");
		return text;
	}
	used = (size_t)snprintf(text, IW_CALLER_TEXT, "%s", caller->call);
	if (!caller->object || !caller->describe || used + sizeof(" of ") > IW_CALLER_TEXT)
		return text;
	used += (size_t)snprintf(text + used, IW_CALLER_TEXT - used, " of ");
	caller->describe(caller->object, text + used, IW_CALLER_TEXT - used);
	return text;
}
