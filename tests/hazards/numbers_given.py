# SPDX-License-Identifier: MIT
"""Calls by syscall() that give a descriptor: each is in the books, with the stack of its
caller, and none that the call did not give."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from arrangements import TIMEOUT_S, run
from tracing import Mismatch, Skip


def list_entered(tracker, folder):
    """{descriptor: whether syscall() gave it} at the end."""
    dump = next(Path(folder).glob("*.ctt"))
    report = json.loads(subprocess.run([tracker.tool, "report", "--all", "--format=json", dump],
                                       capture_output=True, text=True, timeout=TIMEOUT_S,
                                       check=True).stdout)
    by_number = {int(key) for key, frames in report["stacks"].items()
                 if any(frame["function"] == "syscall" for frame in frames)}
    return {holding["fd"]: holding["stack"] in by_number
            for holding in report["holdings"] if "fd" in holding}


def check_call(tracker, program, call):
    with tempfile.TemporaryDirectory() as folder:
        done = run([program, call], env=tracker.environment(f"dir={folder}"))
        if done.returncode:
            raise Mismatch(f"{call}: status {done.returncode}: {done.stderr[-300:]}")
        told = [line.split() for line in done.stdout.splitlines()]
        if refused := [number for word, number in told if word == "refused"]:
            return os.strerror(int(refused[0]))
        entered = list_entered(tracker, folder)
    for word, number in told:
        if entered.get(int(number), False) != (word == "has"):
            raise Mismatch(f"{call}: {word} {number}, and the books have {entered}")
    if not any(word == "has" for word, _ in told):
        raise Mismatch(f"{call}: it gave nothing")
    return None


def test_descriptors_by_number(tracker):
    """hazard: E4, E5: also those that libc has no name for."""
    program = tracker.build / "tests" / "hazards" / "hazards_numbers"
    refused = {}
    for call in run([program, "--list"]).stdout.split():
        if why := check_call(tracker, program, call):
            refused[call] = why
    if refused:
        raise Skip("; ".join(f"{call}: {why}" for call, why in refused.items()))


TESTS = (test_descriptors_by_number,)
