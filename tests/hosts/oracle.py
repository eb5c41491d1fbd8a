# SPDX-License-Identifier: MIT
"""What the kernel says against what a live snapshot says.

ledger fds and untracked fds together are /proc/PID/fd; tasks and untracked tasks
together are /proc/PID/task. While a snapshot is taken the process runs on, so the
kernel's view is sampled all the time: what was always there must be in the dump, and
what the dump has must have been there at some time.
"""

import os
import subprocess
import threading
from pathlib import Path

from dump import GONE, UNTRACKED, read_dump

SAMPLE_PAUSE_S = 0.002
SNAPSHOT_TIMEOUT_S = 30


def list_entries(folder):
    """(number, what it is): a number that was closed and taken again is another entry."""
    entries = set()
    for name in os.listdir(folder):
        try:
            entries.add((int(name), os.readlink(f"{folder}/{name}")))
        except FileNotFoundError:
            continue  # closed meanwhile
        except OSError:
            entries.add((int(name), ""))  # a task: a folder, no link
    return entries


class Sampler(threading.Thread):
    """Lists /proc/PID/fd and /proc/PID/task over and over until stopped."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.folders = {"fds": f"/proc/{pid}/fd", "tasks": f"/proc/{pid}/task"}
        self.always, self.ever = {}, {}
        self.enough = threading.Event()
        self.sample()

    def sample(self):
        for name, folder in self.folders.items():
            seen = list_entries(folder)
            self.always[name] = self.always.get(name, seen) & seen
            self.ever[name] = self.ever.get(name, set()) | {number for number, _ in seen}

    def run(self):
        while not self.enough.wait(SAMPLE_PAUSE_S):
            self.sample()

    def stop(self):
        self.enough.set()
        self.join()
        self.sample()


def compare(name, told, sampler):
    """Sentences on how the dump's set differs from the kernel's; empty when equal."""
    missing = {number for number, _ in sampler.always[name]} - told
    invented = told - sampler.ever[name]
    if missing:
        yield f"{name} that the dump lacks: {sorted(missing)[:20]}"
    if invented:
        yield f"{name} that the kernel never had: {sorted(invented)[:20]}"


def take_snapshot(tool, pid, path, environment=None):
    """Takes one snapshot with the command; the dump, or an error's sentence."""
    done = subprocess.run([tool, "snapshot", str(pid), "-o", str(path)], capture_output=True,
                          text=True, timeout=SNAPSHOT_TIMEOUT_S, check=False, env=environment)
    if done.returncode:
        return None, f"snapshot ended with {done.returncode}: {done.stderr.strip()}"
    return read_dump(path), None


def check_snapshot(tool, pid, folder, number, environment=None):
    """(dump, complaints) of one snapshot of a running process."""
    sampler = Sampler(pid)
    sampler.start()
    path = Path(folder) / f"snapshot-{pid}-{number}.ctt"
    dump, error = take_snapshot(tool, pid, path, environment)
    sampler.stop()
    if error:
        return None, [error]
    complaints = [*compare("fds", dump.fds(), sampler), *compare("tasks", dump.tids(), sampler)]
    if dump.pid != pid:
        complaints.append(f"the dump is of process {dump.pid}")
    return dump, complaints


def judge_dump(path):
    """Sentences on a dump of a program that makes no raw system calls: every descriptor
    that the kernel shows is the ledger's, every one of the ledger's is the kernel's, and
    nothing was lost on the way."""
    dump = read_dump(path)
    for name, flag in (("the kernel does not have", GONE), ("no hook saw", UNTRACKED)):
        fds = dump.fds_flagged(flag)
        if fds:
            yield f"{path.name}: descriptors that {name}: {sorted(fds)[:20]}"
    for loss in dump.losses:
        yield f"{path.name}: {loss}"
