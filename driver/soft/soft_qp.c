// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#include "driver/soft/soft_qp.h"
