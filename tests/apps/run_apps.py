# SPDX-License-Identifier: MIT
"""Runs the leaky programs of this folder and their corrected twins under the tracker.

For each case: output and exit status are equal with and without the tracker, the dump
says what tests/golden/apps/NAME.txt says, and the twin has no finding and holds
nothing. Prints "ok NAME" or "FAILED NAME: why"; --bless rewrites the golden files.

hazard: 0.2, F5, C9
"""

import argparse
import fnmatch
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
TIMEOUT_S = 30
SYSTEM_FOLDERS = re.compile(r"^(/usr/(?!local/)|/lib|/bin|/sbin|\[|$)")


@dataclass(frozen=True)
class Case:
    """One program to run; `golden` names the expected findings, `trigger` the dump's."""

    name: str
    program: str
    arguments: tuple = ()
    golden: str = ""
    options: str = ""
    trigger: str = "exit"
    live_memory: bool = False
    live_kinds: tuple = ()
    # Snapshot by SIGUSR1 when it has printed a line; it ends when its stdin does.
    is_live: bool = False
    folder: str = "apps"  # of tests/ and of tests/golden/

    @property
    def golden_path(self):
        return GOLDEN / self.folder / f"{self.golden or self.name}.txt"


PROGRAMS = ("fd", "socket", "stream", "dir", "pipe", "event", "thread", "child",
            "double_close", "closed_behind", "limit_hit", "limit_memory", "limit_thread",
            "ended_thread", "pile_up", "order", "pile_timers",
            "raw_exit", "foreign_close", "request",
            "label", "kept")

# Ways out of ways_out.c and what the dump is called after them.
FATAL = ("abort", "segv", "overflow", "fpe", "ill", "bus", "term", "int", "hup", "quit",
         "pipe", "alrm", "xcpu", "sys")
WAYS = {
    **{way: "exit" for way in ("return", "exit", "_exit", "_Exit", "quick_exit", "last_thread",
                               "threads_running", "failed_exec",
                               "vfork_child_killed")},
    **{way: "fatal" for way in FATAL},
    "exec": "exec",
}

# What failed and was ignored; of a NULL the program dies, and its twin aborts.
IGNORED = {
    **dict.fromkeys(("descriptor", "other", "deep", "count", "thread"), "exit"),
    **dict.fromkeys(("memory", "stream", "directory", "nothing", "far", "off_stack",
                     "mapping", "probe"),
                    "fatal"),
}

CASES = (
    *(Case(name, name) for name in PROGRAMS),
    Case("memory", "memory", live_memory=True),
    Case("handles", "handles", live_kinds=("handle", "key", "ipc", "stream", "timer")),
    Case("double_free", "double_free", options="frees=1", trigger="fatal"),
    Case("pile_libraries", "pile_libraries", options="pile_up=4"),
    Case("outlives", "outlives", options="grace=0", trigger="api"),
    Case("raw", "raw", live_kinds=("fd", "socket", "pipe", "event")),
    Case("lock", "lock", options="locks=1", live_kinds=("lock", "handle")),
    *(Case(f"ignored-{way}", "ignored", (way,), trigger=trigger)
      for way, trigger in IGNORED.items()),
    Case("late", "late", options="grace=20ms"),
    Case("after_cancel", "after_cancel"),
    Case("pile_context", "pile_context"),
    *(Case(f"growth-{what}", "growth", (what,), options="growth=20ms", trigger="signal",
           is_live=True) for what in ("growth", "pile", "table")),
    Case("fd-exit-all", "fd", options="exit=all"),
    Case("fd-exit-declared", "fd", options="exit=declared"),
    # A process goes on after exec: its dump lists what was held, and blames nobody.
    *(Case(f"ways_out-{way}", "ways_out", (way,), "" if way == "exec" else "ways_out",
           trigger=trigger)
      for way, trigger in WAYS.items()),
)


class Mismatch(Exception):
    pass


def limit_core():
    """No core files: a fatal way out is meant."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_program(command, environment):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT_S, env=environment, preexec_fn=limit_core)
    return done.returncode, done.stdout, done.stderr


def run_live(command, environment, folder):
    """As run_program, with a snapshot when the program has printed its line."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=environment) as program:
        line = program.stdout.readline()
        program.send_signal(signal.SIGUSR1)
        deadline, pause = time.monotonic() + TIMEOUT_S, 0.001
        while not list(Path(folder).glob("*.ctt")) and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, 0.1)
        stdout, stderr = program.communicate(timeout=TIMEOUT_S)
        return program.returncode, line + stdout, stderr


