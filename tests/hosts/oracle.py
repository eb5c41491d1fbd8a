# SPDX-License-Identifier: MIT
"""What the kernel says against what a live snapshot says.

ledger fds and untracked fds together are /proc/PID/fd; tasks and untracked tasks
together are /proc/PID/task. While a snapshot is taken the process runs on, so the
kernel's view is sampled all the time: what was always there must be in the dump, and
what the dump has must have been there at some time.

And what the process's own end says (judge_dump): its descriptors, its tasks, and, of a
process with one thread, the live blocks and bytes as count_preload.c counted them.
"""

import os
import struct
import subprocess
import threading
from pathlib import Path

from dump import GONE, KIND_MEMORY, TASK_UNTRACKED, UNTRACKED, read_dump

SAMPLE_PAUSE_S = 0.002
SNAPSHOT_TIMEOUT_S = 30
TRIGGER_EXIT = 1
COUNTS = struct.Struct("<qq")


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


def ledger_memory(dump):
    """(blocks, bytes) as the ledger has them."""
    groups = [group for group in dump.groups if group[0] == KIND_MEMORY]
    return sum(group[1] for group in groups), sum(group[2] for group in groups)


def counted_memory(folder):
    """pid -> (blocks, bytes) as count_preload.c wrote them to folder/count.PID."""
    return {int(path.suffix[1:]): COUNTS.unpack(path.read_bytes())
            for path in Path(folder).glob("count.*") if path.stat().st_size == COUNTS.size}


def untracked_tasks(dump):
    """Of a process that never had a second thread by the books. Where there are several, one
    may just be making another, which is in /proc and not yet in the books, or the last one
    may have ended in the books and be in libc's exit()."""
    tracked = [tid for tid, flags in dump.tasks if not flags & TASK_UNTRACKED]
    untracked = {tid for tid, flags in dump.tasks if flags & TASK_UNTRACKED}
    return untracked - set(tracked) if len(tracked) == 1 else set()


def judge_dump(path):
    """Sentences on a dump of a program that makes no raw system calls: every descriptor
    and task that the kernel shows is the ledger's, every descriptor of the ledger's is the
    kernel's, and nothing was lost on the way."""
    dump = read_dump(path)
    for name, numbers in (("descriptors that the kernel does not have", dump.fds_flagged(GONE)),
                          ("descriptors that no hook saw", dump.fds_flagged(UNTRACKED)),
                          ("tasks that no hook saw", untracked_tasks(dump))):
        if numbers:
            yield f"{path.name}: {name}: {sorted(numbers)[:20]}"
    for loss in dump.losses:
        yield f"{path.name}: {loss}"


# What libc gives back of a thread when that has ended: its table of thread-local storage.
THREAD_BLOCK_BYTES = 360


def is_on_its_way(dump, ledger, count):
    """Whether what was counted later lacks just what one ended thread is giving back."""
    return (dump.counters.get("contexts_made", 0) > 0 and
            (ledger[0] - count[0], ledger[1] - count[1]) == (1, THREAD_BLOCK_BYTES))


def judge_memory(paths, counts):
    """(sentences, number of processes judged). Judged are those at exit with one task: with
    more at work the two readings differ in time. The judge does not see into a fork's child
    that runs no program of its own, nor the end of one that an exec or a signal makes. Of
    sampled memory the ledger has a part, and nothing that is not there."""
    complaints, judged = [], 0
    for path in paths:
        dump = read_dump(path)
        if dump.process[4] != TRIGGER_EXIT or len(dump.tids()) != 1 or dump.pid not in counts:
            continue
        judged += 1
        ledger, count = ledger_memory(dump), counts[dump.pid]
        is_part = dump.sample_bytes and all(had <= was for had, was in zip(ledger, count))
        if ledger != count and not is_part and not is_on_its_way(dump, ledger, count):
            complaints.append(f"{path.name}: blocks and bytes {ledger}, counted "
                              f"were {count}")
    return complaints, judged
