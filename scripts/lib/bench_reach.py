# SPDX-License-Identifier: MIT
"""What it costs to look what reaches a large heap: from the end of main to that of the
process, with 1 GiB live."""

import time

from bench_dumps import with_options
from bench_micro import run_workload
from bench_model import NATIVE, TRACKER, Bench, Row, Target

BYTES = 1 << 30
QUICK_SHARE = 0.1
SIZES = (("small", 256, "256 B"), ("large", 4096, "4 KiB"))
SECONDS_TARGET = 2.0


WHO = (NATIVE, TRACKER, "LSan")


def list_benches(build, contestants, quick):
    share = QUICK_SHARE if quick else 1.0

    def end(contestant, name, count):
        began_ns, = run_workload(build, with_options(contestant, "max_memory=8G"), name, 4, count)
        return [time.monotonic() - began_ns / 1e9]

    for name, size, words in SIZES:
        row = Row(f"reach-{name}", f"end with 1 GiB live in blocks of {words}", "s",
                  (Target(TRACKER, SECONDS_TARGET, on="value"),), shows="value")
        yield Bench((row,), lambda contestant, name=name, size=size: end(
            contestant, name, int(BYTES * share / size)),
            tuple(one for one in contestants if one.name in WHO), rounds=3)
