#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""That the tracker tells each misuse of libctx, where it was made, and none where there was none.
test_traced_misuse.py TRACKER COMMAND PROGRAM"""
import os
import subprocess
import sys
import tempfile

# What the program does, and what the report says of it.
ROWS = (
    ("negative", ("waitgroup", "was done more often than was added", "negative")),
    ("reused", ("waitgroup", "was added to while others wait for its end", "reused")),
    ("destroyed", ("waitgroup", "was destroyed while some were not done", "destroyed")),
    ("undone", ("waitgroup", "was waited for until a context ended", "undone")),
    ("pop-order", ("context-misuse", "was popped out of order", "pop_order")),
    ("pop-elsewhere", ("context-misuse", "was popped on another thread", "pop_it")),
    ("left-attached", ("context-misuse", "was still pushed when its thread ended")),
)
FINDING = 99


def run(tracker, command, program, name):
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "LD_PRELOAD": tracker, "CTXTRACE_TOOL": command, "TMPDIR": folder,
            "CTXTRACE_OPTIONS": f"exitcode={FINDING}:verbose=1"}
        return subprocess.run([program, name], env=environment, capture_output=True, text=True,
                              check=False, timeout=60)


def main():
    tracker, command, program = sys.argv[1:4]
    wrong = []
    for name, words in ROWS:
        done = run(tracker, command, program, name)
        missing = [word for word in words if word not in done.stderr]
        if missing or done.returncode != FINDING or "1 FINDING" not in done.stderr:
            wrong.append(f"{name}: ends with {done.returncode}, not told: {missing}\n{done.stderr}")
    for name in ("none", "late-done", "forked"):
        done = run(tracker, command, program, name)
        if done.returncode != 0:
            wrong.append(f"{name}: ends with {done.returncode}\n{done.stderr}")
    for sentence in wrong:
        print(f"FAILED {sentence}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
