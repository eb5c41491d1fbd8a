#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Memory judged by what reaches it: programs that know themselves what must be found.

The dumps are read by dump.py, a reader of its own. Prints "ok NAME" or "FAILED NAME: why".

Usage: test_reach.py --ctxtrace PATH --lib PATH [--graphs N] [--only NAME]
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dump import (DOUBTFUL, INSIDE, JUDGED, LOST, NOT_JUDGED, PART, REACHED, RING,
                  read_dump)

PROGRAMS = Path(__file__).resolve().parent / "programs"
TIMEOUT_S = 60
KEPT_BYTES, INSIDE_BYTES, LOST_BYTES = 400, 416, 432
BLOCKS = (10, 50, 500, 5000, 20000)
SNAPSHOTS = 30
ATTEMPTS = 10
LINES = ("-O0", "-O2")  # how what is to be traced is compiled


class Failed(Exception):
    pass


def must(good, why):
    if not good:
        raise Failed(why)


class Bench:
    def __init__(self, arguments, folder):
        self.tool, self.library = arguments.ctxtrace.resolve(), arguments.lib.resolve()
        self.graphs = arguments.graphs
        self.folder = folder
        for name in ("reach_graph", "reach_threads", "reach_places"):
            for line in LINES:
                subprocess.run(["cc", "-g", line, "-w", "-D_GNU_SOURCE", "-pthread", "-o",
                                folder / f"{name}{line}", PROGRAMS / f"{name}.c"], check=True)

    def environment(self, options):
        self.dumps_folder = self.folder / "dumps"
        shutil.rmtree(self.dumps_folder, ignore_errors=True)
        self.dumps_folder.mkdir()
        self.folder.chmod(0o755)
        self.dumps_folder.chmod(0o777)  # a program may become another user's
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith("CTXTRACE_")}
        return {**plain, "LD_PRELOAD": str(self.library), "TMPDIR": str(self.folder),
                "CTXTRACE_TOOL": str(self.tool),
                "CTXTRACE_OPTIONS": f"dir={self.dumps_folder}:{options}"}

    def run(self, options, program, *words, status=0):
        done = subprocess.run([self.folder / program, *map(str, words)], capture_output=True,
                              env=self.environment(options), text=True, timeout=TIMEOUT_S,
                              check=False)
        must(done.returncode == status,
             f"{program} {words}: status {done.returncode}, {done.stderr}")
        self.said = done.stderr
        return done.stdout

    def dumps(self):
        return [read_dump(path) for path in sorted(self.dumps_folder.glob("*.ctt"))]


