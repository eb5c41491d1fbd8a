/* SPDX-License-Identifier: MIT */
/*
 * What the files of the workload share: the stack below which an operation is
 * done, the clock, and the measurements that print figures of their own.
 */
#ifndef CTXTRACE_BENCH_WORKLOAD_H
#define CTXTRACE_BENCH_WORKLOAD_H

typedef void workload_function(long count);

/* Calls run(count) with `frames` frames of an ordinary size between. */
void descend(int frames, workload_function *run, long count);

double now_ns(void);

workload_function malloc_pair;

/* Each is called at the bottom of the stack of its DEPTH, and prints its line. */
workload_function measure_two_threads;
workload_function measure_cross_free;
workload_function measure_live;
workload_function measure_snapshot;
workload_function build_small;
workload_function build_large;

#endif
