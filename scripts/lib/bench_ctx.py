# SPDX-License-Identifier: MIT
"""The operations of libctx (tests/bench/workload_ctx.c), alone and with the tracker; and beside
them what GLib has of the kind (workload_glib.c), where its headers are installed."""

from bench_micro import OPERATIONS_MIN, QUICK_SHARE, read_figures
from bench_model import CONTROL, NATIVE, TRACKER, Bench, Contestant, Row, Target, Unmeasured
from bench_process import describe_status, run


def alone(limit):
    return Target(NATIVE, limit, on="value")


# (workload, operations, row)
OPERATIONS = (
    ("push", 10_000_000, Row("ctx-push", "push + pop of a context", "ns",
                             (alone(25), Target(TRACKER, 60, on="value")), shows="value")),
    ("make", 3_000_000, Row("ctx-make", "with_cancel + release", "ns", (alone(150),),
                            shows="value")),
    ("request", 2_000_000, Row("ctx-request", "with_timeout + cancel + release", "ns",
                               shows="value")),
    ("defer", 10_000_000, Row("ctx-defer", "defer register + run", "ns", (alone(15),),
                              shows="value")),
    ("err", 30_000_000, Row("ctx-err", "err without a deadline", "ns", (alone(5),),
                            shows="value")),
    ("err-deadline", 10_000_000, Row("ctx-err-deadline", "err with a deadline", "ns",
                                     shows="value")),
    ("cancel", 1_000_000, Row("ctx-cancel", "cancel, for each of 1,000 children", "ns",
                              shows="value")),
    ("wg", 20_000_000, Row("ctx-wg", "add + done of a WaitGroup", "ns", shows="value")),
    ("wg-wait", 30_000_000, Row("ctx-wg-wait", "wait for a WaitGroup that is done", "ns",
                                shows="value")),
    ("task", 5_000_000, Row("ctx-task", "begin + end of a task", "ns", shows="value")),
    ("task-enter", 5_000_000, Row("ctx-task-enter", "enter + leave of a task", "ns",
                                  shows="value")),
    ("go", 50_000, Row("ctx-go", "go + wait: a thread in a WaitGroup", "ns", shows="value")),
)
# What GLib has, too: ratios.
SHARED_OPERATIONS = (
    ("cancelled", 2_000_000, Row("ctx-cancelled", "with_cancel + cancel + release", "ns")),
    ("connect", 1_000_000, Row("ctx-connect", "the same, and after_func + stop", "ns")),
)
GLIB = "GLib's GCancellable"


def glib_workload(build):
    return build / "tests" / "bench" / "workload_glib"


def list_missing(build):
    return [] if glib_workload(build).exists() else [f"{GLIB}: libglib2.0-dev is not installed"]


def list_benches(build, contestants, quick):
    share = QUICK_SHARE if quick else 1.0
    # Another tool says nothing of contexts.
    ours = tuple(contestant for contestant in contestants
                 if contestant.is_tracker or contestant.name in (NATIVE, CONTROL))

    def time_operation(name, count):
        def sample(contestant):
            count_now = max(OPERATIONS_MIN, int(count * share * contestant.scale))
            program = contestant.workload or build / "tests" / "bench" / "workload_ctx"
            result = run(contestant, [program, name, count_now])
            if result.status != 0:
                raise Unmeasured(describe_status(result), breaks=True)
            return read_figures(result)
        return sample

    yield from (Bench((row,), time_operation(name, count), ours)
                for name, count, row in OPERATIONS)
    if glib_workload(build).exists():
        ours += (Contestant(GLIB, workload=str(glib_workload(build))),)
    yield from (Bench((row,), time_operation(name, count), ours)
                for name, count, row in SHARED_OPERATIONS)
