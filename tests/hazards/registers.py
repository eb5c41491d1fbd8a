# SPDX-License-Identifier: MIT
"""What a blocked thread has in its registers alone must be on its stack, where a scan of
memory finds it: every hook around a call that blocks has to put it there."""

import os
import tempfile
from pathlib import Path

from arrangements import run
from tracing import Mismatch, Skip

ALL_SIX = "63"
FUNCTIONS_LEAST = 75
# Of these the caller's registers are where libc happens to put them: no hook is around.
NOT_HOOKED = {"fgetc", "fgets", "fread"}


def read_found(tracker, environment):
    """{function: which registers were found}"""
    program = tracker.build / "tests" / "hazards" / "hazards_registers"
    with tempfile.TemporaryDirectory() as folder:
        done = run([program, "all"], env=environment, cwd=folder)
    if done.returncode:
        raise Mismatch(f"status {done.returncode}, said {done.stderr[-300:]!r}")
    return dict(line.split(": ") for line in done.stdout.splitlines())


def test_registers_of_blocked_threads(tracker):
    """hazard: F3: six values in registers are found while the thread is in any of these."""
    if not Path("/proc/self/syscall").exists():
        raise Skip("the kernel does not tell where a thread is blocked")
    native, traced = read_found(tracker, os.environ), read_found(tracker, tracker.environment())
    if native.keys() != traced.keys() or len(traced) < FUNCTIONS_LEAST:
        raise Mismatch(f"{len(native)} and {len(traced)} functions")
    lost = {name for name, found in traced.items() if found != ALL_SIX} - NOT_HOOKED
    if lost:
        raise Mismatch("lost in " + ", ".join(f"{name} ({traced[name]})" for name in sorted(lost)))
    # Else the test would not see a hook that does nothing.
    if native["read"] == ALL_SIX or native["nanosleep"] == ALL_SIX:
        raise Mismatch("libc keeps them all by itself")


TESTS = (test_registers_of_blocked_threads,)
