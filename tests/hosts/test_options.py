#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every option of the tracker does what its row says.

One function an option, named after it; an option of preload/options.h without one is a
failure. What the options' values mean is tests/unit; here the tracker has to act on them.
Prints "ok NAME" or "FAILED NAME: why".
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^ +X\((\w+), (?:BOOL|INT|SIZE|TIME|TEXT|SIGNAL|WHEN),", re.MULTILINE)
TIMEOUT_S = 60
RENDER_LIMIT_S = 10
ESCAPE = "\x1b["
PILE = 20  # descriptors that pile_up.c leaves
BLOCKS = "import os; x = [str(i) * 50 for i in range(200000)]; os._exit(0)"


class Failed(Exception):
    pass


def must(good, why):
    if not good:
        raise Failed(why)


class Bench:
    """One test's folder, and programs run under the tracker in it."""

    def __init__(self, arguments, folder):
        self.tool, self.library = arguments.ctxtrace.resolve(), arguments.lib.resolve()
        self.apps = self.library.parents[1] / "tests" / "apps"
        self.folder = Path(folder)
        self.dumps_folder = self.folder / "dumps"

    def environment(self, options, **more):
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith("CTXTRACE_")}
        return {**plain, "LD_PRELOAD": str(self.library), "TMPDIR": str(self.folder),
                "CTXTRACE_TOOL": str(self.tool), "CTXTRACE_OPTIONS": options, **more}

    def run(self, options, app, *arguments, **more):
        command = [self.apps / app if (self.apps / app).exists() else app, *arguments]
        return subprocess.run(command, env=self.environment(options, **more), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT_S,
                              check=False)

    def start(self, options, app, *arguments):
        return subprocess.Popen([app, *arguments], env=self.environment(options), text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def dumps(self, pattern="*.ctt"):
        return sorted(self.dumps_folder.glob(pattern))

    def report(self, dump=None):
        """The JSON of one dump, of the last one by default."""
        done = subprocess.run([self.tool, "report", "--format=json", "--all",
                               dump or self.dumps()[-1]], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)
        must(done.returncode == 0, done.stderr)
        return json.loads(done.stdout)

    def dumped(self, options, app, *arguments):
        """The JSON that this run's dump gives."""
        self.run(f"dir={self.dumps_folder}:{options}", app, *arguments)
        return self.report()


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        must(time.monotonic() < deadline, "nothing happened")
        time.sleep(0.01)


def test_off(bench):
    done = bench.run(f"off=1:dir={bench.dumps_folder}", "pile_up")
    must(not done.stderr and not bench.dumps(), f"said {done.stderr!r}, wrote {bench.dumps()}")


def test_dir(bench):
    bench.run(f"dir={bench.dumps_folder}", "fd_fixed")
    must(len(bench.dumps("fd_fixed.*.1.ctt")) == 1, f"wrote {bench.dumps()}")


def test_name(bench):
    bench.run(f"dir={bench.dumps_folder}:name=x-%e-%n-%h%%.ctt", "fd_fixed")
    expected = f"x-fd_fixed-1-{os.uname().nodename}%.ctt"
    must([path.name for path in bench.dumps()] == [expected], f"wrote {bench.dumps()}")
    # However many there are of one name, as of process 1 in containers.
    taken = ["same.ctt", *(f"same-{number}.ctt" for number in range(2, 1001))]
    for name in taken:
        (bench.dumps_folder / name).touch()
    for number in (1001, 1002):
        said = bench.run(f"dir={bench.dumps_folder}:name=same.ctt", "fd_fixed").stderr
        last = bench.dumps_folder / f"same-{number}.ctt"
        must(not said and last.exists() and last.stat().st_size > 1000, f"{last.name}: {said!r}")


def test_signal(bench):
    process = bench.start(f"dir={bench.dumps_folder}:signal=SIGWINCH", "cat")
    process.stdin.write("up\n")
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGWINCH)
    wait_until(bench.dumps)
    must(bench.report()["process"]["signal"] == signal.SIGWINCH, "another signal is in the dump")
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=TIMEOUT_S)
    must(process.returncode == -signal.SIGUSR1, f"SIGUSR1 was not left alone: "
                                                f"{process.returncode}")


def test_held(bench):
    said = {held: bench.run(f"held={held}", "fd").stderr for held in ("all", "project", "none")}
    must("1 fd still held" in said["project"] and not said["none"], f"said {said}")
    system = ["/bin/bash", "-c", "exec 7</etc/passwd"]
    must("7" not in bench.run("", *system).stderr, "a system program's descriptor is told")
    told = bench.run("held=all", *system).stderr
    must("still held at exit" in told, f"held=all: {told!r}")


