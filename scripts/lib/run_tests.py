# SPDX-License-Identifier: MIT
"""Runs the suites of suites.py and sums them up.

Called by scripts/test. The last line is "N passed, N failed, N skipped"; the status
is 1 when anything failed or nothing passed. Builds are made when a suite needs them,
in build, build-clang, build-asan and build-tsan (CTXTRACE_BUILD names another prefix).
"""

import argparse
import contextlib
import fnmatch
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import outcomes
import suites

ROOT = Path(__file__).resolve().parents[2]
PREFIX = os.environ.get("CTXTRACE_BUILD", str(ROOT / "build"))
TAIL_LINES = 40


def build_folder(name):
    return Path(PREFIX if name == "gcc" else f"{PREFIX}-{name}")


def print_tail(text):
    for line in text.rstrip().splitlines()[-TAIL_LINES:]:
        print("    " + line)


def run(command, timeout_s=600, environment=None, cwd=ROOT):
    """(status, stdout and stderr) of a command that cannot outlive its time. What it says
    goes to a file: whoever is left behind by a test that failed would hold a pipe."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=cwd, env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
            start_new_session=True)
        try:
            status, late = process.wait(timeout=timeout_s), ""
        except subprocess.TimeoutExpired:
            status, late = 124, f"\nFAILED time: longer than {timeout_s} s\n"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        said.seek(0)
        return status, said.read().decode(errors="replace") + late


def list_meson_tests(build, folder, folders):
    """The build's tests whose program lies under one of the folders, as meson tells them."""
    status, text = run(["meson", "introspect", "--tests", folder])
    if status:
        return []
    roots = tuple(f"{base}/{sub}/" for base in (folder, ROOT) for sub in folders)
    left_out = suites.NOT_SANITIZED if build.only else ()
    return [test for test in json.loads(text[text.index("["):])
            if any(os.path.normpath(word).startswith(roots) for word in test["cmd"])
            and not any(fnmatch.fnmatch(test["name"], glob) for glob in left_out)]


def list_targets(build, folder):
    """What ninja has to make for the tests of a build that is made in part."""
    words = {os.path.normpath(folder / word) for test in list_meson_tests(build, folder, build.only)
             for word in test["cmd"]}
    known = {str(Path(name)) for target in introspect_targets(folder)
             for name in target["filename"]}
    return sorted(os.path.relpath(word, folder) for word in words & known)


def introspect_targets(folder):
    status, text = run(["meson", "introspect", "--targets", folder])
    return [] if status else json.loads(text[text.index("["):])


