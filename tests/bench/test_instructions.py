#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The instructions that the tracker adds to an operation, against those of instructions.txt.

Counted by valgrind's callgrind, which unlike a clock gives the same answer on a busy
machine. By difference: the workload of N operations less that of none, less the same
natively, divided by N; so neither start and end nor libc's share count. A rise over
5 % fails. A fall over 5 %, or a compiler that the table does not know, is told as
skipped, with what to do.

usage: tests/bench/test_instructions.py --lib build/preload/libctxtrace.so [--bless]
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).resolve().parent / "instructions.txt"
ALLOWED = 0.05
SLACK = 2  # instructions: five in a hundred of next to nothing
BUILD_TYPE = "debugoptimized"
PARALLEL = 2
TIMEOUT_S = 300


@dataclass(frozen=True)
class Operation:
    key: str
    workload: str
    depth: int
    count: int
    options: str = ""


OPERATIONS = (
    Operation("malloc-4", "malloc", 4, 20_000),
    Operation("malloc-16", "malloc", 16, 20_000),
    Operation("malloc-64", "malloc", 64, 20_000),
    Operation("malloc-half", "malloc-half", 16, 20_000),
    Operation("malloc-off", "malloc", 16, 20_000, "off=1"),
    # Many, so that it is no matter how many of them chance records.
    Operation("malloc-sampled", "malloc", 16, 400_000, "sample=512k"),
    Operation("open", "open", 16, 5_000),
    Operation("socketpair", "socketpair", 16, 5_000),
)


# ---- counting ----


class Uncounted(Exception):
    """Callgrind gave no count, and why."""


def count_run(workload, operation, count, environment):
    """All instructions of one run of the workload."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind"
        # Few variables: their number moves the stack, and what lies on it.
        done = subprocess.run(
            ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}", workload,
             operation.workload, str(operation.depth), str(count)],
            env={"PATH": "/usr/bin:/bin", **environment}, check=False, capture_output=True,
            timeout=TIMEOUT_S)
        total = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE) \
            if out.exists() else None
        if done.returncode or not total:
            raise Uncounted(f"{operation.key}: status {done.returncode}: {done.stderr[-200:]}")
        return int(total[1])


def strip_copies(build, folder):
    """Valgrind 3.19 gives up on some of clang 14's debug information, and needs none."""
    for name in ("tests/bench/workload", "preload/libctxtrace.so"):
        path = build / name
        subprocess.run(["strip", "--strip-debug", path, "-o", folder / path.name], check=True)


def count_added(folder, operation):
    """What the tracker adds to one operation."""
    workload = folder / "workload"
    tracked = {"LD_PRELOAD": str(folder / "libctxtrace.so")}
    if operation.options:
        tracked["CTXTRACE_OPTIONS"] = operation.options
    totals = {name: count_run(workload, operation, operation.count, environment)
              - count_run(workload, operation, 0, environment)
              for name, environment in (("tracked", tracked), ("native", {}))}
    # The workload warms up by a tenth, and by one more also where none are asked for.
    return (totals["tracked"] - totals["native"]) / (operation.count + operation.count // 10)


def count_all(build):
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(PARALLEL) as pool:
        strip_copies(build, Path(folder))
        counts = pool.map(lambda operation: count_added(Path(folder), operation), OPERATIONS)
        return {operation.key: round(count) for operation, count in zip(OPERATIONS, counts)}


# ---- the table ----


def name_compiler(library):
    """The compiler of the build as the table calls it: gcc-12.2. The start files are
    always gcc's, so that clang is known by being there too."""
    comment = subprocess.run(["readelf", "-p", ".comment", library], check=True,
                             capture_output=True, text=True).stdout
    if match := re.search(r"clang version (\d+\.\d+)", comment):
        return f"clang-{match[1]}"
    if match := re.search(r"GCC: .*?(\d+\.\d+)\.\d+\s*$", comment, re.MULTILINE):
        return f"gcc-{match[1]}"
    return "unknown"


def read_table():
    rows = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else ():
        words = line.partition("#")[0].split()
        if words:
            rows[words[0], words[1]] = int(words[2])
    return rows


def write_table(rows):
    head = ["# Instructions that the tracker adds to one operation, by compiler. Written by",
            "# tests/bench/test_instructions.py --bless; a rise over 5 % fails that test."]
    order = [operation.key for operation in OPERATIONS]
    lines = [f"{compiler} {key} {count}" for (compiler, key), count in sorted(
        rows.items(), key=lambda row: (row[0][0], order.index(row[0][1])))
        if key in order]
    TABLE.write_text("\n".join(head + lines) + "\n", encoding="utf-8")


def judge(compiler, key, count, expected):
    """The line that the test prints."""
    if expected is None:
        return f"skipped {key}: no such row in {TABLE.name}; add: {compiler} {key} {count}"
    change = count - expected
    share = f"{count} instructions, {expected} expected: {change / max(expected, 1):+.1%}"
    if abs(change) <= max(expected * ALLOWED, SLACK):
        return f"ok {key}\n    {share}"
    if change > 0:
        return f"FAILED {key}: {share} ({compiler})"
    return f"skipped {key}: {share} ({compiler}); keep it by --bless"


def why_not(build):
    """Why nothing can be compared here; None when it can."""
    if not shutil.which("valgrind"):
        return "valgrind is not installed"
    told = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True,
                          capture_output=True, text=True).stdout
    values = {option["name"]: option["value"] for option in json.loads(told)}
    if values["buildtype"] != BUILD_TYPE or values.get("b_sanitize", "none") != "none":
        return f"counts are of {BUILD_TYPE} builds, this one is {values['buildtype']}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace")
    parser.add_argument("--lib", required=True, type=Path)
    parser.add_argument("--bless", action="store_true", help="write the counts into the table")
    options = parser.parse_args()
    build = options.lib.resolve().parents[1]
    if reason := why_not(build):
        print(f"skipped instructions: {reason}")
        return 0
    compiler, rows = name_compiler(options.lib), read_table()
    try:
        counts = count_all(build)
    except Uncounted as reason:
        print(f"FAILED instructions: {reason}")
        return 1
    if options.bless:
        rows |= {(compiler, key): count for key, count in counts.items()}
        write_table(rows)
    lines = [judge(compiler, key, count, rows.get((compiler, key)))
             for key, count in counts.items()]
    print("\n".join(lines))
    return 1 if any(line.startswith("FAILED") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