def test_exit(bench):
    severities = {rule: [row["severity"] for row in bench.dumped(f"exit={rule}", "fd")["findings"]]
                  for rule in ("", "all", "declared")}
    must(severities == {"": ["note"], "all": ["warning"], "declared": []}, f"{severities}")


def test_exitcode(bench):
    for app, expected in (("pile_up", 9), ("fd", 0), ("fd_fixed", 0)):
        status = bench.run("exitcode=9", app).returncode
        must(status == expected, f"{app} ended with {status} instead of {expected}")
    status = bench.run("exitcode=9", "/bin/sh", "-c", "exit 3").returncode
    must(status == 3, f"the program's own status 3 became {status}")


def test_grace(bench):
    """Of a thread that has just ended nothing is late yet."""
    script = ("import os, threading, sys\n"
              "t = threading.Thread(target=os.open, args=('/etc/passwd', 0))\n"
              "t.start(); t.join(); print('up', flush=True); sys.stdin.read()\n")
    for grace, late in (("0s", True), ("1h", False)):
        process = bench.start(f"dir={bench.dumps_folder}:grace={grace}", "/usr/bin/python3", "-c",
                              script)
        process.stdout.readline()
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda pid=process.pid: bench.dumps(f"*.{pid}.1.ctt"))
        found = bench.report(bench.dumps(f"*.{process.pid}.1.ctt")[0])["findings"]
        process.communicate(timeout=TIMEOUT_S)
        must(any(row["detector"] == "held-after-cancel" for row in found) == late,
             f"grace={grace}: {[row['detector'] for row in found]}")


def test_reach(bench):
    """Memory is judged at exit, unless that is not wanted (test_reach.py has the rest)."""
    for setting, state in (("exit", "judged"), ("1", "judged"), ("0", None)):
        report = bench.dumped(f"reach={setting}", "memory")
        must(report.get("reach", {}).get("state") == state, f"{setting}: {report.get('reach')}")


def test_max_reach(bench):
    """But not in a process that is larger."""
    for most, state in (("1M", "not_judged"), ("1G", "judged")):
        report = bench.dumped(f"max_reach={most}", "memory")
        must(report["reach"]["state"] == state, f"{most}: {report['reach']}")
        health = "full" if state == "judged" else "degraded"
        must(report["health"]["status"] == health, f"{most}: {report['health']}")


def test_pile_up(bench):
    for enough, piles in ((PILE, 1), (PILE + 1, 0)):
        found = bench.dumped(f"pile_up={enough}", "pile_up")["findings"]
        must(sum(row["detector"] == "pile-up" for row in found) == piles,
             f"pile_up={enough}: {[row['detector'] for row in found]}")


def test_growth(bench):
    """Nine counts, a tenth of a second apart, or too close together to be looked at."""
    for apart, grows in (("20ms", True), ("1m", False)):
        process = bench.start(f"dir={bench.dumps_folder}:growth={apart}",
                              bench.apps / "growth", "pile")
        process.stdout.readline()
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda pid=process.pid: bench.dumps(f"*.{pid}.1.ctt"))
        found = bench.report(bench.dumps(f"*.{process.pid}.1.ctt")[0])["findings"]
        process.communicate(timeout=TIMEOUT_S)
        must(any(row["detector"] == "pile-up" for row in found) == grows,
             f"growth={apart}: {[row['detector'] for row in found]}")


def test_project(bench):
    for glob, told in (("*/fd", True), ("fd", True), ("nothing*", False)):
        must(bool(bench.run(f"project={glob}", "fd").stderr) == told, f"project={glob}")


def test_verbose(bench):
    for value, told in (("1", True), ("yes", True), ("0", False)):
        said = bench.run(f"verbose={value}", "fd_fixed").stderr
        must(said.startswith("verdict: 0 findings") == told, f"verbose={value} said {said!r}")


def test_color(bench):
    for value, coloured in (("always", True), ("auto", False), ("never", False)):
        said = bench.run(f"color={value}", "pile_up").stderr
        must((ESCAPE in said) == coloured, f"color={value} said {said!r}")


def test_render(bench):
    """A command that hangs is given up, and the short report comes instead."""
    hanging = bench.folder / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 100\n", encoding="ascii")
    hanging.chmod(0o755)
    begun = time.monotonic()
    said = bench.run(f"render=200ms:tool={hanging}", "pile_up").stderr
    took = time.monotonic() - begun
    must(took < RENDER_LIMIT_S, f"took {took:.1f} s")
    must(f"held    fd x{PILE}" in said, f"said {said!r}")


