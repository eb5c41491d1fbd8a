# SPDX-License-Identifier: MIT
"""Runs the patterns of this folder, each with its mistake and without (see meson.build).

As tests/apps/run_apps.py does it: a run with the mistake gives exactly the finding in
tests/golden/patterns, the corrected twin gives none. Then what no golden file can say: the id
of a request stands in the text, and chance does not change a verdict.
"""
import concurrent.futures
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "apps"))

from run_apps import Case, parse_arguments, run_all

RUNS = 1000
PARALLEL = 4
LONGEST_US = 3000
FINDING = 99


def pattern(name, *arguments, **more):
    return Case("-".join((name, *arguments)), name, arguments, folder="patterns", **more)


CASES = (
    pattern("returns_too_late", options="grace=20ms"),
    pattern("defer_in_loop", "many"),
    pattern("defer_in_loop", "ten", options="pile_up=8"),
    pattern("outlives_context"),
    pattern("lost_cancel"),
    pattern("child_contexts", options="reach=1", trigger="signal", is_live=True),
    pattern("cancel_and_return"),
    pattern("wrong_order", "rollback"),
    pattern("wrong_order", "directory"),
    pattern("main_returns_first"),
    pattern("waitgroup", "negative"),
    pattern("waitgroup", "reused"),
    pattern("waitgroup", "never"),
    pattern("trace_id"),
    pattern("unreleased"),
)


def run_traced(options, program, *arguments, **words):
    """(exit status, stderr) of a program of this folder; FINDING where there is one."""
    path = Path(options.lib).parents[1] / "tests" / "patterns" / program
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "LD_PRELOAD": options.lib, "TMPDIR": folder,
                       "CTXTRACE_TOOL": options.ctxtrace,
                       "CTXTRACE_OPTIONS": f"exitcode={FINDING}", **words}
        done = subprocess.run([path, *arguments], env=environment, capture_output=True,
                              text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def check_trace(options):
    """The report of the leaked socket names the request."""
    status, text = run_traced(options, "trace_id")
    lines = [line for line in text.splitlines() if "req-12345" in line and "whose" in line]
    return "" if status == FINDING and lines else f"ends with {status}: {text}"


def check_chance(options):
    """Under delays by chance one verdict for all runs with the mistake, another without."""
    delays = [str(random.randrange(LONGEST_US)) for _ in range(RUNS)]
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        for program, expected in (("cancel_and_return", FINDING),
                                  ("cancel_and_return_fixed", 0)):
            def once(delay, program=program):
                return run_traced(options, program, delay)

            for delay, (status, text) in zip(delays, pool.map(once, delays)):
                if status != expected:
                    return f"{program} {delay}: ends with {status}: {text}"
    return ""


def main():
    options = parse_arguments()
    failures = run_all(CASES, options)
    for check in (check_trace, check_chance):
        why = check(options) if options.only == "*" else ""
        print(f"FAILED {check.__name__}: {why}" if why else f"ok {check.__name__}", flush=True)
        failures += bool(why)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
