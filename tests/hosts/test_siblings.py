#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What became of the siblings, and what a holding went through: of every kind.

A small program (programs/siblings.c) keeps one of each kind, gives back others in known
places and late, and is asked by a snapshot.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent / "programs" / "siblings.c"
TIMEOUT_S = 60
LATE_S = 0.3

# Kind: the functions that acquire, how many they have, and what releases how many of them.
EXPECTED = (
    ("fd", "acquire_fd descriptors", 12, {"orderly": 10, "on_error": 1}),
    ("fd", "acquire_fd acquires_and_ends", 3, {"orderly": 2}),
    ("mapping", "acquire_mapping", 3, {"release_mapping": 2}),
    ("process", "acquire_child", 3, {"release_child": 2}),
    ("dir", "acquire_directory", 3, {"release_directory": 2}),
    ("stream", "acquire_stream", 3, {"release_stream": 2}),
    ("thread", "acquire_thread", 3, {"release_thread": 2}),
    ("key", "acquire_key", 3, {"release_key": 2}),
    ("memory", "acquire_memory", 3, {"release_memory": 2}),
    ("handle", "acquire_regex", 3, {"release_regex": 2}),
)


class Siblings:
    def __init__(self, options):
        self.ctxtrace, self.library = (os.path.abspath(path)
                                       for path in (options.ctxtrace, options.lib))
        self.program = None
        self.failed = 0

    def check(self, name, good, why=""):
        print("ok " + name if good else f"FAILED {name}: {str(why)[-900:]}", flush=True)
        self.failed += not good

    def ask(self, *words):
        return subprocess.run([self.ctxtrace, *map(str, words)], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)

    def compile(self, folder, source=PROGRAM):
        self.program = Path(folder) / source.stem
        subprocess.run(["cc", "-g", "-O0", "-w", "-D_GNU_SOURCE", "-pthread", "-o", self.program,
                        source], check=True)

    def variables(self, options):
        return dict(os.environ, LD_PRELOAD=self.library, CTXTRACE_TOOL=self.ctxtrace,
                    CTXTRACE_OPTIONS=options)

    def dump(self, folder):
        """What the program says, and the path of a dump of it."""
        process = subprocess.Popen([self.program], stdout=subprocess.PIPE, text=True,
                                   env=self.variables(f"dir={folder}:grace=1ms:frees=1"))
        try:
            said = process.stdout.readline() + process.stdout.readline()
            path = Path(folder) / "now.ctt"
            done = self.ask("snapshot", process.pid, "-o", path)
            if done.returncode:
                raise SystemExit(f"FAILED snapshot: {done.stderr}")
            return said, path
        finally:
            process.kill()
            process.communicate()


def places(report, siblings):
    """How many were released, by the function in the program that called the release."""
    counts = {}
    for place in siblings["places"]:
        frames = report["stacks"][str(place["stack"])]
        name = next((f["function"] for f in frames if f["in_project"]), None)
        counts[name] = counts.get(name, 0) + place["count"]
    return counts


def siblings_of(report, kind, functions):
    for row in report["live"]:
        frames = report["stacks"][str(row["stack"])] if row["stack"] else []
        if row["kind"] == kind and set(functions.split()) <= {f["function"] for f in frames}:
            return row["siblings"]
    return None


def check_siblings(bench, report):
    for kind, functions, acquired, released in EXPECTED:
        found = siblings_of(report, kind, functions)
        good = found and found["acquired"] == acquired and \
            places(report, found) == released and found["released"] == sum(released.values())
        bench.check(f"siblings-{kind}-{functions.split()[-1]}", good,
                    (found, found and places(report, found)))


def check_late(bench, report):
    late = siblings_of(report, "fd", "acquire_fd acquires_and_ends")["late"]
    bench.check("siblings-late", late["count"] == 2 and
                LATE_S <= late["mean_s"] <= late["longest_s"] < LATE_S + TIMEOUT_S, late)
    orderly = siblings_of(report, "fd", "acquire_fd descriptors")["late"]
    bench.check("siblings-not-late", orderly == {"count": 0, "longest_s": None, "mean_s": None},
                orderly)