class Builder:
    """Makes each build directory once, remembers the ones that do not compile."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.made = {}

    def make(self, name):
        """None when the build stands, else what went wrong."""
        if name not in self.made:
            self.made[name] = self._make(suites.BUILDS[name])
        return self.made[name]

    def _make(self, build):
        folder = build_folder(build.name)
        environment = {"CC": build.compiler, "CXX": build.compiler.replace("gcc", "g++")
                       if build.compiler == "gcc" else "clang++"}
        if not (folder / "build.ninja").exists():
            status, text = run(["meson", "setup", folder, "-Dwerror=true", *build.options],
                               environment=environment)
            if status:
                print_tail(text)
                return "meson setup failed"
        else:
            run(["meson", "configure", folder, "-Dwerror=true"])
        targets = list_targets(build, folder) if build.only else []
        status, text = run(["ninja", "-C", folder, "-k", "0", "-j", self.jobs, *targets],
                           timeout_s=1200)
        if status:
            print_tail("\n".join(line for line in text.splitlines()
                                 if not line.startswith("[")))
            return "does not compile"
        return None


def substitute(words, folder):
    values = {"build": folder, "lib": folder / "preload" / "libctxtrace.so",
              "tool": folder / "report" / "ctxtrace"}
    return [word.format(**values) for word in words]


def run_line_programs(suite, folder):
    if suite.command:
        commands = [substitute(suite.command, folder)]
    else:
        arguments = substitute(("--ctxtrace", "{tool}", "--lib", "{lib}"), folder)
        paths = sorted(path for glob in suite.programs for path in ROOT.glob(glob))
        commands = [[str(path.relative_to(ROOT)), *arguments] for path in paths]
    for command in commands:
        if command[0].endswith(".py"):
            command.insert(0, "/usr/bin/python3")
        program = next(word for word in command if "python3" not in word)
        status, text = run(command, suite.timeout_s)
        if status:
            print_tail(text)
        yield from outcomes.read_output(Path(program).stem, status, text)


def run_meson_tests(suite, folder):
    build = suites.BUILDS[suite.build]
    names = [test["name"] for test in list_meson_tests(build, folder, suite.folders)]
    log = folder / "meson-logs" / "testlog.json"
    if not names:
        return
    log.unlink(missing_ok=True)
    status, text = run(["meson", "test", "-C", folder, "--no-rebuild", *names],
                       suite.timeout_s, build.environment)
    if not log.exists():
        print_tail(text)
        yield outcomes.Outcome(suite.name, "failed", f"meson test ended with {status}")
        return
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
            print_tail(entry.get("stdout", "") + entry.get("stderr", ""))
        yield from outcomes.read_meson_entry(entry)


def run_fuzz_targets(suite, folder):
    targets = [path for sub in suite.folders for path in sorted((folder / sub).glob("fuzz_*"))
               if path.is_file() and os.access(path, os.X_OK)]
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    for target in targets:
        share = max(1, seconds // len(targets))
        found = folder / "corpus" / target.name
        corpus = ROOT / "tests/fuzz/corpus" / target.name.removeprefix("fuzz_")
        found.mkdir(parents=True, exist_ok=True)
        status, text = run([target, f"-max_total_time={share}", "-rss_limit_mb=2048",
                            f"-artifact_prefix={found}-", found, corpus],
                           share + 120, suites.BUILDS[suite.build].environment)
        if status:
            print_tail(text)
        yield outcomes.Outcome(target.name, "failed" if status else "passed",
                               f"crashed with {status}, input beside {found}")


def confirm_build(suite, folder):
    yield outcomes.Outcome(suite.build, "passed")


WAYS = {"lines": run_line_programs, "meson": run_meson_tests, "fuzz": run_fuzz_targets,
        "build": confirm_build}


def run_suite(suite, builder):
    broken = builder.make(suite.build)
    if broken:
        return [outcomes.Outcome(suite.build, "failed", broken)]
    found = list(WAYS[suite.how](suite, build_folder(suite.build)))
    return found or [outcomes.Outcome("none", "skipped", "this suite has no tests yet")]


def tell(suite, found, seconds):
    counts = count(found)
    for outcome in found:
        if outcome.result != "passed":
            print(f"{outcome.result.upper():7} {suite.name}: {outcome.name}: {outcome.why}")
    print(f"{suite.name:13} {counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped  ({seconds:.0f} s)", flush=True)


def count(found):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for outcome in found:
        counts[outcome.result] += 1
    return counts


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/test", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="build, lint and unit tests only")
    parser.add_argument("--only", metavar="GLOB", help="suites whose name matches")
    parser.add_argument("--list", action="store_true", help="print the suites' names")
    parser.add_argument("--jobs", default=str(os.cpu_count() or 2), help="parallel compilations")
    return parser.parse_args()


def take_signals():
    """A shell's background job ignores these, and so would every program under test."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def main():
    take_signals()
    options = parse_arguments()
    chosen = [suite for suite in suites.SUITES
              if fnmatch.fnmatch(suite.name, options.only or "*")
              and (suite.quick or not options.quick)]
    if options.list:
        print("\n".join(suite.name for suite in chosen))
        return 0
    builder, total = Builder(options.jobs), []
    for suite in chosen:
        started = time.monotonic()
        found = run_suite(suite, builder)
        tell(suite, found, time.monotonic() - started)
        total += found
    counts = count(total)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