def test_tool(bench):
    """Named, it is taken; one that fails or says nothing is no reason for silence."""
    own = bench.folder / "own"
    own.write_text("#!/bin/sh\necho own >&2\nexit 23\n", encoding="ascii")
    own.chmod(0o755)
    must(bench.run(f"tool={own}", "pile_up").stderr == "own\n", "tool= is not used")
    for broken in ("/bin/false", "/nonexistent"):
        said = bench.run(f"tool={broken}", "pile_up").stderr
        must(f"held    fd x{PILE}" in said, f"tool={broken} said {said!r}")


def test_children(bench):
    for children, count in (("follow", 2), ("skip", 1)):
        folder = bench.folder / children
        bench.run(f"dir={folder}:children={children}", "/bin/sh", "-c", "/bin/true; exit 0")
        must(len(list(folder.glob("*.ctt"))) == count, f"children={children}: {count} expected")


def take_snapshots(bench, options, count):
    """The numbers of the dumps that are left of so many snapshots."""
    process = bench.start(f"dir={bench.dumps_folder}:{options}", "cat")
    process.stdin.write("up\n")
    process.stdin.flush()
    process.stdout.readline()
    for number in range(1, count + 1):
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda number=number: bench.dumps(f"cat.*.{number}.ctt"))
    process.communicate(timeout=TIMEOUT_S)
    return sorted(int(path.suffixes[-2][1:]) for path in bench.dumps())


def test_keep(bench):
    left = take_snapshots(bench, "keep=3", 6)
    must(left == [1, 6, 7], f"{left} are left: not the first and the last two")


def test_max_dumps(bench):
    left = take_snapshots(bench, "max_dumps=1k", 4)
    must(left == [1, 5], f"{left} are left: not the first and the last")


def test_max_memory(bench):
    """It stops recording there, and says so; the least it takes is enough for a report."""
    health = bench.dumped("max_memory=4M", "/usr/bin/env", "PYTHONMALLOC=malloc",
                          "/usr/bin/python3", "-c", BLOCKS)["health"]
    must(health["status"] == "degraded" and health["counters"].get("blocks_dropped", 0) > 0,
         f"{health}")
    said = bench.run("max_memory=1k:verbose=1", "fd_fixed").stderr
    must(said.startswith("verdict: 0 findings"), f"max_memory=1k said {said!r}")


def test_auto(bench):
    """What it does is test_auto.py's; here, that it stands beside other options."""
    bench.run(f"auto=fd:3,every:10m,mishap:dir={bench.dumps_folder}", "fd_fixed")
    triggers = [bench.report(dump)["process"]["trigger"] for dump in bench.dumps()]
    must(sorted(triggers) == ["exit", "limit"], f"{triggers}")
    for bad in ("fd", "fd:101%", "every:10", "every:0s,", "mishap:1", "cpu:80%"):
        said = bench.run(f"auto={bad}", "fd_fixed").stderr
        must(("not understood" in said) == (bad != "every:10"), f"auto={bad} said {said!r}")
    ran = subprocess.run([bench.tool, "run", "--auto=fd:80%,cpu:1", "--", "true"], text=True,
                         capture_output=True, timeout=TIMEOUT_S, check=False)
    must(ran.returncode == 64 and "no such condition" in ran.stderr, f"{ran}")


def test_max_listed(bench):
    report = bench.dumped("max_listed=5", "pile_up")
    must(report["summary"]["by_kind"]["fd"]["live"] < PILE, "more than five are listed")
    must(report["health"]["status"] == "degraded" and
         report["health"]["counters"].get("listing_cut", 0) > 0, f"{report['health']}")


def test_sample(bench):
    """What is recorded is less, what is estimated is not; descriptors stay exact."""
    program = ["/usr/bin/env", "PYTHONMALLOC=malloc", "/usr/bin/python3", "-c", BLOCKS]
    reports = {}
    for sample, app in (("0", program), ("64k", program), ("1G", ["pile_up"])):
        bench.dumps_folder = bench.folder / sample
        reports[sample] = bench.dumped(f"sample={sample}", *app)
    exact, sampled = (reports[sample]["summary"]["by_kind"]["memory"] for sample in ("0", "64k"))
    said = f"{exact}, {sampled}"
    must("estimate" not in exact and sampled["estimate"]["recorded"] * 10 < exact["live"], said)
    must(abs(sampled["bytes"] - exact["bytes"]) < 5 * sampled["estimate"]["bytes_error"], said)
    means = [report["process"]["memory_sample_bytes"] for report in reports.values()]
    must(means == [0, 64 << 10, 1 << 30], f"{means}")
    health = reports["64k"]["health"]
    must(health["status"] == "full" and health["notes"] == ["memory sampled: 1 in 65536 bytes"],
         f"{health}")
    piles = reports["1G"]["summary"]["by_kind"]["fd"]
    must(piles["live"] == PILE and "estimate" not in piles, f"{piles}")