class Runner:
    def __init__(self, options):
        self.tool = options.ctxtrace
        self.library = Path(options.lib)
        self.programs = self.library.parents[1] / "tests"
        self.bless = options.bless

    def environment(self, folder, case):
        words = [f"dir={folder}", "held=none"] + ([case.options] if case.options else [])
        return {**os.environ, "LD_PRELOAD": str(self.library),
                "CTXTRACE_TOOL": str(self.tool), "CTXTRACE_OPTIONS": ":".join(words)}

    def read_report(self, dump):
        done = subprocess.run([self.tool, "report", "--format=json", dump], check=False,
                              capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode:
            raise Mismatch(f"report of {dump.name} ended with {done.returncode}: "
                           f"{done.stderr.strip()}")
        return json.loads(done.stdout)

    def trace(self, case, program):
        """The report of one traced run, after comparing it with the untraced one."""
        command = [str(self.programs / case.folder / program), *case.arguments]
        if not Path(command[0]).exists():
            raise Mismatch(f"{command[0]} is not built")
        native = run_program(command, os.environ)
        with tempfile.TemporaryDirectory() as folder:
            environment = self.environment(folder, case)
            traced = run_live(command, environment, folder) if case.is_live \
                else run_program(command, environment)
            if traced[:2] != native[:2]:
                raise Mismatch(f"status and stdout {traced[:2]} instead of {native[:2]}; "
                               f"stderr {traced[2]!r}")
            dumps = sorted(path for path in Path(folder).glob("*.ctt")
                           if path.name.startswith(program + "."))
            reports = [self.read_report(path) for path in dumps]
        wanted = [report for report in reports
                  if report["process"]["trigger"] == case.trigger]
        if len(wanted) != 1:
            triggers = [report["process"]["trigger"] for report in reports]
            # Children of a program write reports of their own: they hold nothing.
            main = [report for report in wanted if report["findings"]]
            if len(main) != 1 and not (program.endswith("_fixed") and wanted):
                raise Mismatch(f"{len(wanted)} dumps with trigger {case.trigger}: {triggers}")
            wanted = main or wanted
        return wanted[0]

    def run(self, case):
        described = describe(self.trace(case, case.program), case)
        if self.bless:
            case.golden_path.write_text(described, encoding="utf-8")
        expected = case.golden_path.read_text(encoding="utf-8") \
            if case.golden_path.exists() else "(no golden file)\n"
        if described != expected:
            raise Mismatch("expected\n" + indent(expected) + "got\n" + indent(described))
        rest = describe(self.trace(case, case.program + "_fixed"), case)
        if rest:
            raise Mismatch("the corrected twin still has\n" + indent(rest))


def indent(text):
    return "".join(f"      {line}\n" for line in text.splitlines())


def in_project(frame):
    module = frame.get("module") or ""
    return not SYSTEM_FOLDERS.match(module) and "/libctx.so" not in module


def first_own_function(report, stack):
    for frame in report["stacks"].get(str(stack), []):
        if in_project(frame):
            return frame.get("function") or "?"
    return "-"


def called_directly(report, stack):
    """Whether the program itself, not a library for it, called the acquiring function."""
    frames = report["stacks"].get(str(stack), [])
    return len(frames) > 1 and in_project(frames[1])


def describe(report, case):
    """The report in a few stable words: no pids, times, numbers or addresses."""
    lines = Counter()
    for finding in report["findings"]:
        where = first_own_function(report, finding["stack"])
        lines[f"{finding['severity']} {finding['detector']} {finding['grade']} "
              f"{finding['kind']} x{finding['count']} at {where}"] += 1
    for mishap in report["mishaps"]:
        for holder in mishap["holders"]:
            if called_directly(report, holder["stack"]):
                where = first_own_function(report, holder["stack"])
                lines[f"  {mishap['error']} with {holder['kind']} x{holder['count']} "
                      f"by {where}"] += 1
    if case.live_memory:
        for row in report["live"]:
            if row["kind"] == "memory" and called_directly(report, row["stack"]):
                where = first_own_function(report, row["stack"])
                lines[f"live memory x{row['count']} {row['bytes']} bytes at {where}"] += 1
    for row in report["live"]:
        if row["kind"] in case.live_kinds and called_directly(report, row["stack"]):
            where = first_own_function(report, row["stack"])
            lines[f"live {row['kind']} x{row['count']} at {where}"] += 1
    return "".join(f"{line}{f' ({count} times)' if count > 1 else ''}\n"
                   for line, count in sorted(lines.items()))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, help="the command")
    parser.add_argument("--lib", required=True, help="libctxtrace.so in its build directory")
    parser.add_argument("--only", default="*", help="cases whose name matches")
    parser.add_argument("--bless", action="store_true", help="rewrite the golden files")
    return parser.parse_args()


# A machine may be too busy for a snapshot in time: what is alive is looked at again.
LIVE_TRIES = 3


def run_one(runner, case):
    for left in reversed(range(LIVE_TRIES if case.is_live else 1)):
        try:
            runner.run(case)
            return
        except Mismatch:
            if not left:
                raise


def run_all(cases, options):
    runner, failures = Runner(options), 0
    for case in cases:
        if not fnmatch.fnmatch(case.name, options.only):
            continue
        try:
            run_one(runner, case)
            print(f"ok {case.name}", flush=True)
        except (Mismatch, subprocess.TimeoutExpired, KeyError, OSError) as error:
            failures += 1
            first, _, rest = str(error).partition("\n")
            kind = "" if isinstance(error, Mismatch) else type(error).__name__ + " "
            print(f"FAILED {case.name}: {kind}{first}" + (f"\n{rest}" if rest else ""), flush=True)
    return 1 if failures else 0


def main():
    return run_all(CASES, parse_arguments())


if __name__ == "__main__":
    sys.exit(main())
