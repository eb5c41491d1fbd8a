/* SPDX-License-Identifier: MIT */
#include "preload/ground/health.h"

_Atomic uint64_t health_counts[HEALTH_COUNT];

const char *const health_names[HEALTH_COUNT] = {
#define X(name, help) #name,
    HEALTH_COUNTERS(X)
#undef X
};