def test_locks(bench):
    """Locks are followed where that was asked for, and nowhere else."""
    for setting, expected in (("locks=0", False), ("locks=1", True)):
        report = bench.dumped(setting, "lock")
        told = {"lock-held", "lock-misuse"} & {row["detector"] for row in report["findings"]}
        must(bool(told) == expected, f"{setting}: {told}")


def test_state(bench):
    """A file while it runs, none afterwards (test_state.py has the rest)."""
    process = bench.start(f"state={bench.folder}", "cat")
    wait_until(lambda: list(bench.folder.glob(f"cat.{process.pid}.cts")))
    process.communicate(timeout=TIMEOUT_S)
    must(not list(bench.folder.glob("*.cts")), "the file outlives a process that has ended")


def test_exec_leaks(bench):
    """hazard: C10: what another program has open unasked, by every way to start one."""
    for way in ("fork", "vfork", "spawn", "system", "exec", "nothing"):
        started = set() if way == "nothing" else {"open_plain"}
        for setting, expected in (("exec_leaks=0", set()), ("exec_leaks=1", started)):
            bench.dumps_folder = bench.folder / f"{way}-{setting}"
            said = bench.run(f"dir={bench.dumps_folder}:{setting}", "exec_leak", way).stdout
            must(said == "3 4\n" if way == "exec" else not said, said)  # echo has 3
            told = {frame["function"] for path in bench.dumps()
                    for report in [bench.report(path)] for row in report["findings"]
                    if row["detector"] == "inherited-by-child"
                    for frame in report["stacks"][str(row["stack"])][1:2]}
            must(told == expected, f"{way}, {setting}: {told}")
            # One for each program that there was, not for the one that was not there.
            must(way == "nothing" or len([path for path in bench.dumps()
                                          if path.name.startswith("exec_leak")]) <= 2,
                 f"{way}: {bench.dumps()}")


def test_suppressions(bench):
    """What rules hide is not told, and no exit status says so; what cannot be read is one line."""
    rules, more = bench.folder / "rules", bench.folder / "more"
    rules.write_text("leak:nothing\n")
    more.write_text("# known\nheld:fd:pile_up ticket=T-1\n")
    both = f"suppressions={rules},{os.path.relpath(more)}"
    must("FINDING" in bench.run("", "pile_up").stderr, "nothing to hide")
    done = bench.run(f"exitcode=9:{both}", "pile_up")
    must(done.returncode == 0 and not done.stderr, f"{done.returncode}, {done.stderr!r}")
    report = bench.dumped(both, "pile_up")
    must([row["suppressed"] for row in report["suppressed"]] == ["held:fd:pile_up ticket=T-1"]
         and report["summary"]["findings"] == 0, f"{report['suppressed']}")
    must([row["state"] for row in report["rules"]] == ["unused", "used"], f"{report['rules']}")
    said = bench.run(f"suppressions={bench.folder}/none", "pile_up").stderr.splitlines()
    must(said[0].endswith("no rules are taken from it") and "FINDING" in said[2], f"{said[:3]}")
    rules.write_text("held:fd:pile_up\nnonsense\n")
    done = bench.run(f"suppressions={rules}", "pile_up")
    must(done.returncode == 0 and done.stderr.startswith(f"ctxtrace: {rules}:2: not a rule"),
         f"{done.stderr!r}")


def test_builtin_rules(bench):
    for setting, value in (("", "1"), ("builtin_rules=off", "off")):
        report = bench.dumped(setting, "/usr/bin/perl", "-e", "1")
        options = report["process"]["options"]
        must(options.get("builtin_rules", {"value": "1"})["value"] == value, f"{options}")
        if report.get("reach", {}).get("state") == "judged":
            hidden = report["summary"]["suppressed_built_in"]
            must((hidden > 0) == (value == "1"), f"{setting}: {hidden} groups")


