# SPDX-License-Identifier: MIT
"""The micro workloads: one table, one row of figures for each operation.

The operations are in tests/bench/workload*.c; here stand how often each is done,
and the targets."""

import statistics

from bench_model import NULL, OFF, SAMPLED, TRACKER, Bench, Row, Target, Unmeasured
from bench_process import describe_status, run

OPERATIONS_MIN = 200
QUICK_SHARE = 0.1
# A figure as good as another's, as far as this kind of machine can tell.
LIKE = 1.05

OFF_TARGET = Target(OFF, LIKE, like=NULL)
EXACT_16 = (Target(TRACKER, 4.0), Target(TRACKER, 100, on="value"), Target(SAMPLED, 1.3),
            OFF_TARGET)
DESCRIPTOR = (Target(TRACKER, 1.1),)

# (workload, depth, operations, row)
OPERATIONS = (
    ("malloc", 4, 2_000_000, Row("malloc-4", "malloc + free, 4 frames deep", "ns",
                                 (OFF_TARGET,))),
    ("malloc", 16, 2_000_000, Row("malloc-16", "malloc + free, 16 frames deep", "ns", EXACT_16)),
    ("malloc", 64, 1_000_000, Row("malloc-64", "malloc + free, 64 frames deep", "ns",
                                  (Target(TRACKER, 5.0),))),
    ("malloc-half", 16, 1_000_000, Row("malloc-half", "malloc + free, 16 frames, half of them new",
                                       "ns", (Target(TRACKER, 6.0),))),
    ("cross-free", 16, 1_000_000, Row("cross-free", "malloc, freed by another thread", "ns")),
    ("two-threads", 16, 8_000_000, Row("two-threads", "two threads, one stack: times one thread",
                                       "x", (Target(TRACKER, 1.8, on="value", at_least=True),),
                                       shows="value")),
    ("open", 16, 100_000, Row("open", "open + close, 16 frames deep", "ns", DESCRIPTOR,
                              kind="fd")),
    ("socketpair", 16, 30_000, Row("socketpair", "socketpair + 2 close, 16 frames deep", "ns",
                                   DESCRIPTOR, kind="fd")),
    ("thread", 8, 4_000, Row("thread", "pthread_create + join", "ns", (Target(TRACKER, 1.15),),
                             kind="thread")),
    ("mutex", 16, 4_000_000, Row("mutex", "lock + unlock of a free mutex, 16 frames deep", "ns",
                                 kind="lock")),
)
LIVE_BLOCKS = 1_000_000
LIVE_ROUNDS = 3  # memory varies little
LIVE = Row("live-block", "resident bytes of a live block of 48", "B",
           (Target(TRACKER, 40, on="added"),), shows="added")
STARTS = 9  # of which the median is one sample
STARTUP = Row("startup", "start and end of an empty program", "ms",
              (Target(TRACKER, 5, on="added"),), shows="added")


def read_figures(result):
    """The last line of nothing but numbers: a tool may write lines around the program's."""
    for line in reversed(result.output.decode(errors="replace").splitlines()):
        try:
            figures = [float(word) for word in line.split()]
        except ValueError:
            continue
        if figures:
            return figures
    raise Unmeasured(f"{describe_status(result)}, no figure", breaks=True)


def run_workload(build, contestant, name, depth, count, extra=()):
    program = contestant.workload or build / "tests" / "bench" / "workload"
    result = run(contestant, [program, name, depth, count], extra)
    if result.status != 0:
        raise Unmeasured(describe_status(result), breaks=True)
    return read_figures(result)


def list_benches(build, contestants, quick):
    share = QUICK_SHARE if quick else 1.0
    micro = tuple(contestant for contestant in contestants if contestant.micro)

    def time_operation(name, depth, count):
        return lambda contestant: run_workload(
            build, contestant, name, depth,
            max(OPERATIONS_MIN, int(count * share * contestant.scale)))

    def hold_live(contestant):
        return run_workload(build, contestant, "live", 16, int(LIVE_BLOCKS * share))

    def start_once(contestant):
        result = run(contestant, [contestant.workload or build / "tests" / "bench" / "workload"])
        if result.status != 0:
            raise Unmeasured(describe_status(result), breaks=True)
        return result.wall_s * 1e3

    def start(contestant):
        # What starts by a command of its own takes long enough to be timed once.
        times = 1 if contestant.prefix else STARTS
        return [statistics.median(start_once(contestant) for _ in range(times))]

    yield from (Bench((row,), time_operation(name, depth, count), micro)
                for name, depth, count, row in OPERATIONS)
    # Exact sampling keeps so much for each block that it takes minutes.
    fast = tuple(contestant for contestant in micro if contestant.scale > 0.01)
    yield Bench((LIVE,), hold_live, fast, rounds=LIVE_ROUNDS, heavy_once=True)
    yield Bench((STARTUP,), start, micro)
