/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Local ports that nobody asked for by number. The kernel's own choice, bind(2)
 * to port 0, passes over every port that a connection of the last minute left in
 * TIME_WAIT: slower with each of them, and nothing is left after some 28,000. So
 * ports are drawn at random; what is done with them is in soft_bind.c.
 */
#ifndef IW_SOFT_PORT_H
#define IW_SOFT_PORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct soft_port_range {
	uint16_t low, high; /* both belong to it */
	char reserved[256]; /* as the kernel writes it: "8080,9148-9150" */
};

/*
 * What the files of ip_local_port_range and ip_local_reserved_ports say. False:
 * it cannot be understood, or there is more than fits.
 */
bool soft_port_parse(const char *range, const char *reserved, struct soft_port_range *out);
bool soft_port_is_reserved(const struct soft_port_range *range, uint16_t port);

/*
 * A port of the thread's network namespace, network order: one that bind(2) may
 * choose by itself, whoever holds it. @odd: of those that connect(2) takes last.
 * 0: the kernel has to choose.
 */
in_port_t soft_port_draw(bool odd);

#endif
