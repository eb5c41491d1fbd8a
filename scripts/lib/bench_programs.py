# SPDX-License-Identifier: MIT
"""Real programs: the CPU time (user and system, of the whole tree of processes) of one
piece of work each, so that what a tool does in a process of its own (heaptrack's writer,
the tracker's renderer) counts too. What a program prints must be the same under all."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

import bench_inputs
from bench_model import NATIVE, TRACKER, Bench, Contestant, Row, Target, Unmeasured
from bench_process import describe_status, run

QUICK_SIZE = 0.2
EACH = (Target(TRACKER, 1.25),)
JQ_FILTER = ("[.[] | select(.amount > 100) | . + {far: (.place.x + .place.y), label: "
             "(.name | ascii_upcase)}] | group_by(.group) | map({group: .[0].group, n: length, "
             "total: (map(.amount) | add | floor), tags: (map(.tags[]) | unique), "
             "labels: map(.label | split(\"-\") | .[1])})")
# No configuration of the machine or of the user.
GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_PAGER": "cat"}


@dataclass(frozen=True)
class Program:
    key: str
    label: str
    needs: str
    prepare: Callable  # path, size -> None
    command: Callable  # path -> argv
    variables: tuple = ()


def name_cc1():
    return subprocess.run(["gcc", "-print-prog-name=cc1"], check=True, capture_output=True,
                          text=True).stdout.strip()


PROGRAMS = (
    Program("sqlite3", "sqlite3 in memory", "sqlite3", bench_inputs.write_sql,
            lambda path: ["sqlite3", "-batch", ":memory:", f".read {path}"]),
    Program("python3", "python3, PYTHONMALLOC=malloc", "/usr/bin/python3",
            bench_inputs.write_python, lambda path: ["/usr/bin/python3", "-S", path],
            (("PYTHONMALLOC", "malloc"), ("PYTHONHASHSEED", "0"))),
    # What gcc runs to compile: the rest of the driver's work is not ours to measure.
    Program("cc1", "cc1 -O2", "gcc", bench_inputs.write_c,
            lambda path: [name_cc1(), "-O2", "-quiet", "-fpreprocessed", path, "-o", "-"]),
    Program("git", "git log -p", "git", bench_inputs.write_history,
            lambda path: ["git", "-C", path, "log", "-p"], tuple(GIT.items())),
    Program("jq", "jq", "jq", bench_inputs.write_json,
            lambda path: ["jq", "-c", JQ_FILTER, path]),
)


class Work:
    """One program's piece of work; the input and the right output are made once."""

    def __init__(self, program, scratch, size):
        self.program, self.size = program, size
        self.input = scratch / f"input_{program.key}"
        if program.key == "cc1":
            self.input = self.input.with_suffix(".i")
        self.expected = None

    def execute(self, contestant):
        return run(contestant, self.program.command(self.input), self.program.variables)

    def prepare(self):
        """Also reads what the first of the contestants would have to read from disk."""
        if self.expected is not None:
            return
        self.program.prepare(self.input, self.size)
        result = self.execute(Contestant(NATIVE))
        if result.status != 0 or not result.output:
            raise Unmeasured(f"natively: {describe_status(result)}", breaks=True)
        self.expected = digest(result)

    def sample(self, contestant):
        self.prepare()
        result = self.execute(contestant)
        if result.status != 0:
            raise Unmeasured(describe_status(result), breaks=True)
        if not contestant.talks and digest(result) != self.expected:
            raise Unmeasured("the program's output is another", breaks=True)
        return [result.cpu_s]


def digest(result):
    return hashlib.sha256(result.output).hexdigest()


def list_benches(contestants, scratch, quick):
    """(benches, what is missing)"""
    who = tuple(contestant for contestant in contestants
                if contestant.programs and not (quick and contestant.heavy))
    benches, missing = [], []
    for program in PROGRAMS:
        if not shutil.which(program.needs):
            missing.append(f"{program.label}: {program.needs} is not installed")
            continue
        work = Work(program, scratch, QUICK_SIZE if quick else 1.0)
        row = Row(f"program-{program.key}", program.label, "s CPU", EACH)
        benches.append(Bench((row,), work.sample, who, heavy_once=True))
    return benches, missing
