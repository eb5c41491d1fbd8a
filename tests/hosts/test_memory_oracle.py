#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The memory ledger against an independent count, in the same run.

Each program runs under the tracker and, behind it, under libcount_preload.so, which
counts live blocks and bytes by a lock and a hash table. At exit, and at a snapshot while
the program waits, the two must agree to the block and the byte.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
from dump import read_dump  # noqa: E402

# Single-threaded programs: with threads at work the two readings differ in time.
PROGRAMS = (
    ("true", ["true"]),
    ("bash", ["bash", "-c", "a=(); for i in {1..2000}; do a+=(x$i); done; echo ${#a[@]}"]),
    ("perl", ["perl", "-e", "my %h = map { $_ => [1..9] } 1..5000; print scalar keys %h"]),
    ("python3", ["/usr/bin/python3", "-c",
                 "import json; d = [{'a': i} for i in range(20000)]; print(len(json.dumps(d)))"]),
    ("python3 malloc", ["env", "PYTHONMALLOC=malloc", "/usr/bin/python3", "-c",
                        "import json; print(len(json.dumps([{'a': i} for i in range(20000)])))"]),
    ("sqlite3", ["sqlite3", ":memory:",
                 "with recursive n(i) as (select 1 union all select i+1 from n where i<20000)"
                 " select count(*), sum(i) from n;"]),
    ("sort", ["sh", "-c", "seq 200000 | sort -R --random-source=/dev/zero --parallel=1 | tail -1"]),
    ("jq", ["sh", "-c", "seq 20000 | jq -s 'map(.+1) | add'"]),
    ("cc1", ["sh", "-c", "echo '#include <stdio.h>\nint main(void){return printf(\"%d\",1);}'"
             " | gcc -O2 -x c -c -o /dev/null -"]),
)


def compare(argv, tracker, judge):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = dict(os.environ, LD_PRELOAD=f"{tracker} {judge}",
                           COUNT_OUT=str(folder / "count"),
                           CTXTRACE_OPTIONS=f"dir={folder}")
        subprocess.run(argv, env=environment, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120, check=True)
        complaints, judged = oracle.judge_memory(list(folder.glob("*.ctt")),
                                                 oracle.counted_memory(folder))
    if not judged:
        return "no process was seen by both"
    return "; ".join(complaints) or None


# At work, then quiet: waiting for its input when the snapshot is taken.
WAITERS = (
    ("bash", ["bash", "-c", "a=(); for i in {1..2000}; do a+=(x$i); done; echo ready; read -r x"]),
    ("perl", ["perl", "-e", "my %h = map { $_ => [1..9] } 1..5000; $| = 1; print qq(ready\n); <>"]),
    ("python3", ["env", "PYTHONMALLOC=malloc", "/usr/bin/python3", "-c",
                 "d = [{'a': i} for i in range(20000)]; print('ready', flush=True); input()"]),
)


def compare_snapshot(argv, tool, tracker, judge):
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = dict(os.environ, LD_PRELOAD=f"{tracker} {judge}",
                           COUNT_OUT=str(folder / "count"))
        process = subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            process.stdout.readline()
            subprocess.run([tool, "snapshot", str(process.pid), "-o", str(folder / "live.ctt")],
                           stdout=subprocess.DEVNULL, timeout=60, check=True)
            expected = oracle.counted_memory(folder)[process.pid]
        finally:
            process.kill()
            process.communicate()
        found = oracle.ledger_memory(read_dump(folder / "live.ctt"))
    return None if found == expected else f"ledger has {found}, counted were {expected}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True)
    options = parser.parse_args()
    tracker = Path(options.lib).resolve()
    judge = tracker.parents[1] / "tests" / "hosts" / "libcount_preload.so"
    failed = 0
    for name, argv in PROGRAMS:
        program = argv[-1].split()[0] if argv[0] == "env" else argv[0]
        if not shutil.which(program) and argv[0] not in ("env", "sh"):
            print(f"skipped memory oracle {name}: {program} is not installed")
            continue
        why = compare(argv, tracker, judge)
        failed += why is not None
        print(f"FAILED memory oracle {name}: {why}" if why else f"ok memory oracle {name}")
    for name, argv in WAITERS:
        why = compare_snapshot(argv, options.ctxtrace, tracker, judge)
        failed += why is not None
        print(f"FAILED memory oracle {name}, live: {why}" if why
              else f"ok memory oracle {name}, live")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
