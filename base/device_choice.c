// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "base/device_choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

static const char *const names[] = {
	[IW_DEVICE_AUTO] = "auto",
	[IW_DEVICE_KERNEL] = "kernel",
	[IW_DEVICE_SOFT] = "soft",
};

static int index_of(const char *value)
{
	for (size_t i = 0; i < IW_ARRAY_SIZE(names); i++)
		if (!strcmp(value, names[i]))
			return (int)i;
	return -1;
}

static const char *value_set(void)
{
	const char *value = secure_getenv("IWSHIM_DEVICE");

	return value && *value ? value : NULL;
}

enum iw_device_choice iw_device_choice(void)
{
	const char *value = value_set();
	int i = value ? index_of(value) : IW_DEVICE_AUTO;

	return i < 0 ? IW_DEVICE_AUTO : (enum iw_device_choice)i;
}

const char *iw_device_choice_wrong(void)
{
	const char *value = value_set();

	return value && index_of(value) < 0 ? value : NULL;
}
