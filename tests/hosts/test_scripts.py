#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The two scripts that a newcomer meets: setup on a machine where packages are missing (its
tools are stand-ins), and the last line of test. Prints "ok NAME" or "FAILED NAME: why".
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
UNAVAILABLE = 69
MISSING = "uthash-dev"


def write_stand_in(folder, name, text):
    path = Path(folder) / name
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def run(*command, path=""):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "PATH": path + os.environ["PATH"]})


def run_setup(installed, user):
    """scripts/setup where dpkg knows these packages as installed, as this user."""
    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(f"installed {name} \\n" for name in installed)
        write_stand_in(folder, "dpkg-query", f"printf '{rows}'")
        write_stand_in(folder, "id", f"echo {user}")
        write_stand_in(folder, "apt-get", "echo apt-get was called >&2; exit 1")
        return run(SCRIPTS / "setup", path=f"{folder}:")


def check_nothing_missing():
    packages = run(SCRIPTS / "setup", "--list").stdout.split()
    done = run_setup(packages, 1000)
    if done.returncode or done.stdout or done.stderr:
        return f"status {done.returncode}, {done.stdout!r}, {done.stderr!r}"
    return "" if MISSING in packages else f"{MISSING} is not in the list"


def check_missing_without_root():
    packages = run(SCRIPTS / "setup", "--list").stdout.split()
    done = run_setup([name for name in packages if name != MISSING], 1000)
    line = f"  sudo apt-get update && sudo apt-get install -y --no-install-recommends {MISSING}"
    if done.returncode != UNAVAILABLE or line not in done.stderr.splitlines():
        return f"status {done.returncode}, {done.stderr!r}"
    return ""


def check_last_line():
    done = run(sys.executable, SCRIPTS / "lib" / "run_tests.py", "--only", "no such suite")
    last = (done.stdout.splitlines() or [""])[-1]
    if not re.fullmatch(r"\d+ passed, \d+ failed, \d+ skipped", last):
        return f"last line {last!r}; {done.stderr[-300:]!r}"
    return "" if done.returncode == 1 else "nothing passed, and the status is 0"


def check_left_behind():
    """What a test leaves running, in a session of its own, holds nobody up."""
    sys.path.insert(0, str(SCRIPTS / "lib"))
    import run_tests
    done = run_tests.run(["sh", "-c", "echo said; setsid sleep 60 & exit 3"], 30)
    late = run_tests.run(["sh", "-c", "echo said; sleep 60"], 1)
    good = done == (3, "said\n") and late[0] == 124 and late[1].startswith("said\n")
    return "" if good else f"{done}, {late}"


CHECKS = {
    "setup_nothing_missing": check_nothing_missing,
    "setup_missing_without_root": check_missing_without_root,
    "test_last_line": check_last_line,
    "test_left_behind": check_left_behind,
}


def main():
    failures = 0
    for name, check in CHECKS.items():
        why = check()
        failures += bool(why)
        print(f"FAILED {name}: {why}" if why else f"ok {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
