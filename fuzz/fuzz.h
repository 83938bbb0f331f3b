/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the fuzz targets share: a claim that has to hold, and libFuzzer's entry. */
#ifndef IW_FUZZ_H
#define IW_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* libFuzzer keeps the input that made this abort. */
#define MUST(claim)                                                                         \
	do {                                                                                \
		if (!(claim)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim); \
			abort();                                                            \
		}                                                                           \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
