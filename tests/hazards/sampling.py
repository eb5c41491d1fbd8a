# SPDX-License-Identifier: MIT
"""Sampled memory against known leaks: right on average, with an error that is as large
as it says, and nothing that is not there.

The points fall by chance, other ones in every run, so the limits are wide enough that a
right tracker fails once in a hundred thousand runs of these tests."""

import json
import math
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

from arrangements import run
from tracing import Mismatch

MEAN = 32768
RUNS = 60
SIGMAS = 4.5
COVERED_LEAST, COVERED_MOST = 0.88, 0.99  # of what lies within two standard errors


def program(tracker):
    return tracker.build / "tests" / "hazards" / "hazards_sampling"


def read_truth(tracker):
    """{name: (blocks, bytes of each)}"""
    lines = run([program(tracker), "truth"]).stdout.split("\n")
    return {name: (int(count), int(size)) for name, count, size in map(str.split, lines[:-1])}


def read_reports(tracker, what, options):
    """The JSON of each process's dump."""
    with tempfile.TemporaryDirectory() as folder:
        done = run([program(tracker), what],
                   env=tracker.environment(f"dir={folder}:reach=0:{options}"))
        if done.returncode or done.stdout or done.stderr:
            raise Mismatch(f"{what}: status {done.returncode}, said {done.stderr[-300:]!r}")
        return [json.loads(subprocess.run([tracker.tool, "report", "--format=json", dump],
                                          capture_output=True, check=True).stdout)
                for dump in sorted(Path(folder).glob("*.ctt"))]


def name_leak(report, row):
    """The function of the program's that acquired, or None."""
    for frame in report["stacks"].get(str(row["stack"]), ()):
        function = frame["function"] or ""
        if function.startswith(("leak_", "churn_")):
            return function
    return None


def list_leaks(report):
    """{function: row} of what is held; two rows of one function are added up."""
    found = {}
    for row in report["live"]:
        name = name_leak(report, row) if row["kind"] == "memory" else None
        if not name:
            continue
        before = found.setdefault(name, dict.fromkeys(
            ("count", "bytes", "recorded", "sampled", "count_variance", "bytes_variance"), 0))
        before["count"] += row["estimate"]["count"]
        before["bytes"] += row["bytes"]
        before["recorded"] += row["estimate"]["recorded"]
        before["sampled"] += row["estimate"]["sampled"]
        before["count_variance"] += row["estimate"]["count_error"] ** 2
        before["bytes_variance"] += row["estimate"]["bytes_error"] ** 2
    return found


def list_places(report):
    """Every stack of live memory, by its functions."""
    return {tuple(frame["function"] for frame in report["stacks"].get(str(row["stack"]), ()))
            for row in report["live"] if row["kind"] == "memory"}


class Estimates:
    """What many runs estimated of one leak."""

    def __init__(self):
        self.blocks = self.variance = self.runs = self.covered = 0

    def add(self, row, count):
        self.runs += 1
        if row:
            self.blocks += row["count"]
            self.variance += row["count_variance"]
            self.covered += abs(row["count"] - count) <= 2 * math.sqrt(row["count_variance"])

    def check(self, name, count):
        off = self.blocks - count * self.runs
        if abs(off) > SIGMAS * math.sqrt(self.variance):
            raise Mismatch(f"{name}: {self.blocks / self.runs:.1f} blocks on average instead of "
                           f"{count}, {off / math.sqrt(self.variance or 1):+.1f} standard errors")


def check_certain(found, truth):
    """Blocks of the mean or more are all there, and stand for themselves."""
    for name, (count, size) in truth.items():
        row = found.get(f"leak_{name}")
        if size >= MEAN and (not row or (row["count"], row["bytes"], row["sampled"]) !=
                             (count, count * size, 0)):
            raise Mismatch(f"{name}: {row} instead of {count} blocks of {size}")
        if row and row["recorded"] > count:
            raise Mismatch(f"{name}: {row['recorded']} recorded of {count}")


def test_sampled_leaks(tracker):
    """hazard: E15: totals are unbiased, errors are as stated, what is large is never
    missed, what is given back or was never there is not told."""
    truth = {name: row for name, row in read_truth(tracker).items() if name[:3] != "in_"}
    exact = list_places(read_reports(tracker, "leak", "")[0])
    estimates = defaultdict(Estimates)
    for _ in range(RUNS):
        report, = read_reports(tracker, "leak", f"sample={MEAN}")
        found = list_leaks(report)
        check_certain(found, truth)
        if strange := list_places(report) - exact:
            raise Mismatch(f"stacks that an exact run does not have: {strange}")
        if strange := [name for name in found if not name.startswith("leak_")]:
            raise Mismatch(f"given back, and told as held: {strange}")
        if report["findings"] or report["health"]["status"] != "full" or \
                "frees_unknown" in report["health"]["counters"]:
            raise Mismatch(f"{report['findings']}, {report['health']}")
        for name, (count, _) in truth.items():
            estimates[name].add(found.get(f"leak_{name}"), count)
    for name, (count, size) in truth.items():
        estimates[name].check(name, count)
    drawn = [estimates[name] for name, (_, size) in truth.items() if size < MEAN]
    covered = sum(one.covered for one in drawn) / sum(one.runs for one in drawn)
    if not COVERED_LEAST <= covered <= COVERED_MOST:
        raise Mismatch(f"{covered:.1%} of the estimates are within two standard errors")


def test_sampled_first_blocks(tracker):
    """hazard: E15: the first block of a thread is drawn like any other."""
    count, _ = read_truth(tracker)["in_threads"]
    estimates = Estimates()
    for _ in range(RUNS // 3):
        report, = read_reports(tracker, "threads", f"sample={MEAN}")
        estimates.add(list_leaks(report).get("leak_in_threads"), count)
    estimates.check("in_threads", count)


def test_sampled_fork(tracker):
    """hazard: E15: the parent draws on, and so does each child, from its first block on."""
    count, _ = read_truth(tracker)["in_parent"]
    children, _ = read_truth(tracker)["in_child"]
    of_parent, of_child = Estimates(), Estimates()
    for _ in range(RUNS // 3):
        reports = read_reports(tracker, "fork", f"sample={MEAN}")
        # Not by their numbers, which begin again from 1.
        pids = {report["process"]["pid"] for report in reports}
        parent, *others = ((report["process"]["pid"], list_leaks(report))
                           for report in sorted(reports,
                                                key=lambda one: one["process"]["ppid"] in pids))
        rows = [leaks.get("leak_in_child") for _, leaks in others]
        if len(rows) != children:
            raise Mismatch(f"{len(rows)} children told of what they hold")
        of_parent.add(parent[1].get("leak_in_parent"), count)
        for row in rows:
            of_child.add(row, 1)
    of_parent.check("in_parent", count)
    of_child.check("in_child", 1)


TESTS = (test_sampled_leaks, test_sampled_first_blocks, test_sampled_fork)
