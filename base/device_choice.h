/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * IWSHIM_DEVICE=auto|kernel|soft: which devices the program may see. Setuid
 * programs ignore it.
 */
#ifndef IW_DEVICE_CHOICE_H
#define IW_DEVICE_CHOICE_H

enum iw_device_choice {
	IW_DEVICE_AUTO, /* the kernel's; ours where the kernel has none */
	IW_DEVICE_KERNEL,
	IW_DEVICE_SOFT,
};

/* Reads the environment at each call. Another value is taken for auto. */
enum iw_device_choice iw_device_choice(void);
/* The value, if it is set to none of the three; else NULL. */
const char *iw_device_choice_wrong(void);

#endif
