#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Signals and waits of a whole traced program.

    run_outlets.py LIBRARY FOLDER

FOLDER holds the programs waits, cuts, races, view, numbers and waits_confined, and the first
three once more as NAME_by_number, where all is done by syscall().
Prints "ok NAME" or "FAILED NAME: why".
"""

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial

WAITS_S = 3
BY_NUMBER = "_by_number"
SIGNALS_EVERY_S = 0.02
RACE_ROUNDS = 60
# Numbers below and above SIGUSR1: the kernel delivers the lower one first.
RACE_SIGNALS = (signal.SIGHUP, signal.SIGUSR2)
RACE_FLAGS = ("-", "r", "f")  # plain, SA_RESTART, all signals blocked in the handler
RACE_WAITS = ("poll", "ppoll", "select", "epoll_wait", "pause", "sigsuspend", "nanosleep",
              "sleep", "clock_nanosleep", "sigpause")


class Failed(Exception):
    """Why a case failed."""


def environment(library, folder, options=""):
    return {**os.environ, "LD_PRELOAD": library, "TMPDIR": folder,
            "CTXTRACE_OPTIONS": f"dir={folder}/dumps:keep=2:held=none:{options}"}


def check_alike(library, program, folder):
    native = subprocess.run([program], capture_output=True, text=True, check=False)
    traced = subprocess.run([program], capture_output=True, text=True, check=False,
                            env=environment(library, folder))
    if (native.returncode, native.stderr) != (traced.returncode, traced.stderr):
        raise Failed(f"status {traced.returncode}, {traced.stderr}")
    for one, other in zip(native.stdout.splitlines(), traced.stdout.splitlines()):
        if one != other:
            raise Failed(f"{other!r} instead of {one!r}")
    if native.stdout != traced.stdout:
        raise Failed("not as many answers")


def check_view(library, programs, folder):
    """What a program reads of its signals is the same (hazard: D2)."""
    check_alike(library, f"{programs}/view", folder)


def check_numbers(library, programs, folder):
    """What syscall() answers is the same, whatever it is asked."""
    check_alike(library, f"{programs}/numbers", folder)


def send_to_all(pid):
    """A process's signal goes to its first thread if that takes it: here each gets its own."""
    tasks = os.listdir(f"/proc/{pid}/task")
    for tid in tasks:
        ctypes.CDLL(None).tgkill(pid, int(tid), int(signal.SIGUSR1))
    return len(tasks)


def run_under_signals(command, library, folder, options=""):
    """A program that says "ready" first and takes its time; its output."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                          env=environment(library, folder, options)) as process:
        process.stdout.readline()
        sent, end = 0, time.monotonic() + WAITS_S - 1
        while time.monotonic() < end:
            sent += send_to_all(process.pid)
            time.sleep(SIGNALS_EVERY_S)
        output = process.stdout.read().strip()
    if process.returncode != 0:
        raise Failed(f"status {process.returncode}: {output}")
    if sent < 100:
        raise Failed(f"only {sent} signals")
    return output


def check_waits(library, programs, folder, suffix="", options=""):
    """No wait is seen to be interrupted or comes to an early end (hazard: D4)."""
    run_under_signals([f"{programs}/waits{suffix}", str(WAITS_S), f"{folder}/fifo"], library,
                      folder, options)


def check_confined(library, programs, folder):
    """A program is not killed for a call that only we make to go on with its wait, nor does it
    see that it was interrupted (hazard: D15)."""
    for how in ("kill", "refuse", "keep", "blind"):
        run_under_signals([f"{programs}/waits_confined", str(WAITS_S), how], library, folder)


def check_cuts(library, programs, folder, suffix="", options=""):
    """No transfer comes back with a part (hazard: D4)."""
    run_under_signals([f"{programs}/cuts{suffix}", str(WAITS_S)], library, folder, options)


def check_races(library, programs, folder, suffix=""):
    """A signal of the program's always ends its wait, a snapshot never (hazard: D4)."""
    expected = f"handled {RACE_ROUNDS} spurious 0 mask empty"
    for wait in RACE_WAITS:
        for number in RACE_SIGNALS:
            for flags in RACE_FLAGS:
                command = [f"{programs}/races{suffix}", wait, str(int(number)), flags,
                           str(RACE_ROUNDS)]
                done = subprocess.run(command, capture_output=True, text=True, check=False,
                                      env=environment(library, folder), timeout=60)
                if done.stdout.strip() != expected:
                    raise Failed(f"{wait} {number.name} {flags}: {done.stdout.strip()}")


CASES = {
    "signals_read_as_without_us": check_view,
    "answers_by_number": check_numbers,
    "waits_under_snapshots": check_waits,
    # Where memory is judged, threads that run are asked to stand still.
    "waits_under_reach": partial(check_waits, options="reach=1"),
    "transfers_under_reach": partial(check_cuts, options="reach=1"),
    "waits_of_the_confined": check_confined,
    "transfers_under_snapshots": check_cuts,
    "waits_with_both_signals": check_races,
    "waits_by_number": partial(check_waits, suffix=BY_NUMBER),
    "transfers_by_number": partial(check_cuts, suffix=BY_NUMBER),
    "waits_by_number_with_both_signals": partial(check_races, suffix=BY_NUMBER),
}


def main():
    library, programs = (os.path.abspath(path) for path in sys.argv[1:3])
    failures = 0
    for name, check in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(library, programs, folder)
                print(f"ok {name}", flush=True)
            except Failed as why:
                print(f"FAILED {name}: {why}", flush=True)
                failures += 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
