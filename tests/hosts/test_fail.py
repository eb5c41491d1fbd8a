#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`ctxtrace run --fail=`: what is asked to fail fails, as the real function would, and
nothing else; the report says above all else that it was so. Prints "ok NAME" or
"FAILED NAME: why".
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from test_options import TIMEOUT_S, Bench, Failed, must  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ["/usr/bin/python3", "-c"]
OPENS = """
import os
failed = []
for i in range(300):
    try:
        os.close(os.open("/dev/null", os.O_RDONLY))
    except OSError as error:
        failed.append((i, error.errno))
print(failed)
"""
SNAPSHOTS = """
import signal, time
for i in range(2):
    signal.raise_signal(signal.SIGRTMAX - 7)
    time.sleep(0.3)
"""
STANDARD = {"malloc": "ENOMEM", "open": "EMFILE", "fopen": "EMFILE", "socket": "EMFILE",
            "accept": "EMFILE", "connect": "ECONNREFUSED", "bind": "EADDRINUSE",
            "pipe": "EMFILE", "epoll_create": "EMFILE", "eventfd": "EMFILE", "fork": "EAGAIN",
            "read": "EIO", "write": "ENOSPC", "recv": "ECONNRESET", "send": "EPIPE",
            "pthread_create": "EAGAIN", "close": "EIO", "fclose": "EIO"}


class FailBench(Bench):
    def run_failing(self, rules, command, **more):
        options = [f"--fail={rule}" for rule in rules]
        return subprocess.run([self.tool, "run", *options, f"--dir={self.dumps_folder}", "--",
                               *command], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=False, **more)

    def text(self):
        return subprocess.run([self.tool, "report", self.dumps()[-1]], capture_output=True,
                              text=True, timeout=TIMEOUT_S, check=True).stdout


def rows():
    """(function, group) of every row of inject.c."""
    text = (ROOT / "preload/hooks/inject.c").read_text(encoding="utf-8")
    for group, rest in re.findall(r"^    X\((\w+), E\w+, ([^\n]*)", text, re.MULTILINE):
        words = [word.strip() for word in rest.split(",")]
        # "failure, type, function, ..." or "function, ..."
        yield (words[2] if words[0] in ("-1", "NULL") else words[0]), group


def test_rows(bench):
    """Every function that can fail is called by injectable.c, and the other way round."""
    listed = subprocess.run([bench.apps / "injectable", "--list"], capture_output=True,
                            text=True, check=True).stdout.split()
    table = [function for function, _ in rows()]
    must(sorted(listed) == sorted(table) and len(table) > 40,
         f"{set(listed) ^ set(table)} stand on one side only")


def test_each(bench):
    """By its name it fails once with what its row says, and then no more."""
    for function, group in rows():
        standard = STANDARD.get(group)
        done = bench.run_failing([f"{function}:ELOOP:site=injectable+0x0", f"{function}:EBUSY"],
                                 [bench.apps / "injectable", function])
        said = [line for line in done.stdout.splitlines() if line.startswith(function + " ")]
        expected = f"{function} -1 EBUSY"
        must(said == [expected] and "still open" not in done.stdout,
             f"{done.stdout!r} {done.stderr!r} instead of {expected!r}")
        if not standard or function in ("fdopen", "dup2", "dup3"):
            continue
        done = bench.run_failing([function], [bench.apps / "injectable", function])
        must(f" {standard}\n" in done.stdout, f"{function}: {done.stdout!r}, not {standard}")


def test_group(bench):
    """open is all that open."""
    done = bench.run_failing(["open:EACCES"], [bench.apps / "injectable", "openat64"])
    must(done.stdout == "openat64 -1 EACCES\n", done.stdout)


def test_every(bench):
    done = bench.run_failing(["open:EMFILE:every=100,site=python3.11+0x1"], [*PYTHON, OPENS])
    must(done.stdout == "[]\n", f"at another place: {done.stdout}")
    done = bench.run_failing(["open:EMFILE:every=100"], [*PYTHON, OPENS])
    must(len(eval(done.stdout)) == 3 and "24" in done.stdout, done.stdout)
    report = bench.report()
    must(report["injected"]["rules"] == "open:EMFILE:every=100", f"{report['injected']}")
    failed = [place for place in report["injected"]["places"] if place["failed"]]
    must(sum(place["failed"] for place in failed) == 3, f"{failed}")
    leaf = report["stacks"][str(failed[0]["stack"])][0]
    must(leaf["function"] in ("open", "open64") and "libc" in leaf["module"], f"{leaf}")
    must(not report["findings"] or
         {f["severity"] for f in report["findings"] if f["detector"] == "limit-hit"} <= {"note"},
         f"what we did ourselves is a finding: {report['findings']}")


