#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The tracker's own bounds, with the real tracker in a program of many: contexts used
again, max_memory=, stacks=off, a tracker that is switched off, ten thousand threads; and
in one that gets and gives back one of everything, again and again.

Usage: test_bounds.py --ctxtrace PATH --lib PATH

hazard: B10, D13
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
TIMEOUT_S = 120
CHURNS = 20000
# Measured: 65 at the most, of a thread, until the contexts of those that ended are used
# again. A table left behind each time is ten times as much.
CHURN_BYTES_MAX = 100
TURNS = 40000  # more than two sweeps apart
CROWD = 10000
# Measured: 4.5 kB, of which a page is what a thread's room needs to begin with.
THREAD_BYTES_MAX = 8 << 10
TOO_FEW = 77
SWITCHED_OFF = "verdict: INCONCLUSIVE, switched off by `ctxtrace off` at "


class Bench:
    def __init__(self, command, library):
        self.command, self.library = command, library
        self.failed = 0
        self.folder = Path(tempfile.mkdtemp(prefix="ctxtrace-bounds."))
        self.program = self.compile("crowd")

    def compile(self, name):
        subprocess.run(["cc", "-g", "-O1", "-w", "-D_GNU_SOURCE", "-pthread", "-o",
                        self.folder / name, PROGRAMS / f"{name}.c", "-lrt", "-ldl"],
                       check=True)
        return self.folder / name

    def check(self, name, good, why=""):
        print("ok " + name if good else f"FAILED {name}: {str(why)[-600:]!r}", flush=True)
        self.failed += not good

    def start(self, options, *words, program=None):
        variables = {k: v for k, v in os.environ.items() if not k.startswith("CTXTRACE")}
        variables |= {"LD_PRELOAD": self.library, "CTXTRACE_TOOL": self.command,
                      "CTXTRACE_OPTIONS": options}
        return subprocess.Popen([program or self.program, *map(str, words)],
                                cwd=self.folder, env=variables,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def ask(self, *words):
        return subprocess.run([self.command, *map(str, words)], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)

    def snapshot(self, process, *words):
        done = self.ask("snapshot", process.pid, "--format=json", *words)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def dumps(self, name):
        """In the order in which they were written: files of one tick by their numbers."""
        return sorted((self.folder / name).glob("*.ctt"),
                      key=lambda path: (path.stat().st_mtime_ns,
                                        int(path.name.split(".")[-2].split("-")[0])))

    def reports(self, name):
        return [json.loads(self.ask("report", "--format=json", path).stdout)
                for path in self.dumps(name)]

    def text(self, name):
        """Of the last one."""
        return self.ask("report", self.dumps(name)[-1]).stdout


def finish(process, told="\n"):
    stdout, stderr = process.communicate(told, timeout=TIMEOUT_S)
    return process.returncode, stdout, stderr


def test_contexts(bench):
    """Forty thousand threads leave their contexts behind, and four hundred a descriptor."""
    process = bench.start("dir=turns:held=none:keep=1000", "turns", TURNS)
    seen, strange = 0, []
    while report := bench.snapshot(process):
        known = {c["id"] for c in report["contexts"]}
        strange += [row for row in report["live"] if row["context"] not in known]
        seen += 1
    bench.check("contexts_of_snapshots", seen > 0 and not strange, (seen, strange))
    status, stdout, stderr = finish(process)
    bench.check("contexts_program", (status, stdout) == (0, f"turns {TURNS}: all well\n"),
                (status, stdout, stderr))
    # A request that comes behind the exit report is answered, too.
    report = [r for r in bench.reports("turns") if r["process"]["trigger"] == "exit"][-1]
    counters, summary = report["health"]["counters"], report["summary"]
    left = TURNS // 100
    bench.check("contexts_counted", counters["contexts_made"] == TURNS == summary["contexts_ended"]
                and summary["contexts_ended_clean"] == TURNS - left, (counters, summary))
    bench.check("contexts_reclaimed", TURNS // 3 < counters["contexts_reclaimed"] <= TURNS - left,
                counters)
    held = {c["id"]: c for c in report["contexts"]}
    owners = [held[f["context"]]["state"] for f in report["findings"]]
    bench.check("contexts_held_by_stay", len(held) == left + 1 and set(owners) == {"ok"}
                and sum(f["count"] for f in report["findings"]) == left, (len(held), owners))
    bench.check("contexts_are_told", f"clean    {TURNS - left} contexts ended with nothing held"
                in bench.text("turns"))


def test_stacks_off(bench):
    status, _, stderr = finish(bench.start("dir=plain:stacks=off", "turns", 300))
    report, = bench.reports("plain")
    bench.check("stacks_off_finds", status == 0 and "3 resources held after cancel" in stderr
                and [f["count"] for f in report["findings"]] == [3], stderr)
    bench.check("stacks_off_has_none", report["stacks"] == {}
                and all(row["stack"] is None for row in report["live"]), report["stacks"])
    bench.check("stacks_off_is_told", any("stacks=off" in n for n in report["health"]["notes"])
                and "stacks=off" in bench.text("plain"), report["health"])


def test_off(bench):
    """In the middle of everything: the program notices nothing, and is not called clean."""
    process = bench.start("dir=off", "busy", 500)
    process.stdout.readline()
    before = bench.snapshot(process)
    done = bench.ask("off", process.pid)
    again = bench.ask("off", process.pid)
    bench.check("off_answers", done.returncode == again.returncode == 0
                and "switched off at" in done.stderr and done.stderr == again.stderr,
                (done, again))
    after = bench.snapshot(process)
    bench.check("off_snapshot", before["health"]["status"] != "inconclusive" and before["live"]
                and after["health"]["status"] == "inconclusive" and not after["live"]
                and not after["tasks"], after and after["health"])
    status, stdout, stderr = finish(process)
    bench.check("off_program", (status, stdout) == (0, "busy 500: all well\n"),
                (status, stdout, stderr))
    bench.check("off_is_said_once", stderr.startswith(SWITCHED_OFF) and stderr.count("\n") == 1,
                stderr)
    last = [r for r in bench.reports("off") if r["process"]["pid"] == process.pid][-1]
    # One thread may have been on its way through a hook.
    made = [r["health"]["counters"]["contexts_made"] for r in (after, last)]
    bench.check("off_records_nothing", made[0] <= made[1] <= made[0] + 1, made)
    bench.check("off_is_never_clean", last["process"]["trigger"] == "exit"
                and last["health"]["status"] == "inconclusive" and not last["findings"]
                and not last["live"] and "INCONCLUSIVE" in bench.text("off"),
                (last["findings"], last["health"]))


def test_off_silently(bench):
    """Without dir= the one line is all that is left."""
    process = bench.start("", "hoard", 1000)
    process.stdout.readline()
    done = bench.ask("off", process.pid)
    status, stdout, stderr = finish(process)
    bench.check("off_without_folder", done.returncode == status == 0
                and stdout == "hoard 1000: all well\n"
                and stderr.startswith(SWITCHED_OFF), (done, stderr))
    gone = bench.ask("off", process.pid)
    bench.check("off_no_process", gone.returncode == 66 and "no process" in gone.stderr, gone)
    bench.check("off_usage", bench.ask("off").returncode == 64)


def test_max_memory(bench):
    """With four megabytes most of two million blocks are not recorded, and this is said."""
    process = bench.start("dir=memory:max_memory=4M", "hoard", 2000000)
    process.stdout.readline()
    report = bench.snapshot(process)
    status, stdout, stderr = finish(process)
    bench.check("memory_program", (status, stdout) == (0, "hoard 2000000: all well\n"),
                (status, stdout, stderr))
    own = report["process"]["limits"]["tracker"]
    health = report["health"]
    bench.check("memory_is_capped", 0 < own["used"] <= own["soft"] == 4 << 20
                and report["process"]["tracker_bytes"] == own["used"], own)
    bench.check("memory_drops_are_counted", health["status"] == "degraded"
                and health["counters"]["blocks_dropped"] > 1000000
                and health["counters"]["arena_refused"] > 0, health)
    bench.check("memory_is_told", any("memory blocks not recorded" in n for n in health["notes"])
                and any("max_memory" in n for n in health["notes"]), health["notes"])
    text = bench.text("memory")
    bench.check("memory_text", "tracker" in text and "of 4.0 MiB" in text
                and "memory blocks not recorded" in text and "max_memory" in text, text)


def test_crowd(bench):
    """hazard: D13: ten thousand threads at once, each in the report; the tracker's memory
    for each of them is bounded, and said."""
    process = bench.start("dir=many", "crowd", CROWD)
    if process.stdout.readline() != "ready\n":
        status = process.wait(timeout=TIMEOUT_S)
        if status == TOO_FEW:
            print(f"skipped crowd: this machine does not have {CROWD} threads", flush=True)
            return
    report = bench.snapshot(process)
    status, stdout, stderr = finish(process)
    bench.check("crowd_program", (status, stdout) == (0, f"crowd {CROWD}: all well\n"),
                (status, stdout, stderr))
    bench.check("crowd_is_told", report and len(report["tasks"]) == CROWD + 1
                and report["health"]["status"] == "full", report and report["health"])
    own = report["process"]["limits"]["tracker_rss"]["used"]
    bench.check("crowd_is_cheap", own and own < CROWD * THREAD_BYTES_MAX, own)
    print(f"# {own // CROWD} bytes of the tracker's own for each thread", flush=True)
    report = bench.reports("many")[-1]
    bench.check("crowd_leaves_nothing", report["summary"]["findings"] == 0
                and report["summary"]["contexts_ended_clean"] == CROWD, report["summary"])


def test_churn(bench):
    """What is got and given back all night makes the tracker no larger."""
    process = bench.start("dir=churned:locks=1", CHURNS, program=bench.compile("churn"))
    status, stdout, stderr = finish(process)
    grown = [(name, int(bytes) / int(times)) for name, times, bytes
             in (line.split() for line in stdout.splitlines())]
    bench.check("churn_ends", status == 0 and len(grown) > 20, (status, stdout, stderr))
    large = [row for row in grown if row[1] > CHURN_BYTES_MAX]
    bench.check("churn_does_not_grow", not large, large)
    report = bench.reports("churned")[-1]
    bench.check("churn_holds_nothing", report["summary"]["findings"] == 0 and
                {row["kind"] for row in report["live"]} <= {"memory", "mapping"},
                report["live"])


def test_locks_at_work(bench):
    """Locks in many threads and over forks, used as they should be."""
    process = bench.start("dir=locked:locks=1:held=none", program=bench.compile("locks"))
    done = finish(process)
    bench.check("locks_program", done == (0, "all well\n", ""), done)
    reports = bench.reports("locked")
    bench.check("locks_are_not_blamed", len(reports) > 100 and
                not any(f["severity"] != "note" for report in reports
                        for f in report["findings"]) and
                sum(row["kind"] == "lock" for report in reports for row in report["live"]) == 1,
                [report["findings"] for report in reports if report["findings"]][:2])
    bench.check("locks_cover_all", all(report["health"]["status"] == "full"
                                       for report in reports))


TESTS = (test_churn, test_locks_at_work, test_contexts, test_stacks_off, test_off,
         test_off_silently, test_max_memory, test_crowd)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    bench = Bench(os.path.abspath(options.ctxtrace), os.path.abspath(options.lib))
    for test in TESTS:
        if options.only in test.__name__:
            test(bench)
    subprocess.run(["rm", "-rf", bench.folder], check=True)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
