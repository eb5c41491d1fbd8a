#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which cleanups run, and which are counted as skipped, in each way to leave a function.
test_defer_ends.py ORDER PLAIN UNWINDING [THROWN-PLAIN THROWN-UNWINDING]"""
import signal
import subprocess
import sys

TRIED = "ran in the try\n"
BOTH = "ran second\nran first\n"
LATER = "ran later\n"

# How -> status, and what is told without -fexceptions, and with.
ENDS = {
    "return": (0, BOTH + LATER + "skipped 0, pending 0\n", None),
    "break": (0, BOTH + LATER + "skipped 0, pending 0\n", None),
    "goto": (0, BOTH + LATER + "skipped 0, pending 0\n", None),
    "longjmp": (0, LATER + "skipped 2, pending 0\n", None),
    "thread-exit": (0, LATER + "skipped 2, pending 0\n", BOTH + LATER + "skipped 0, pending 0\n"),
    "cancel": (0, LATER + "skipped 2, pending 0\n", BOTH + LATER + "skipped 0, pending 0\n"),
    "cancel-sleep": (0, LATER + "skipped 2, pending 0\n",
                     BOTH + LATER + "skipped 0, pending 0\n"),
    "main-exit": (0, "skipped 2, pending 0\n", BOTH + "skipped 0, pending 0\n"),
    # exit is called in their frames, which are still there.
    "exit": (0, "skipped 0, pending 2\n", None),
    "abort": (-signal.SIGABRT, "", None),
    "signal": (-signal.SIGSEGV, "", None),
    "fail": (-signal.SIGABRT, "", None),
}
OWN = "n12\n"
# The frame that was skipped is noticed by the next that registers, unless that lies over it: as
# the compiler has it.
THROWN_PLAIN = OWN + "mlc\nskipped {}, pending 0\n"
THROWN_UNWINDING = OWN + "C\nmlc\nskipped 0, pending 0\n"

failures = []


def check(name, told, expected):
    holds = told == expected
    print(f"{'ok' if holds else 'FAILED'} {name}")
    if not holds:
        print(f"    told {told!r}\n    not  {expected!r}")
        failures.append(name)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def check_ends(program, is_unwinding):
    for how, (status, plain, unwinding) in ENDS.items():
        expected = unwinding if is_unwinding and unwinding else plain
        done = run(program, how)
        check(f"{how}{' -fexceptions' if is_unwinding else ''}", (done.returncode, done.stdout),
              (status, TRIED + expected))
        if how == "fail":
            place, _, rest = done.stderr.partition(" crash: ")
            check("the line of a fail", rest, "ctx_fail without CTX_TRY: 5, disk full\n")
            check("and its place", "defer_ends.c:" in place, True)
        else:
            check(f"nothing else told: {how}", done.stderr, "")


def main():
    order, plain, unwinding, *thrown = sys.argv[1:]
    check("order", run(order).stdout, "second\nfirst\n")
    check_ends(plain, False)
    check_ends(unwinding, True)
    for program, expected in zip(thrown, (THROWN_PLAIN, THROWN_UNWINDING)):
        done = run(program)
        check(f"thrown {program.rsplit('/', 1)[-1]}",
              done.returncode == 0 and done.stdout in (expected.format(0), expected.format(1)),
              True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
