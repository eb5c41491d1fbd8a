# SPDX-License-Identifier: MIT
"""Mappings by interval: what the dump lists is what the kernel has."""

import json
import subprocess
import tempfile
from pathlib import Path

from arrangements import TIMEOUT_S, run
from tracing import Mismatch

SEEDS = range(1, 13)
SEEDS_BY_NUMBER, STEPS_BY_NUMBER = range(21, 25), "20000"
PAGE = 4096


def listed_pages(tracker, folder, area, count):
    """Of this area, one digit a page; and what is listed as gone."""
    dump = next(Path(folder).glob("*.ctt"))
    report = json.loads(subprocess.run([tracker.tool, "report", "--all", "--format=json", dump],
                                       capture_output=True, text=True, timeout=TIMEOUT_S,
                                       check=True).stdout)
    pages, gone = ["0"] * count, 0
    for holding in report["holdings"]:
        if holding["kind"] != "mapping":
            continue
        first = (int(holding["handle"], 16) - area) // PAGE
        if not 0 <= first < count:
            continue
        gone += "gone" in holding["flags"]
        for page in range(first, first + holding["bytes"] // PAGE):
            if pages[page] == "1":
                raise Mismatch(f"page {page} is listed twice")
            pages[page] = "1"
    if report["health"]["status"] != "full":
        raise Mismatch(f"{report['health']}")
    return "".join(pages), gone


def compare_pages(tracker, seed, *more):
    program = tracker.build / "tests" / "hazards" / "hazards_mapping"
    with tempfile.TemporaryDirectory() as folder:
        done = run([program, str(seed), *more], env=tracker.environment(f"dir={folder}"))
        if done.returncode:
            raise Mismatch(f"seed {seed}: status {done.returncode}: {done.stderr[-300:]}")
        area, kernel = done.stdout.split()
        ours, gone = listed_pages(tracker, folder, int(area, 16), len(kernel))
    if ours != kernel or gone:
        differ = [i for i, pair in enumerate(zip(ours, kernel)) if pair[0] != pair[1]]
        raise Mismatch(f"seed {seed}: pages {differ[:20]} of {len(differ)} differ, "
                       f"{gone} listed as gone")


def test_mappings_as_the_kernel_has_them(tracker):
    """hazard: E7: 20,000 random calls for each seed, real ones."""
    for seed in SEEDS:
        compare_pages(tracker, seed)


def test_mappings_by_number(tracker):
    """hazard: E7: the same, every other call by syscall()."""
    for seed in SEEDS_BY_NUMBER:
        compare_pages(tracker, seed, STEPS_BY_NUMBER, "by-number")


TESTS = (test_mappings_as_the_kernel_has_them, test_mappings_by_number)
