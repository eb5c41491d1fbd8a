# SPDX-License-Identifier: MIT
"""What the tests of the command with real processes share: the command, the library, and
a small program that holds what it is told to (programs/held.c)."""

import argparse
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

HELD = Path(__file__).resolve().parent / "programs" / "held.c"
USAGE, BAD_INPUT, INCONCLUSIVE = 64, 66, 71
TIMEOUT_S = 60


class Bench:
    """The command, the library, a folder of our own, and what failed."""

    def __init__(self, command, library):
        self.command, self.library = command, library
        self.failed = 0
        self.folder = Path(tempfile.mkdtemp(prefix="ctxtrace-live."))
        self.folder.chmod(0o755)
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith("CTXTRACE") and k != "LD_PRELOAD"}
        self.environment |= {"CTXTRACE_LIB": library, "CTXTRACE_TOOL": command}
        self.held = self.compile("held", HELD.read_text(), "-pthread")

    def check(self, name, good, why=""):
        print("ok " + name if good else f"FAILED {name}: {str(why)[-400:]!r}", flush=True)
        self.failed += not good

    def skip(self, name, why):
        print(f"skipped {name}: {why}", flush=True)

    def run(self, *words, **options):
        """The command with these words, in our folder."""
        return self.run_program(self.command, *words, **options)

    def run_program(self, *words, env=None, cwd=None, **options):
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        if "input" in options:
            del options["stdin"]
        return subprocess.run([str(word) for word in words], capture_output=True, text=True,
                              errors="replace", env={**self.environment, **(env or {})},
                              cwd=cwd or self.folder, timeout=TIMEOUT_S, check=False, **options)

    def expect(self, name, result, status, words=""):
        said = result.stdout + result.stderr
        self.check(name, result.returncode == status and words in said,
                   f"status {result.returncode}, expected {status} and {words!r}: {said}")

    def compile(self, name, text, *flags):
        source, program = self.folder / f"{name}.c", self.folder / name
        source.write_text(text)
        done = subprocess.run(["cc", "-g", "-O1", "-w", "-o", program, source, *flags],
                              capture_output=True, check=False)
        return program if done.returncode == 0 else None

    def dumps(self, folder):
        return sorted(Path(folder).glob("*.ctt"))


class Program:
    """A running held.c under the tracker."""

    def __init__(self, bench, options="", words=(), dump_dir="dumps"):
        self.folder = bench.folder / dump_dir
        setting = ":".join(filter(None, (f"dir={self.folder}", options)))
        self.process = subprocess.Popen(
            [bench.held, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, cwd=bench.folder,
            env={**bench.environment, "LD_PRELOAD": bench.library, "CTXTRACE_OPTIONS": setting})
        self.pid = str(self.process.pid)
        self.process.stdout.readline()

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def end(self, number=None):
        if number:
            self.process.send_signal(number)
        return self.process.communicate(timeout=TIMEOUT_S)[1]


def live_counts(text):
    """{kind: count} of what a JSON report says is held."""
    counts = {}
    for row in json.loads(text)["live"]:
        counts[row["kind"]] = counts.get(row["kind"], 0) + row["count"]
    return counts


def run_tests(tests):
    """The status of a program whose arguments are --ctxtrace PATH --lib PATH."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True)
    arguments = parser.parse_args()
    bench = Bench(os.path.abspath(arguments.ctxtrace), os.path.abspath(arguments.lib))
    if not bench.held:
        print("FAILED held: it does not compile")
        return 1
    for test in tests:
        test(bench)
    shutil.rmtree(bench.folder, ignore_errors=True)
    return 1 if bench.failed else 0
