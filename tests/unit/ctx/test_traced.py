#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the tracker reports of a program that uses libctx: its leak with the context's name,
trace and cause, and nothing of libctx's own.  test_traced.py TRACKER COMMAND PROGRAM"""
import os
import subprocess
import sys
import tempfile

TOLD = ("held-after-cancel", "/dev/null", "request", "server", "req-12345", "client 7 went away")
# libctx's descriptors and its thread, by whatever name.
NOT_TOLD = ("timerfd", "helper", "thread x")


def run(tracker, command, program, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "LD_PRELOAD": tracker, "CTXTRACE_TOOL": command, "TMPDIR": folder,
            "CTXTRACE_OPTIONS": "grace=100ms:exitcode=99:verbose=1"}
        return subprocess.run([program, *arguments], env=environment, capture_output=True,
                              text=True, check=False, timeout=60)


def main():
    tracker, command, program = sys.argv[1:4]
    wrong = []
    leaky, fixed = run(tracker, command, program), run(tracker, command, program, "fixed")
    wrong += [f"not told: {word}" for word in TOLD if word not in leaky.stderr]
    wrong += [f"told: {word}" for word in NOT_TOLD if word in leaky.stderr + fixed.stderr]
    if leaky.returncode != 99 or "1 FINDING" not in leaky.stderr:
        wrong.append(f"the leaky one ended with {leaky.returncode}")
    if fixed.returncode != 0 or "held-after" in fixed.stderr:
        wrong.append(f"the fixed one ended with {fixed.returncode}")
    for sentence in wrong:
        print(f"FAILED {sentence}")
    if wrong:
        print(leaky.stderr, fixed.stderr, sep="\n----\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