def test_frees(bench):
    """Where a block was freed first is known where that was asked for."""
    for setting, expected in (("frees=0", []), ("frees=1", ["double-free"])):
        bench.dumps_folder = bench.folder / setting
        bench.run(f"dir={bench.dumps_folder}:{setting}", "double_free")
        found = [row["detector"] for row in bench.report()["findings"]]
        must(found == expected, f"{setting}: {found}")
    report = bench.dumped("frees=1:sample=512k", "fd_fixed")
    must("frees=1 has no effect" in json.dumps(report["health"]["notes"]), f"{report['health']}")


def test_stacks(bench):
    """Who and when, but not where: what is found is found all the same."""
    report = bench.dumped("stacks=off", "thread")
    must([f["detector"] for f in report["findings"]] == ["unjoined-thread"] and
         report["stacks"] == {} and report["findings"][0]["stack"] is None, f"{report['findings']}")
    said = bench.run("stacks=off:verbose=1", "pile_up").stderr
    must(said.startswith(f"verdict: 0 findings; {PILE} fds still held"),
         f"what has no place is called a pile of one: {said!r}")


def test_stack_depth(bench):
    stacks = bench.dumped("stack_depth=2", "fd")["stacks"].values()
    pcs = [len([frame for frame in stack if not frame["inlined"]]) for stack in stacks]
    must(pcs and max(pcs) <= 3, f"stacks of {pcs} frames")  # the entered function comes on top


def test_unwind(bench):
    """Only when it is asked for is libunwind in the program."""
    for name, there in (("recipes", False), ("libunwind", True)):
        maps = bench.run(f"unwind={name}", "/bin/cat", "/proc/self/maps").stdout
        must(("libunwind" in maps) == there, f"unwind={name}: libunwind there: {not there}")


def test_verify(bench):
    counters = bench.dumped("verify=unwind", "memory")["health"]["counters"]
    must(counters.get("unwind_verified", 0) > 0 and not counters.get("unwind_differed"),
         f"{counters}")


# Beside the options' own tests: of each type one that is told, by both sides.
BAD_VALUES = ("verify=x", "unwind=", "held=al", "exit=none", "color=on", "children=no",
              "stack_depth=-1", "keep=-1", "exitcode=256", "pile_up=0", "max_listed=1k",
              "sample=18446744073709551616", "max_memory=99999999999G", "max_dumps=1T",
              "grace=18446744073709551617", "render=soon", "verbose=2", "signal=KILL",
              "signal=18446744073709551628", "signal=RTMAX-99", "signal=CHLD")


def test_bad_values(bench):
    """The tracker warns once and goes on as without; the command does not begin."""
    for setting in BAD_VALUES:
        done = bench.run(f"{setting}:{setting}", "fd_fixed")
        must(done.stderr.count(f"not understood in CTXTRACE_OPTIONS: {setting} ") == 1 and
             done.stderr.count("\n") == 1, f"{setting}: the tracker said {done.stderr!r}")
        refused = subprocess.run([bench.tool, "run", f"--{setting}", "--", "/bin/echo", "begun"],
                                 capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
                                 cwd=bench.folder)
        must(refused.returncode != 0 and not refused.stdout and f"--{setting}" in refused.stderr,
             f"{setting}: the command said {refused.stderr!r}, {refused.stdout!r}")


def test_odd_texts(bench):
    """An empty name is one all the same, and a terminal is not told what it would obey."""
    folder = bench.folder / "odd"
    for _ in range(2):
        bench.run(f"dir={folder}:name=", "pile_up")
    must(len(list(folder.iterdir())) == 2, f"{list(folder.iterdir())}")
    done = bench.run("verbose=1:\x1b[31m=2", "fd_fixed")
    must("\x1b" not in done.stderr and ":?[31m=2 (see" in done.stderr, f"{done.stderr!r}")


def run_test(name, test, arguments):
    with tempfile.TemporaryDirectory(prefix="options-") as folder:
        try:
            test(Bench(arguments, folder))
        except (Failed, OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
            print(f"FAILED option_{name}: {error}", flush=True)
            return 1
    print(f"ok option_{name}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, type=Path)
    parser.add_argument("--lib", required=True, type=Path)
    arguments = parser.parse_args()
    failed = 0
    names = ROW.findall((ROOT / "preload" / "options.h").read_text(encoding="utf-8"))
    for name in [*names, "bad_values"]:
        test = globals().get(f"test_{name}")
        if test:
            failed += run_test(name, test, arguments)
        else:
            print(f"FAILED option_{name}: no test")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
