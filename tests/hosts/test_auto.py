#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""auto=: snapshots that nobody asked for, of real programs.

Each condition comes true once for each doubling, the dump says which it was, and the
program sees nothing of it. Prints "ok NAME" or "FAILED NAME: why".
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from test_options import Bench, Failed, must  # noqa: E402

PYTHON = ["/usr/bin/python3", "-c"]
GROUPS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))

# Looks come with the first hook of a second, so each step is followed by one.
STEPS = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (400, 400))
held = []
for wanted in (60, 110, 150, 240, 300):
    while len(held) < wanted:
        held.append(os.open("/dev/null", os.O_RDONLY))
    time.sleep(1.2)
    held.append(os.open("/dev/null", os.O_RDONLY))
    time.sleep(0.2)
"""

MISHAPS = """
import os, signal, time
def twice(close):
    fd = os.open("/dev/null", os.O_RDONLY)
    close(fd)
    try:
        close(fd)
    except OSError:
        pass
twice(os.close)
time.sleep(0.3)
os.kill(os.getpid(), signal.SIGKILL)
"""

NUMBERS = """
import os, time
end, numbers = time.monotonic() + 3.5, set()
while time.monotonic() < end:
    fd = os.open("/dev/null", os.O_RDONLY)
    numbers.add(fd)
    os.close(fd)
    os.read(0, 1)
print(sorted(numbers))
"""

GROWS = """
import os, time
blocks = []
for i in range(12):
    blocks.append(b"x" * (10 << 20))
    time.sleep(0.4)
    os.close(os.open("/dev/null", os.O_RDONLY))
"""

FORKS = """
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
held = [os.open("/dev/null", os.O_RDONLY) for i in range(60)]
time.sleep(1.2)
os.open("/dev/null", os.O_RDONLY)
time.sleep(0.3)
if os.fork() == 0:
    os.open("/dev/null", os.O_RDONLY)
    time.sleep(0.3)
    os._exit(0)
os.wait()
"""


def automatic(bench, options, program, prefix=()):
    """The dumps that a run gives of itself: (trigger, cause) in their order."""
    bench.run(f"dir={bench.dumps_folder}:keep=100:{options}", *prefix, *PYTHON, program)
    reports = [bench.report(dump)["process"] for dump in
               sorted(bench.dumps("python3*"), key=lambda path: path.stat().st_mtime_ns)]
    return [(report["pid"], report["trigger"], report["cause"]) for report in reports
            if report["trigger"] in ("limit", "periodic")]


def test_fd(bench):
    """A quarter of 400, and then only twice as many."""
    seen = automatic(bench, "auto=fd:25%", STEPS)
    must([trigger for _, trigger, _ in seen] == ["limit"] * 2, f"{seen}")
    first, second = (int(cause.split()[1]) for _, _, cause in seen)
    must(100 <= first <= 120 and second >= 2 * first, f"{seen}")
    must(seen[0][2].startswith("descriptors: ") and seen[0][2].endswith(" of 400"), f"{seen}")


def test_mishap(bench):
    """At once: the program is killed a moment later."""
    seen = automatic(bench, "auto=mishap", MISHAPS)
    must([fact[1:] for fact in seen] == [("limit", "mishaps: 1")], f"{seen}")
    report = bench.report()
    must([m["name"] for m in report["mishaps"]] == ["double-close"], f"{report['mishaps']}")


def test_every(bench):
    seen = automatic(bench, "auto=every:1s", NUMBERS)
    must(2 <= len(seen) <= 4 and all(fact[1:] == ("periodic", "time has passed")
                                     for fact in seen), f"{seen}")


def test_unseen(bench):
    """A program that opens all the time gets the numbers that it would get without us."""
    native = subprocess.run([*PYTHON, NUMBERS], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, check=True)
    traced = bench.run(f"dir={bench.dumps_folder}:auto=every:1s,fd:1,rss:1k,mishap", *PYTHON,
                       NUMBERS)
    must(traced.stdout == native.stdout and traced.returncode == 0,
         f"{traced.stdout!r}, natively {native.stdout!r}")
    must(len(bench.dumps("python3*")) > 2, f"{bench.dumps()}")


def test_rss_of_a_size(bench):
    seen = automatic(bench, "auto=rss:60M", GROWS)
    must([trigger for _, trigger, _ in seen] in (["limit"], ["limit"] * 2), f"{seen}")
    must(int(seen[0][2].split()[2]) >= 60 << 20, f"{seen}")


def make_group():
    """A memory control group bounded to 256 MiB, or None where none can be made."""
    for root in GROUPS:
        group = root / f"ctxtrace-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        for bound in ("memory.limit_in_bytes", "memory.max"):
            if (group / bound).exists():
                (group / bound).write_text(str(256 << 20), encoding="ascii")
                return group
        group.rmdir()
    return None


def test_rss_of_the_control_group(bench):
    group = make_group()
    if not group:
        return "no memory control group can be made here"
    try:
        enter = ("/bin/sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$0" "$@"')
        seen = automatic(bench, "auto=rss:30%", GROWS, enter)
    finally:
        group.rmdir()
    must(seen and seen[0][2].endswith(f" of {256 << 20}"), f"{seen}")
    must(int(seen[0][2].split()[2]) >= (256 << 20) * 30 // 100, f"{seen}")
    return None


def test_fork(bench):
    """The child's snapshot is its own, and the parent's amount is not doubled for it."""
    seen = automatic(bench, "auto=fd:50%", FORKS)
    must(len(seen) == 2 and seen[0][0] != seen[1][0], f"{seen}")


def test_without(bench):
    must(automatic(bench, "keep=9", MISHAPS) == [], "a snapshot that nobody asked for")


def run_test(name, test, arguments):
    with tempfile.TemporaryDirectory(prefix="auto-") as folder:
        try:
            why = test(Bench(arguments, folder))
        except (Failed, OSError, subprocess.SubprocessError, LookupError, ValueError) as error:
            print(f"FAILED auto_{name}: {error}", flush=True)
            return 1
    print(f"skipped auto_{name}: {why}" if why else f"ok auto_{name}", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, type=Path)
    parser.add_argument("--lib", required=True, type=Path)
    arguments = parser.parse_args()
    tests = {name[5:]: test for name, test in globals().items() if name.startswith("test_")}
    failed = sum(run_test(name, test, arguments) for name, test in tests.items()
                 if callable(test))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
