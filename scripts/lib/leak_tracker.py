# SPDX-License-Identifier: MIT
"""Runs a program of tests/leaks under the tracker and reads the report of its end: for
tests/leaks/run_leaks.py, which judges it, and for scripts/compare."""

import json
import os
import resource
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_S = 30
# The severities that count as findings; notes do not.
TOLD = ("error", "warning")


class Mismatch(Exception):
    pass


def limit_core():
    """No core files: a fatal way out is meant."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_program(command, environment):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIMEOUT_S, env=environment, preexec_fn=limit_core)
    return done.returncode, done.stdout, done.stderr


def program_of(report):
    """The process's own name is cut off after 15 characters."""
    return Path(report["process"]["exe"] or "?").name


class Tracker:
    """The tracker and the command of one build, and the programs beside them."""

    def __init__(self, command, library):
        self.command, self.library = str(command), Path(library).resolve()
        self.programs = self.library.parents[1] / "tests" / "leaks"

    def environment(self, folder, run):
        words = [f"dir={folder}", "held=none"] + ([run.options] if run.options else [])
        return {**os.environ, "LD_PRELOAD": str(self.library), "CTXTRACE_TOOL": self.command,
                "CTXTRACE_OPTIONS": ":".join(words)}

    def read_report(self, dump):
        done = subprocess.run([self.command, "report", "--format=json", dump], check=False,
                              capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode:
            raise Mismatch(f"report of {dump.name} ended with {done.returncode}: "
                           f"{done.stderr.strip()}")
        return json.loads(done.stdout)

    def trace(self, name, run):
        """(status and stdout, stderr, report or None) of one traced run."""
        path = self.programs / name
        if not path.exists():
            raise Mismatch(f"{path.name} is not built: is it in tests/leaks/meson.build?")
        with tempfile.TemporaryDirectory() as folder:
            traced = run_program([str(path), *run.arguments], self.environment(folder, run))
            reports = [self.read_report(dump) for dump in sorted(Path(folder).glob("*.ctt"))]
        # Its children and what it becomes write dumps of their own.
        own = [report for report in reports if program_of(report) == name
               and report["process"]["trigger"] == run.ends]
        if len(own) != 1:
            seen = [(program_of(report), report["process"]["trigger"]) for report in reports]
            raise Mismatch(f"{len(own)} dumps of {name} with trigger {run.ends}: {seen}; "
                           f"stderr {traced[2][-300:]!r}")
        return traced[:2], traced[2], own[0]

    def trace_and_compare(self, name, run):
        """The report of a traced run that did what an untraced one does."""
        native = run_program([str(self.programs / name), *run.arguments], os.environ)
        traced, said, report = self.trace(name, run)
        if traced != native[:2]:
            raise Mismatch(f"status and stdout {traced} instead of {native[:2]}; {said[-300:]!r}")
        return report


def list_functions(report, finding):
    return [frame.get("function") for frame in
            report["stacks"].get(str(finding["stack"]), [])]