def test_site(bench):
    """A place of the report's is a rule: there it fails, and nowhere else."""
    bench.run_failing(["open:list"], [*PYTHON, OPENS])
    places = bench.report()["injected"]["places"]
    busiest = max(places, key=lambda place: place["calls"])
    must(busiest["calls"] >= 300 and not any(place["failed"] for place in places), f"{places}")
    done = bench.run_failing([f"open:EIO:site={busiest['site']},at=300"],
                             [*PYTHON, OPENS])
    must(len(eval(done.stdout)) <= 1, done.stdout)
    after = [place for place in bench.report()["injected"]["places"] if place["failed"]]
    must([place["site"] for place in after] == [busiest["site"]], f"{after}")


def test_seed(bench):
    runs = [bench.run_failing([f"open:EIO:p=0.1,seed={seed}"], [*PYTHON, OPENS]).stdout
            for seed in (7, 7, 8)]
    must(runs[0] == runs[1] != runs[2], f"{runs}")


def test_lost_data(bench):
    """A write or close that loses data is a note and no more, told at exit to nobody."""
    for function, kind in (("write", "fd"), ("close", "fd"), ("fclose", "stream")):
        for error in ("ENOSPC", "EINTR"):
            bench.dumps_folder = bench.folder / f"{function}-{error}"
            bench.run_failing([f"{function}:{error}"], [bench.apps / "injectable", function])
            found = [(f["severity"], f["kind"]) for f in bench.report()["findings"]
                     if f["detector"] == "failed-write"]
            must(found == ([("note", kind)] if error == "ENOSPC" else []),
                 f"{function} {error}: {found}")
    done = bench.run("tool=/nonexistent", "/bin/cp", __file__, "/dev/full")
    must(done.returncode == 1 and "ctxtrace" not in done.stderr, done.stderr)


def test_heading(bench):
    """Text, JSON, the line at exit, and the verdict of a program that says nothing."""
    done = bench.run_failing(["read:EIO:times=1"], ["/bin/cat", __file__])
    must(done.returncode == 1 and "Input/output error" in done.stderr, f"{done}")
    must("ctxtrace: INJECTED: 0 findings" in done.stderr, done.stderr)
    must(bench.text().startswith("INJECTED faults: read:EIO:times=1 (1 failed, at 1 place)\n"),
         bench.text())
    done = bench.run_failing(["close:at=1000000"], [bench.apps / "pile_up"])
    must("INJECTED faults" in done.stderr.splitlines()[0], done.stderr)
    done = bench.run_failing(["malloc:at=1000000"], [bench.apps / "dir"])
    must("INJECTED faults" in done.stderr.splitlines()[0], done.stderr)
    bench.dumps_folder = bench.folder / "plain"
    plain = bench.dumped("verbose=1", "fd_fixed")
    must(plain["injected"] is None, f"{plain['injected']}")


