#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs every leaky program of this folder, and its corrected twin, under the tracker.

For each: output and exit status are the same with and without the tracker; the program is
told of exactly what its source says (scripts/lib/leak_programs.py has the words), with the
right count and stack, and of nothing else; its twin is told of nothing. Notes do not count.
Two at a time. Prints "ok NAME" or "FAILED NAME: why".

hazard: 0.2
"""

import argparse
import fnmatch
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))

import leak_programs
from leak_tracker import TOLD, Mismatch, Tracker, list_functions

AT_A_TIME = 2
ATTEMPTS = 5


def count_parts(finding, key):
    """What is reached only through the blocks of the finding."""
    return (finding.get("lost") or {}).get(key, 0)


def tells(report, finding, expectation):
    return (finding["detector"] == expectation.detector and finding["kind"] == expectation.kind
            and leak_programs.is_on_stack(expectation.functions, list_functions(report, finding)))


def describe(report, finding):
    stack = " < ".join(leak_programs.bare_name(name) for name in list_functions(report, finding))
    return (f"{finding['severity']} {finding['detector']} {finding['kind']} x{finding['count']} "
            f"{finding['bytes']} bytes at {stack}")


def check_expectation(report, found, expectation):
    """Sentences about how these findings, all of its place, differ from what is expected."""
    if not found:
        yield f"not told of {expectation}"
        return
    parts = sum(count_parts(finding, "parts") for finding in found)
    count = sum(finding["count"] for finding in found)
    size = sum(finding["bytes"] for finding in found)
    if expectation.whole:
        count += parts
        size += sum(count_parts(finding, "parts_bytes") for finding in found)
    elif expectation.parts is not None and parts != expectation.parts:
        yield f"{parts} parts with {expectation}, not {expectation.parts}"
    if expectation.count is not None and count != expectation.count:
        yield f"count {count} of {expectation}"
    if expectation.size is not None and size != expectation.size:
        yield f"{size} bytes of {expectation}, not {expectation.size}"
    wrong = {finding["severity"] for finding in found} - {expectation.severity}
    if expectation.severity and wrong:
        yield f"{wrong} of {expectation}"


def judge(report, expectations, left_out):
    """Sentences about what the report says too much, too little or otherwise."""
    told = [finding for finding in report["findings"]
            if finding["severity"] in TOLD and not finding.get("suppressed")
            and finding["detector"] not in left_out]
    expected = set()
    for expectation in expectations:
        found = [finding for finding in told if tells(report, finding, expectation)]
        expected.update(id(finding) for finding in found)
        if not expectation.rests_on(left_out):
            yield from check_expectation(report, found, expectation)
    for finding in told:
        if id(finding) not in expected:
            yield f"told of {describe(report, finding)}"


def judge_run(tracker, name, run, expectations, left_out):
    """What is wrong. On a busy machine a thread may not come to a stop in time: what is lost is
    but a note then, and the program is run again."""
    for _ in range(ATTEMPTS):
        report = tracker.trace_and_compare(name, run)
        wrong = list(judge(report, expectations, left_out))
        if not wrong or (report.get("reach") or {}).get("state") != "doubtful":
            break
    return wrong


def run_case(tracker, program, run, left_out):
    """The same, a line each, of the leaky program and of its twin."""
    wrong = judge_run(tracker, program.name, run, program.expectations, left_out)
    twin = judge_run(tracker, program.name + "_fixed", run, (), left_out)
    return wrong + [f"the corrected twin: {line}" for line in twin]


def list_cases(only):
    """[(name, program, run)]"""
    cases = []
    for program in leak_programs.list_programs():
        for run in program.runs:
            words = "-".join([program.name, *run.arguments])
            if fnmatch.fnmatch(words, only):
                cases.append((words, program, run))
    return cases


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, help="the command")
    parser.add_argument("--lib", required=True, help="libctxtrace.so in its build directory")
    parser.add_argument("--only", default="*", help="cases whose name matches")
    parser.add_argument("--without", action="append", default=[], metavar="DETECTOR",
                        help="leave out what rests on this detector")
    return parser.parse_args()


def main():
    options = parse_arguments()
    tracker = Tracker(options.ctxtrace, options.lib)

    def attempt(case):
        try:
            return run_case(tracker, *case[1:], options.without)
        except (Mismatch, subprocess.TimeoutExpired, KeyError, OSError) as error:
            return [f"{type(error).__name__}: {error}"]

    cases, failures = list_cases(options.only), 0
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for case, wrong in zip(cases, pool.map(attempt, cases)):
            failures += bool(wrong)
            print(f"FAILED {case[0]}: {wrong[0]}" if wrong else f"ok {case[0]}", flush=True)
            for line in wrong[1:]:
                print(f"    {line}", flush=True)
    return 1 if failures or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
