/* SPDX-License-Identifier: MIT */
#include "preload/ground/health.h"

#include <stddef.h>

_Atomic uint64_t health_counts[HEALTH_COUNT];

const char *const health_names[HEALTH_COUNT] = {
#define X(name, weight, help) #name,
    HEALTH_COUNTERS(X)
#undef X
};

#define LOSS(help) help
#define FACT(help) NULL
const char *const health_losses[HEALTH_COUNT] = {
#define X(name, weight, help) weight(help),
    HEALTH_COUNTERS(X)
#undef X
};