def check_history(bench, report):
    copy = next((h for h in report["holdings"] if h["detail_kind"] == "dup"), None)
    if not copy or not copy.get("copy_of_stack"):
        bench.check("history-copy", False, report["holdings"])
        return
    frames = [f["function"] for f in report["stacks"][str(copy["copy_of_stack"])]]
    bench.check("history-copy", "acquire_fd" in frames and copy["copy_of"] < copy["fd"], frames)
    bench.check("history-use", copy["last_task"] and copy["last_task"] != copy["task"], copy)
    failed = [m for m in report["mishaps"] if m["name"] == "failed-close"]
    bench.check("history-failed-close", len(failed) == 1 and failed[0]["error"] == "ENOSPC" and
                failed[0]["kind"] == "stream", failed)
    bench.check("history-no-finding", not any("close" in f["detector"]
                                              for f in report["findings"]), report["findings"])


def check_silence(bench, folder):
    """A close that failed is told to who asks: at exit no command is even started."""
    tool = Path(folder) / "tool"
    tool.write_text("#!/bin/sh\ntouch called\n")
    tool.chmod(0o755)
    done = subprocess.run([bench.program, "full"], cwd=folder,
                          env=bench.variables("auto=mishap") | {"CTXTRACE_TOOL": str(tool)},
                          capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    bench.check("failed-close-is-silent",
                done.returncode == 0 and done.stdout == "fclose gives -1\n" and not done.stderr and
                not (Path(folder) / "called").exists(), done)


def check_show(bench, report, path):
    """Of the copy, and of the finding that the report's own next line names."""
    copy = next(h for h in report["holdings"] if h["detail_kind"] == "dup")
    copy = {"copy_of": None} | copy
    shown = bench.ask("show", f"fd:{copy['fd']}", path).stdout
    bench.check("show-copy", f"of fd {copy['copy_of']}, acquired by acquire_fd " in shown and
                "another task than acquired it" in shown and "(SCM_RIGHTS)" in shown, shown)
    command = next((line.split()[2:] for line in bench.ask("report", path).stdout.splitlines()
                    if line.startswith("    next    ctxtrace show")), [])
    done = bench.ask(*command)
    bench.check("show-next", done.returncode == 0 and "released here: 2" in done.stdout and
                "2 released after their context's end: by 3" in done.stdout, done)
    stream = next(h for h in report["holdings"] if h["kind"] == "stream")
    shown = bench.ask("show", f"stream:{stream['handle']}", path).stdout
    bench.check("show-stream", "    owns    fd " in shown and "> release_stream" in shown, shown)


def check_same_id(bench, folder):
    """Two findings whose stacks have the same names: the id is one, and shows both."""
    bench.compile(folder, PROGRAM.with_name("same_names.c"))
    dumps = Path(folder) / "same"
    subprocess.run([bench.program], env=bench.variables(f"dir={dumps}"), capture_output=True,
                   timeout=TIMEOUT_S, check=True)
    path = next(dumps.glob("*.ctt"))
    ids = [f["id"] for f in
           json.loads(bench.ask("report", "--format=json", path).stdout)["findings"]]
    shown = bench.ask("show", ids[0], path)
    bench.check("show-same-id", len(ids) == 2 and ids[0] == ids[1] and shown.returncode == 0 and
                "/etc/passwd" in shown.stdout and "/etc/group" in shown.stdout, shown)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True)
    bench = Siblings(parser.parse_args())
    with tempfile.TemporaryDirectory(prefix="ctxtrace-siblings.") as folder:
        bench.compile(folder)
        check_silence(bench, folder)
        said, path = bench.dump(folder)
        bench.check("siblings-program", said == "fclose gives -1\nready\n", said)
        report = json.loads(bench.ask("report", "--format=json", "--all", path).stdout)
        check_siblings(bench, report)
        check_late(bench, report)
        check_history(bench, report)
        check_show(bench, report, path)
        check_same_id(bench, folder)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