def found(dump):
    """How many blocks of a size have had which fate."""
    blocks = Counter()
    for memory in dump.memory:
        blocks[memory.bytes // memory.count, memory.flags] += memory.count
    return blocks


def must_be(dump, wanted, what):
    blocks = Counter({key: count for key, count in found(dump).items()
                      if key[0] in (KEPT_BYTES, INSIDE_BYTES, LOST_BYTES)})
    wanted = Counter({key: count for key, count in wanted.items() if count})
    must(blocks == wanted, f"{what}: {dict(blocks)} instead of {dict(wanted)}")


def test_graph(bench):
    """Random graphs: reached, reached inside, lost, rings, and what hangs on to these."""
    rings = 0
    for seed in range(bench.graphs):
        blocks = BLOCKS[seed % len(BLOCKS)]
        said = bench.run("", f"reach_graph{LINES[seed % 2]}", seed, blocks)
        reached, inside, lost, ring, part = map(int, said.split())
        dump, = bench.dumps()
        must(dump.reach.state == JUDGED, f"{dump.reach}")
        must_be(dump, {(KEPT_BYTES, REACHED): reached, (INSIDE_BYTES, INSIDE): inside,
                       (LOST_BYTES, LOST): lost, (LOST_BYTES, LOST | RING): ring,
                       (LOST_BYTES, PART): part}, f"graph {seed} of {blocks}")
        must(sum(memory.parts for memory in dump.memory) == part, f"graph {seed}: the parts")
        rings += ring
    must(rings, "no ring in any graph")


def test_places(bench):
    """Whatever keeps an address keeps the block; stacks of functions that are over do not."""
    names = bench.run("reach=0", f"reach_places{LINES[0]}", "--list").split()
    must(len(names) > 10, f"{names}")
    for name in names:
        for line in LINES:
            said = bench.run("", f"reach_places{line}", name).split()
            wanted = [tuple(map(int, pair)) for pair in zip(said[::2], said[1::2])]
            dumps = bench.dumps()
            must(len(dumps) == len(wanted), f"{name}: {len(dumps)} dumps, {said}")
            # A child says what it has first, and its parent's blocks are marked as such. (Its
            # number may be the smaller one: they begin again from 1.)
            pids = {one.pid for one in dumps}
            for dump, (kept, lost) in zip(sorted(dumps, key=lambda one: one.parent not in pids),
                                          wanted):
                must(dump.reach.state == JUDGED, f"{name}, {line}: {dump.reach}")
                blocks = found(dump)
                must(sum(count for (size, flags), count in blocks.items()
                         if size == KEPT_BYTES and flags & (REACHED | INSIDE)) == kept,
                     f"{name}, {line}: {kept} are kept, {dict(blocks)}")
                must(blocks[LOST_BYTES, LOST] == lost and not blocks[KEPT_BYTES, LOST],
                     f"{name}, {line}: {lost} are lost, {dict(blocks)}")


def judged(bench, line, how, stands_still=False):
    """What the program said, and its dump. A machine may be too busy for its threads to come to
    a stop in time: then it is a doubt, which is no answer here."""
    for _ in range(ATTEMPTS):
        said = bench.run("", f"reach_threads{line}", how)
        dump, = bench.dumps()
        if dump.reach.state == JUDGED and not (stands_still and dump.reach.stopped_ns):
            return said, dump
    raise Failed(f"{how}, {line}: never judged, {dump.reach}")


def test_waiting_threads(bench):
    """They are read where they are: no signal, no EINTR, nothing taken from a sigwait."""
    for line in LINES:
        said, dump = judged(bench, line, "waiting", stands_still=True)
        must(said.strip().isdigit(), f"a wait has ended: {said!r}")
        must_be(dump, {(KEPT_BYTES, REACHED): int(said)}, line)


def test_spinning_threads(bench):
    """They are stopped for a moment."""
    for line in LINES:
        said, dump = judged(bench, line, "spinning")
        must(0 < dump.reach.stopped_ns, f"{line}: {dump.reach}")
        must_be(dump, {(KEPT_BYTES, REACHED): int(said)}, line)


def test_deaf_threads(bench):
    """One that runs with all signals blocked is let run: nothing is sure then."""
    for line in LINES:
        said = bench.run("", f"reach_threads{line}", "deaf")
        dump, = bench.dumps()
        must(dump.reach.state == DOUBTFUL and dump.reach.unread == int(said), f"{dump.reach}")
        must("0 findings" in bench.said and "1 memory block may be lost" in bench.said, bench.said)


def test_churning_threads(bench):
    """What others allocate and free while the process ends is watched until it is looked at."""
    for how, status in (("churning", 0), ("killed", -signal.SIGTERM)):
        for number in range(10):
            bench.run("", f"reach_threads{LINES[number % 2]}", how, status=status)
            dump, = bench.dumps()
            lost = [key for key in found(dump) if key[0] == KEPT_BYTES and key[1] & (LOST | PART)]
            must(not lost or dump.reach.state == DOUBTFUL, f"{how}: {lost}, {dump.reach}")


def test_locking_thread(bench):
    """Whoever is stopped with a lock has it no longer when exit wants it."""
    for _ in range(5):
        judged(bench, LINES[1], "locking")


def check_living(bench, how):
    process = subprocess.Popen([bench.folder / f"reach_threads{LINES[1]}", how],
                               env=bench.environment("reach=1:keep=100"), text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    must(process.stdout.readline() == "1\n", "it has not begun")
    for number in range(1, SNAPSHOTS + 1):
        os.kill(process.pid, signal.SIGUSR1)
        wait_until(lambda: len(list(bench.dumps_folder.glob("*.ctt"))) >= number)
    process.communicate("", timeout=TIMEOUT_S)
    dumps = bench.dumps()
    must(len(dumps) == SNAPSHOTS + 1, f"{len(dumps)} dumps")
    for dump in dumps:
        lost = any(size == KEPT_BYTES and flags & (LOST | PART) for size, flags in found(dump))
        must(not lost or dump.reach.state == DOUBTFUL, f"{dict(found(dump))}")


def test_moving_block(bench):
    """A block that changes its place all the time is never lost, in a living process."""
    check_living(bench, "moving")


def test_growing_table(bench):
    """Nor is one whose only pointer is in a block that realloc moves."""
    check_living(bench, "growing")


def test_by_request(bench):
    """`ctxtrace snapshot --reach`, and not without."""
    process = subprocess.Popen([bench.folder / f"reach_threads{LINES[1]}", "moving"],
                               env=bench.environment("keep=100"), text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    must(process.stdout.readline() == "1\n", "it has not begun")
    for words in ((), ("--reach",)):
        copy = bench.folder / "copy.ctt"
        subprocess.run([bench.tool, "snapshot", *words, "--output", copy, "--dir",
                        bench.dumps_folder, str(process.pid)], check=True, timeout=TIMEOUT_S)
        must((read_dump(copy).reach is not None) == bool(words), f"{words}")
    process.communicate("", timeout=TIMEOUT_S)


VALGRIND = ("sort /etc/passwd", "tail -3 /etc/passwd", "tar cf /dev/null /etc/passwd",
            "shuf /etc/passwd", "perl -e 1", "grep root /etc/passwd", "python3 -S -c 1",
            "git --no-pager log -1", "as -o /dev/null /dev/null")
LOST_LINE = re.compile(r"(definitely|indirectly|possibly) lost: [\d,]+ bytes in ([\d,]+) blocks")


def test_as_valgrind_sees_it(bench):
    """What system programs lose, by another tool's word: never more is lost than it says, and
    what it calls definitely lost is found."""
    for line in VALGRIND:
        words = line.split()
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "check": False,
                   "timeout": TIMEOUT_S, "cwd": Path(__file__).parent}
        subprocess.run(words, stderr=subprocess.DEVNULL,
                       env=bench.environment("project=*:children=skip:held=none"), **options)
        said = subprocess.run(["valgrind", "--leak-check=summary", "--trace-children=no", *words],
                              stderr=subprocess.PIPE, text=True, errors="replace", **options).stderr
        told = Counter({word: int(count.replace(",", "")) for word, count
                        in LOST_LINE.findall(said)})
        must("== All heap blocks were freed" in said or told or "no leaks" in said, said)
        lost = Counter()
        for memory in bench.dumps()[0].memory:
            lost["all"] += memory.count if memory.flags & (LOST | PART) else 0
            lost["heads"] += memory.count if memory.flags & LOST else 0
        must(lost["all"] <= sum(told.values()) and lost["heads"] >= told["definitely"],
             f"{line}: {dict(lost)}, valgrind {dict(told)}")


def test_kept_from_copies(bench):
    """What a copy does not have is a doubt, and nobody is blamed for it."""
    bench.run("", f"reach_places{LINES[0]}", "kept-from-copies")
    dump, = bench.dumps()
    must(dump.reach.state == DOUBTFUL and "DONTFORK" in dump.reach.note, f"{dump.reach}")


def test_hurried(bench):
    """A call that waits for the reporter does not wait for a look; the last report comes."""
    bench.run("keep=9", f"reach_places{LINES[0]}", "hurried")
    live, last = sorted(bench.dumps(), key=lambda dump: dump.sequence)
    must(live.reach is not None and last.reach.state == JUDGED, f"{live.reach}, {last.reach}")
    must(found(last)[LOST_BYTES, LOST] == 1, f"{dict(found(last))}")
    must(live.reach.state == JUDGED or "go on" in live.reach.note, f"{live.reach}")


def test_one_line(bench):
    """What a line has lost is one finding, by however many of its addresses."""
    bench.run("", f"reach_places{LINES[0]}", "by-one-line")
    dump, = bench.dumps_folder.glob("*.ctt")
    done = subprocess.run([bench.tool, "report", "--format=json", dump], capture_output=True,
                          check=True, timeout=TIMEOUT_S)
    lost = [(row["count"], row["siblings"]["acquired"])
            for row in json.loads(done.stdout)["findings"] if row["detector"] == "unreachable"]
    must(sorted(lost) == [(1, 1), (2, 2)], f"{lost}")


def test_max_reach(bench):
    """No copy is made of what is larger."""
    bench.run("max_reach=1M", f"reach_graph{LINES[0]}", 1, 500)
    dump, = bench.dumps()
    must(dump.reach.state == NOT_JUDGED and "max_reach" in dump.reach.note, f"{dump.reach}")


def test_not_judged(bench):
    """Where not all is known it says so, and blames nobody."""
    bench.run("sample=1k", f"reach_graph{LINES[0]}", 1, 500)
    dump, = bench.dumps()
    must(dump.reach.state == NOT_JUDGED and "sample" in dump.reach.note, f"{dump.reach}")
    bench.run("reach=0", f"reach_graph{LINES[0]}", 1, 500)
    dump, = bench.dumps()
    must(dump.reach is None and not any(memory.flags & LOST for memory in dump.memory), "reach=0")


def wait_until(good):
    end = time.monotonic() + TIMEOUT_S
    while not good():
        must(time.monotonic() < end, "waited in vain")
        time.sleep(0.005)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True, type=Path)
    parser.add_argument("--lib", required=True, type=Path)
    parser.add_argument("--graphs", type=int, default=10)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, Path(folder))
        for name, test in sorted(globals().items()):
            if not name.startswith("test_") or arguments.only not in name:
                continue
            try:
                test(bench)
                print(f"ok {name[5:]}", flush=True)
            except (Failed, OSError, subprocess.SubprocessError) as why:
                failed = True
                print(f"FAILED {name[5:]}: {why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