def test_none_failed(bench):
    """A run in which nothing has failed has tested nothing: it says so and is no pass."""
    for rule, calls in (("socket:EMFILE", "of 0 such calls"), ("open:at=1000000", " such call")):
        done = subprocess.run([bench.tool, "run", "--error-exitcode", f"--fail={rule}",
                               f"--dir={bench.dumps_folder}", "--", "/bin/cat", "/dev/null"],
                              capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        must(done.returncode == 71 and f"--fail={rule}: nothing has failed" in done.stderr and
             calls in done.stderr, f"{rule}: {done}")
    done = bench.run_failing(["open:EIO:at=100000"], [*PYTHON, OPENS + SNAPSHOTS])
    calls = re.search(r"of (\d+) such calls", done.stderr)
    must(calls and 300 <= int(calls[1]) < 600, f"counted twice: {done.stderr}")
    done = bench.run_failing(["open:EIO:site=libc.so.6+0x1,at=1", "open:list"], ["/bin/true"])
    must("nothing has failed" not in done.stderr, done.stderr)
    done = subprocess.run([bench.tool, "run", "--fail-sweep=socket",
                           f"--dir={bench.dumps_folder}", "--", "/bin/true"],
                          capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    must(done.returncode == 71 and "0 places: socket is not called" in done.stdout, f"{done}")


def test_fork_child(bench):
    """A child that a fork has made ends without a dump: its parent counts for it."""
    forks = ["/usr/bin/perl", "-e", 'if (!fork) { open(F, "</etc/hostname") or '
             'syswrite(STDOUT, "$!"); require POSIX; POSIX::_exit(0) } wait']
    bench.run_failing(["open:list"], forks)
    report = bench.report()["injected"]
    own = sum(place["calls"] for place in report["places"])
    must(report["calls"] > own, f"{report['calls']} calls, {own} in the parent")
    done = bench.run_failing([f"open:EIO:at={own + 1}"], forks)
    must("nothing has failed" not in done.stderr, f"{own}: {done}")
    report = bench.report()["injected"]
    must(report["failed"] == 1 and not any(place["failed"] for place in report["places"]),
         f"{report}")
    must("(0 failed, at 0 places, more in other processes of its fork)" in bench.text(),
         bench.text())


def test_bad_rules(bench):
    for rule, words in (("mallo", "no such function"), ("open:ESTUPID", "not understood"),
                        ("open:every=0", "not understood"), ("", "one rule"),
                        ("open;read", "one rule"), ("open:at=1:at=2", "not understood")):
        done = bench.run_failing([rule], [bench.apps / "injectable", "open"])
        must(words in done.stderr, f"{rule}: {done.stderr!r}")
        must((done.returncode, done.stdout) == (64, ""), f"{rule}: {done}")
    done = bench.run_failing(["open:at=1", "mallo"], [bench.apps / "injectable", "open"])
    must((done.returncode, done.stdout) == (64, ""), f"{done}")
    done = subprocess.run([bench.tool, "run", "--fail-sweep=mallo", f"--dir={bench.dumps_folder}",
                           "--", "true"], capture_output=True, text=True, timeout=TIMEOUT_S,
                          check=False)
    must(done.returncode == 64 and "no such function" in done.stderr, f"{done}")


def swept(bench, *command):
    """The sweep's end, and what became of each function that it names."""
    bench.dumps_folder = bench.folder / f"sweep{len(list(bench.folder.iterdir()))}"
    done = subprocess.run([bench.tool, "run", "--fail-sweep=malloc", f"--dir={bench.dumps_folder}",
                           "--", *command], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=TIMEOUT_S, check=False)
    lines = re.findall(r"^  (\S+).*\[\S+\]  (.*)$", done.stdout, re.MULTILINE)
    must(done.stdout.startswith("INJECTED faults: ") and "done" not in done.stdout, done.stdout)
    return done, dict(lines)


FORGOT = "CRASH  SIGSEGV; MISUSE ignored-result, 1 memory by forget_to_look"


def test_sweep_behind_wrappers(bench):
    """What a wrapper replaces itself by is swept, whatever their names."""
    for wrapper in (("env",), ("sh", "-c", 'exec "$0"')):
        done, places = swept(bench, *wrapper, bench.apps / "sweepable")
        must(done.returncode == 23 and places.get("forget_to_look", "").startswith(FORGOT),
             f"{wrapper}: {done}")


def test_sweep(bench):
    """The place that does not look, the one that leaks and the one that insists are found."""
    done, places = swept(bench, bench.apps / "sweepable")
    must(done.returncode == 23, f"{done}")
    must(places["look"].startswith("ok") and places["forget_to_look"].startswith(FORGOT) and
         places["leave_open"].startswith("LEAK   held-after-cancel, 1 fd by leave_open") and
         sum(said.startswith("HANG") for said in places.values()) == 1, f"{places}")
    must(done.stdout.endswith(", 1 crashes, 1 hangs, 1 leaks, 1 misuses\n"), done.stdout)
    must(len(bench.dumps()) == 3, f"dumps of {bench.dumps()}")  # the first, crash and leak


def test_sweep_of_the_corrected(bench):
    done, places = swept(bench, bench.apps / "sweepable_fixed")
    must(done.returncode == 0 and places["forget_to_look"] == "ok     exit 3", f"{done}")
    must({"look", "leave_open", "insist"} <= set(places), f"{places}")


def test_sweep_of_a_real_program(bench):
    done, places = swept(bench, "/bin/ls", "-l", "/")
    must(len(places) > 5 and done.returncode in (0, 23), f"{done}")


def test_only_by_the_command(bench):
    """Who finds the variable in an environment, and what the program starts, runs as ever."""
    stray = bench.environment(f"dir={bench.dumps_folder}", CTXTRACE_FAIL="1:open")
    done = subprocess.run([bench.apps / "injectable", "open"], env=stray, capture_output=True,
                          text=True, check=True)
    must(done.stdout == "open 0 0\n" and "INJECTED" not in done.stderr, f"{done}")
    done = bench.run_failing(["open"], ["/bin/sh", "-c", f"env; {bench.apps}/injectable open"])
    must("CTXTRACE_FAIL" not in done.stdout and "open 0 0\n" in done.stdout, done.stdout)
    again = bench.run_failing(["open"], ["/usr/bin/env", bench.tool, "run",
                                         f"--dir={bench.folder / 'inner'}", "--",
                                         bench.apps / "injectable", "open"])
    must("open 0 0\n" in again.stdout, f"{again}")


def run_test(name, test, arguments):
    with tempfile.TemporaryDirectory(prefix="fail-") as folder:
        try:
            test(FailBench(arguments, folder))
        except (Failed, OSError, subprocess.SubprocessError, LookupError, ValueError,
                SyntaxError, json.JSONDecodeError) as error:
            print(f"FAILED fail_{name}: {error}", flush=True)
            return 1
    print(f"ok fail_{name}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, type=Path)
    parser.add_argument("--lib", required=True, type=Path)
    arguments = parser.parse_args()
    os.environ.pop("CTXTRACE_OPTIONS", None)
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    return 1 if sum(run_test(name, test, arguments) for name, test in tests.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
