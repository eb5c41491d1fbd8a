/* SPDX-License-Identifier: MIT */
/* The copy of the process: what it does, from its first instruction to its last. */
#ifndef OUTLETS_REACH_COPY_H
#define OUTLETS_REACH_COPY_H

#include "preload/outlets/reach_roots.h"
#include "preload/outlets/reach_verdict.h"

struct reach_copy {
    struct reach_roots roots;
    struct reach_verdict *verdict;
    uint64_t private_bytes; /* of the living process, right before */
    /* Of the attempt, in the living process: */
    bool is_last, is_slow, stayed;
};

/* The copy's own main function; `copy` is a struct reach_copy. */
void copy_main(void *copy);

#endif
