#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The differential test: our unwinder against libunwind, inside real programs.

Runs each program of differential_programs.py under the capture preload (capture.c),
which walks every n-th stack twice and logs what is not the same. Fails on a
difference that is of no kind listed in KINDS, on more cut stacks than a program is
allowed, and on fewer captures in sum than wanted. With --long the large programs are
given more to do, and their distinct stacks are counted too (alike in all processes).

    run_differential.py CAPTURE_SO [--long] [NAME...]
"""

import os
import shutil
import sys
import tempfile

from differential_programs import LONG_PROGRAMS, PROGRAMS

WANTED = 200_000
WANTED_LONG = 1_000_000
WANTED_DISTINCT = 20_000  # with --long, in the large programs
UNUSABLE_SHARE = 0.001
REASONS = ("depth", "no_module", "no_cfi", "rule", "bounds", "full")

# Differences in which ours was looked into and found right:
# (kind, what it looks like in a Difference, why ours is right).
# None at present. What was looked into and is kept out of the programs instead
# stands in zoo.c: rules of libc and gcc that are wrong for a few instructions.
KINDS = []

class Difference:
    """One block of a log: both stacks, and where they part."""

    def __init__(self, at, cut):
        self.at, self.cut = at, cut
        self.ours, self.theirs, self.log = [], [], []

    def kind(self):
        for name, matches, _ in KINDS:
            try:
                if matches(self):
                    return name
            except IndexError:
                pass
        return None

    def text(self):
        rows = [f"  differ at {self.at}, ours cut {self.cut}"]
        rows += [f"    ours   {f}" for f in self.ours]
        rows += [f"    theirs {f}" for f in self.theirs]
        rows += [f"    log    {f}" for f in self.log]
        return "\n".join(rows)


def log_read(path, counts, differences, hashes):
    block = None
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if words[0] == "count":
                for word in words[1:]:
                    key, value = word.split("=")
                    counts[key] = counts.get(key, 0) + int(value)
            elif words[0] == "stacks":
                hashes.update(words[1:])
            elif words[0] in ("differ", "cut", "misjudged"):
                block = Difference(int(words[2]), words[4])
                if words[0] != "cut":
                    differences.append(block)
            elif words[0] in ("ours", "theirs", "log"):
                getattr(block, words[0]).append(" ".join(words[1:]))


def program_run(program, work):
    """Returns (line to print, failed?, captures, cut ones, hashes of distinct stacks)."""
    if not shutil.which(program.run.needs):
        return f"skip {program.name}: no {program.run.needs}", False, 0, 0, set()
    logs = os.path.join(work, "logs")
    shutil.rmtree(logs, ignore_errors=True)
    os.mkdir(logs)
    env = dict(os.environ, **program.environment, LD_PRELOAD=CAPTURE,
               CAPTURE_LOG=os.path.join(logs, "log"), CAPTURE_EVERY=str(program.every),
               CAPTURE_MAX=str(program.most))
    status = program.run(env, work)
    counts, differences, hashes = {}, [], set()
    for name in os.listdir(logs):
        log_read(os.path.join(logs, name), counts, differences, hashes)
    captures = counts.get("captures", 0)
    cut = {r: counts.get(r, 0) for r in REASONS if counts.get(r, 0)}
    unexplained = [d for d in differences if not d.kind()]
    unwritten = counts.get("differed", 0) - len(differences)
    problems = []
    if status != 0:
        problems.append(f"exit status {status}")
    if captures == 0:
        problems.append("nothing captured")
    if unexplained or unwritten > 0:
        problems.append(f"{len(unexplained)} unexplained differences, {unwritten} not looked at")
    if counts.get("memo_differed", 0):
        problems.append(f"{counts['memo_differed']} memoised stacks differ from the walked ones")
    if counts.get("unusable", 0) > captures * UNUSABLE_SHARE:
        problems.append(f"{counts['unusable']} without an answer from libunwind")
    # How deep it may go was asked for.
    if sum(cut.values()) - cut.get("depth", 0) > captures * program.cuts:
        problems.append("too many cut stacks")
    reasons = " ".join(f"{k}={v}" for k, v in cut.items())
    line = (f"{'not ok' if problems else 'ok'} {program.name} captures={captures} "
            f"distinct={len(hashes)} cut={sum(cut.values())} ({reasons})")
    explained = len(differences) - len(unexplained)
    if explained:
        line += f" explained={explained}"
    if problems:
        line += "\n  " + "; ".join(problems)
        line += "".join("\n" + d.text() for d in unexplained[:3])
    return line, bool(problems), captures, sum(cut.values()), hashes


def run_all(programs, names, work):
    """Returns how many failed, captures in sum, cut ones, and the set of distinct stacks."""
    failed = total = cuts = 0
    distinct = set()
    for program in programs:
        if names and not any(n in program.name for n in names):
            continue
        line, bad, captures, cut, hashes = program_run(program, work)
        print(line, flush=True)
        failed += bad
        total += captures
        cuts += cut
        distinct |= hashes
    return failed, total, cuts, distinct


def main():
    names = [name for name in sys.argv[2:] if name != "--long"]
    long = "--long" in sys.argv[2:]
    failed = total = 0
    with tempfile.TemporaryDirectory(prefix="unwind-") as work:
        if long:
            failed, total, cuts, distinct = run_all(LONG_PROGRAMS, names, work)
            print(f"large programs: captures={total} distinct={len(distinct)} cut={cuts}")
            if len(distinct) < WANTED_DISTINCT and not names:
                print(f"not ok: fewer than {WANTED_DISTINCT} distinct stacks")
                failed += 1
        more_failed, more, *_ = run_all(PROGRAMS, names, work)
    failed, total = failed + more_failed, total + more
    print(f"captures in sum: {total}")
    wanted = WANTED_LONG if long else WANTED
    if total < wanted and not names:
        print(f"not ok: fewer than {wanted}")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    CAPTURE = os.path.abspath(sys.argv[1])
    sys.exit(main())
