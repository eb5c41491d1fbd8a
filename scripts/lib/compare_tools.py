# SPDX-License-Identifier: MIT
"""The leak tools that scripts/compare runs, each as a class: what it needs, how a program is
run under it, and the records that it prints, as a person who reads its report has them.

A record is a kind ("memory", "fd", or ctxtrace's own word) and a stack, innermost first. What a
tool marks as no leak, or does not show unless asked, is no record: valgrind's reachable blocks
and inherited descriptors, ctxtrace's notes. LeakSanitizer's indirect leaks are records, since
of a ring it tells nothing else.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass

import leak_programs
from leak_tracker import TOLD, Mismatch, Tracker, limit_core, list_functions

TIMEOUT_S = 60


@dataclass(frozen=True)
class Record:
    kind: str
    count: int
    stack: tuple


@dataclass
class Outcome:
    """One run under a tool; `failed` says why there is none."""

    records: list
    seconds: float
    failed: str = ""


def run(command, environment, stderr=subprocess.DEVNULL):
    """(pid, seconds) of a program whose output nobody wants."""
    started = time.monotonic()
    with subprocess.Popen([str(word) for word in command], env=environment, stderr=stderr,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          preexec_fn=limit_core, start_new_session=True) as process:
        try:
            process.wait(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # With what it has started: heaptrack is a script.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.pid, time.monotonic() - started


def read_text(path):
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


class Tool:
    """`sees` maps an expectation's kind to the records that may tell of it; a kind that is
    not there the tool knows nothing of."""

    name, package, sees = "", "", {}
    detectors_not_seen = ("limit-hit",)

    def missing(self):
        """The package to install, or nothing."""
        return "" if shutil.which(self.name) else self.package

    def build(self, programs):
        """What it takes to run them, once."""

    def trace(self, program, run_of, name, folder):
        raise NotImplementedError

    def tells(self, record, expectation):
        return (record.kind in self.sees.get(expectation.kind, ())
                and expectation.detector not in self.detectors_not_seen
                and leak_programs.is_on_stack(expectation.functions, record.stack))


class PlainTool(Tool):
    """One that runs the programs as meson built them."""

    def __init__(self, build, environment):
        self.programs = build / "tests" / "leaks"
        self.environment = environment


class Valgrind(PlainTool):
    name, package = "valgrind", "valgrind"
    # A stream that nobody has any more shows as its descriptor, a thread as what libc takes
    # for it.
    sees = {"memory": ("memory",), "thread": ("memory",), "dir": ("memory", "fd"),
            "stream": ("memory", "fd"), "fd": ("fd",), "socket": ("fd",), "pipe": ("fd",),
            "event": ("fd",)}
    FLAGS = ("-q", "--leak-check=full", "--track-fds=yes", "--num-callers=50",
             "--child-silent-after-fork=yes")
    LEAK = re.compile(r"[\d,]+ (?:\([^)]*\) )?bytes in ([\d,]+) blocks are "
                      r"(?:definitely|possibly) lost")
    FRAME = re.compile(r"(?:at|by) 0x[0-9A-F]+: (.*?)(?: \((?:in )?[^()]*\))?$")

    def trace(self, program, run_of, name, folder):
        _, seconds = run(["valgrind", *self.FLAGS, f"--log-file={folder}/%p.log",
                          self.programs / name, *run_of.arguments], self.environment)
        # A child of the program's writes a log, too; the first process has the lowest pid.
        logs = sorted(folder.glob("*.log"), key=lambda path: int(path.stem))
        return Outcome(list(self.read(read_text(logs[0]))) if logs else [], seconds,
                       "" if logs else "no log")

    @classmethod
    def read(cls, text):
        """Records are paragraphs: a line that says what, and a line for each frame."""
        text = re.sub(r"^==\d+== ?", "", text, flags=re.MULTILINE)
        for paragraph in text.split("\n\n"):
            lines = [line.strip() for line in paragraph.strip().splitlines()]
            for number, line in enumerate(lines):
                leak = cls.LEAK.search(line)
                if not leak and not line.startswith("Open "):
                    continue
                frames = []
                for frame in lines[number + 1:]:
                    match = cls.FRAME.match(frame)
                    if not match:
                        break
                    frames.append(match[1])
                if frames:
                    count = int(leak[1].replace(",", "")) if leak else 1
                    yield Record("memory" if leak else "fd", count, tuple(frames))


class LeakSanitizer(Tool):
    name, package = "LeakSanitizer", "gcc g++ liblsan0"
    sees = {"memory": ("memory",), "dir": ("memory",), "stream": ("memory",),
            "thread": ("memory",)}
    FLAGS = ("-g", "-O1", "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", "-w",
             "-D_GNU_SOURCE", "-fsanitize=leak", "-pthread")
    LEAK = re.compile(r"^(?:Direct|Indirect) leak of \d+ byte\(s\) in (\d+) object\(s\)")
    FRAME = re.compile(r"^\s+#\d+ 0x[0-9a-f]+ (?:in (\S+))?")

    def __init__(self, build, environment):
        self.folder = build / "leaks-lsan"
        # Whole stacks, and a malloc that fails as malloc does.
        self.environment = {**environment, "LSAN_OPTIONS": "fast_unwind_on_malloc=0:"
                                                           "allocator_may_return_null=1"}

    def missing(self):
        if not shutil.which("gcc") or not shutil.which("g++"):
            return self.package
        done = subprocess.run(["gcc", "-print-file-name=liblsan.so"], check=False,
                              capture_output=True, text=True)
        return "" if done.stdout.startswith("/") else self.package

    def build(self, programs):
        self.folder.mkdir(exist_ok=True)
        for program in programs:
            compiler = "g++" if program.source.suffix == ".cpp" else "gcc"
            for suffix, flags in (("", ()), ("_fixed", ("-DFIXED",))):
                path = self.folder / (program.name + suffix)
                self._compile(compiler, program.source, path, flags)
                library = program.source.with_name(program.source.stem + "_library.c")
                if library.exists():
                    self._compile(compiler, library, f"{path}_library.so",
                                  (*flags, "-shared", "-fPIC"))

    def _compile(self, compiler, source, path, flags):
        subprocess.run([compiler, *self.FLAGS, *flags, str(source), "-o", str(path)], check=True)

    def trace(self, program, run_of, name, folder):
        log = folder / "lsan"
        with open(log, "w", encoding="utf-8") as stream:
            _, seconds = run([self.folder / name, *run_of.arguments], self.environment,
                             stderr=stream)
        return Outcome(list(self.read(read_text(log))), seconds)

    @classmethod
    def read(cls, text):
        lines = text.splitlines()
        for number, line in enumerate(lines):
            leak = cls.LEAK.match(line)
            if not leak:
                continue
            frames = []
            for frame in lines[number + 1:]:
                match = cls.FRAME.match(frame)
                if not match:
                    break
                frames.append(match[1] or "?")
            yield Record("memory", int(leak[1]), tuple(frames))


class Heaptrack(PlainTool):
    name, package = "heaptrack", "heaptrack"
    sees = {"memory": ("memory",), "dir": ("memory",), "stream": ("memory",),
            "thread": ("memory",)}
    LEAK = re.compile(r"^\S+ leaked over (\d+) calls from$")
    FRAME = re.compile(r"^  (\S.*)$")

    def trace(self, program, run_of, name, folder):
        _, seconds = run(["heaptrack", "-o", folder / "data", self.programs / name,
                          *run_of.arguments], self.environment)
        data = sorted(folder.glob("data*"))
        if not data:
            return Outcome([], seconds, "no data")
        done = subprocess.run(["heaptrack_print", "-f", str(data[0]), "-l", "1", "-p", "0", "-a",
                               "0", "-T", "0", "-m", "0", "-n", "100000", "-s", "100000"],
                              check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
        return Outcome(list(self.read(done.stdout)), seconds,
                       f"heaptrack_print: {done.returncode}" if done.returncode else "")

    @classmethod
    def read(cls, text):
        """A paragraph a record: what, the functions, and below each where it is."""
        for paragraph in text.split("\n\n"):
            lines = paragraph.strip("\n").splitlines()
            while lines and not cls.LEAK.match(lines[0]):
                lines.pop(0)
            if lines:
                frames = [match[1] for match in map(cls.FRAME.match, lines[1:]) if match]
                yield Record("memory", int(cls.LEAK.match(lines[0])[1]), tuple(frames))


class Ctxtrace(PlainTool):
    name = "ctxtrace"
    detectors_not_seen = ()

    def __init__(self, build, environment):
        super().__init__(build, environment)
        self.tracker = Tracker(build / "report" / "ctxtrace",
                               build / "preload" / "libctxtrace.so")

    def missing(self):
        return ""

    def trace(self, program, run_of, name, folder):
        started = time.monotonic()
        try:
            _, _, report = self.tracker.trace(name, run_of)
        except Mismatch as error:
            return Outcome([], time.monotonic() - started, str(error))
        seconds = time.monotonic() - started
        records = [Record(f"{finding['detector']} {finding['kind']}", finding["count"],
                          tuple(list_functions(report, finding)))
                   for finding in report["findings"]
                   if finding["severity"] in TOLD
                   and not finding.get("suppressed")]
        return Outcome(records, seconds)

    def tells(self, record, expectation):
        return (record.kind == f"{expectation.detector} {expectation.kind}"
                and leak_programs.is_on_stack(expectation.functions, record.stack))


TOOLS = {tool.name.lower(): tool for tool in (Ctxtrace, Valgrind, LeakSanitizer, Heaptrack)}

