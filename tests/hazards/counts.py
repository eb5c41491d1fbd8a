# SPDX-License-Identifier: MIT
"""What more work costs in system calls, counted from outside: two amounts of the same
work, so that what start and end cost drops out."""

import os
import tempfile
from collections import Counter
from pathlib import Path

from arrangements import need, run
from tracing import Mismatch, Skip

FEW, PAIRS_MORE, DESCRIPTORS_MORE, THREADS_MORE = 10, 100_000, 1000, 200
# The arena grows once in a while, whatever the work.
SLACK = 16
# What a thread's first recorded calls and its end may cost us: its numbers and name, and
# the alternate stack for fatal signals. No change of signal masks, no mapping (D11).
# Whether a join has to wait is chance.
PER_THREAD = {"gettid": 6, "sigaltstack": 4, "prctl": 1, "futex": 1}


def count_calls(tracker, traced, *words):
    """{system call: how often} of one run."""
    program = tracker.build / "tests" / "hazards" / "hazards_cost"
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table"
        ours = ["-E", f"LD_PRELOAD={tracker.library}"] if traced else []
        done = run(["strace", "-f", "-c", "-U", "name,calls", "-o", table, *ours, program, *words],
                   env={**os.environ, "TMPDIR": folder})
        if done.returncode:
            raise Skip(f"strace does not work here: {done.stderr[-200:]}")
        rows = [line.split() for line in table.read_text(encoding="ascii").splitlines()]
    return Counter({row[0]: int(row[1]) for row in rows
                    if len(row) == 2 and row[1].isdigit() and row[0] != "total"})


def count_growth(tracker, traced, work, more):
    """What `more` of the work adds to each system call's count."""
    growth = count_calls(tracker, traced, work, str(FEW + more))
    growth.subtract(count_calls(tracker, traced, work, str(FEW)))
    return growth


def count_added(tracker, work, more):
    """The same beyond what it adds without us."""
    growth = count_growth(tracker, True, work, more)
    growth.subtract(count_growth(tracker, False, work, more))
    return {name: count for name, count in growth.items() if count > 0}


def test_calls_of_pairs(tracker):
    """hazard: E14: malloc and free make no system call, not for the time either; open and
    close make their own."""
    need("strace")
    for work, more in (("pairs", PAIRS_MORE), ("descriptors", DESCRIPTORS_MORE)):
        added = count_added(tracker, work, more)
        if sum(added.values()) > SLACK:
            raise Mismatch(f"{more} {work} more: {added}")


def test_calls_of_threads(tracker):
    """hazard: D11: what a thread's first calls cost is known, and not much."""
    need("strace")
    added = count_added(tracker, "threads", THREADS_MORE)
    beyond = {name: count for name, count in added.items()
              if count > PER_THREAD.get(name, 0) * THREADS_MORE + SLACK}
    if beyond:
        raise Mismatch(f"{THREADS_MORE} threads more: {beyond}")


TESTS = (test_calls_of_pairs, test_calls_of_threads)
