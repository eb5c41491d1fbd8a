#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The words of the sources' first comments, the judge of run_leaks.py on a real report, and
scripts/compare on a few programs with the tools that are installed. Prints "ok NAME",
"skipped NAME: why" or "FAILED NAME: why".
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "lib"))

import compare_table
import compare_tools
import leak_programs
import run_leaks
from leak_tracker import Tracker

BAD_LINES = (
    'expect: pile-up fd many "f < main"',
    'expect: pile-up fd 3 f',
    'expect: pile-up fd 3 "f" bites=4',
    'expect: nothing\n * expect: pile-up fd 3 "f"',
    'seen: somewhere else\n * expect: nothing',
    'run: here lies=exit\n * run: ends',
)
COMPARED = ("lost-list", "descriptors-half_a_pair", "reachable-epoll_data")


def read_head(lines):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "group" / "name.c"
        source.parent.mkdir()
        source.write_text(f"/* SPDX */\n/*\n * A program.\n *\n * {lines}\n */\n#include <a.h>\n"
                          ' * expect: behind "the head"\n', encoding="utf-8")
        return leak_programs.read_program(source)


def check_words(options):
    program = read_head('seen: a/b#1 it was there\n * run: one two ends=fatal options=locks=1\n'
                        ' * expect: unreachable memory 3 "f < main" bytes=72 parts=2 '
                        'severity=error by=other whole')
    wanted = leak_programs.Expectation("unreachable", "memory", 3, ("f", "main"), 72, 2,
                                       "error", "other", True)
    if program.expectations != (wanted,):
        yield f"{program.expectations}"
    if program.runs != (leak_programs.Run(("one", "two"), "fatal", "locks=1"),):
        yield f"{program.runs}"
    if program.name != "group-name" or program.seen != ("a/b#1 it was there",):
        yield f"{program.name} {program.seen}"


def check_bad_words(options):
    for lines in BAD_LINES:
        try:
            yield f"{lines!r} was read as {read_head(lines)}"
        except leak_programs.BadHeader:
            continue


def check_stacks(options):
    stack = ("calloc@@GLIBC_2.2.5", "ns::box<int>::open(int) const", "work.cold", "main")
    for functions, is_there in ((("open", "main"), True), (("work",), True), (("box",), False),
                                (("main", "work"), False),
                                (("calloc", "open", "work", "main"), True)):
        if leak_programs.is_on_stack(functions, stack) != is_there:
            yield f"{functions} on {stack}: {not is_there}"


def check_judge(options):
    """A real report of twenty sockets, against expectations that are right and wrong."""
    program = next(program for program in leak_programs.list_programs()
                   if program.name == "descriptors-half_a_pair")
    tracker = Tracker(options.ctxtrace, options.lib)
    report = tracker.trace_and_compare(program.name, program.runs[0])
    right = program.expectations[0]
    for wrong, wanted in ((right, 0), (replace(right, count=19), 1), (replace(right, size=5), 1),
                          (replace(right, severity="error"), 1), (replace(right, parts=1), 1),
                          (replace(right, functions=("elsewhere",)), 2),
                          (replace(right, kind="pipe"), 2), (replace(right, detector="other"), 2)):
        told = list(run_leaks.judge(report, (wrong,), ()))
        if len(told) != wanted:
            yield f"{wrong}: {told}"
    if len(list(run_leaks.judge(report, (), ()))) != 1:
        yield "an unexpected finding is none"
    if list(run_leaks.judge(report, (replace(right, detector="other"),), ("other", "pile-up"))):
        yield "what is left out is judged"


def check_reports(options):
    """At least fifteen programs are drawn from reports, and sixty leak."""
    programs = leak_programs.list_programs()
    if sum(bool(program.seen) for program in programs) < 15:
        yield "fewer than 15 name the report that they are drawn from"
    if sum(not program.is_silent for program in programs) < 60:
        yield "fewer than 60 leak"
    if unknown := {program.group for program in programs} - set(compare_table.GROUPS):
        yield f"no row for {unknown}"


def run_compare(options, *words, path=None):
    build = Path(options.lib).resolve().parents[1]
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    return subprocess.run([sys.executable, ROOT / "scripts" / "compare", "--build", build, *words],
                          capture_output=True, text=True, check=False, timeout=300,
                          env=environment)


def check_table(options):
    """What each tool must say of three programs; a tool that is missing has an empty cell."""
    wanted = {"ctxtrace": ("1 of 1", "1 of 1", "none false"),
              "valgrind": ("1 of 1", "1 of 1", "false"),
              "LeakSanitizer": ("1 of 1", "0 of 1", "false"),
              "heaptrack": ("1 of 1", "0 of 1", "false")}
    for number, name in enumerate(COMPARED):
        done = run_compare(options, "--only", name)
        rows = [[cell.strip() for cell in line.split("|")[1:-1]]
                for line in done.stdout.splitlines() if line.startswith("|")]
        if done.returncode or len(rows) != 5:
            yield f"{name}: status {done.returncode}, {done.stdout[-500:]} {done.stderr[-300:]}"
            continue
        for tool, cell in zip(rows[0][1:], rows[2][1:]):
            cells = wanted[tool]
            if cells[number] and cell and cells[number] not in cell:
                yield f"{name}: {tool}: {cell!r} instead of {cells[number]!r}"


def check_missing_tool(options):
    """Named, and left out; its column is empty."""
    with tempfile.TemporaryDirectory() as folder:
        for tool in ("python3", "gcc", "g++", "ninja", "meson", "env", "as", "ld"):
            Path(folder, tool).symlink_to(Path("/usr/bin") / tool)
        done = run_compare(options, "--only", "silent-streams", "--tools", "valgrind,ctxtrace",
                           path=folder)
    if "left out: valgrind" not in done.stdout or "| ctxtrace |" not in done.stdout:
        yield f"{done.stdout} {done.stderr[-500:]}"


def check_readme(options):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "README.md"
        path.write_text("no marks\n", encoding="utf-8")
        if compare_table.write_readme(path, "table"):
            yield "it was written without marks"
        path.write_text(f"a\n{compare_table.BEGIN}\nold\n{compare_table.END}\nb\n",
                        encoding="utf-8")
        compare_table.write_readme(path, "| new |")
        text = path.read_text(encoding="utf-8")
        if text != f"a\n{compare_table.BEGIN}\n| new |\n{compare_table.END}\nb\n":
            yield f"{text!r}"
    if compare_table.BEGIN not in (ROOT / "README.md").read_text(encoding="utf-8"):
        yield "README.md has no marks"


def check_parsers(options):
    """Records of each tool's own text; the texts are cut from real runs."""
    valgrind = ("==7== Open file descriptor 4: /etc/passwd\n"
                "==7==    at 0x4955011: open (open64.c:41)\n"
                "==7==    by 0x1091B1: main (a.c:6)\n==7== \n"
                "==7== Open file descriptor 10: /dev/null\n"
                "==7==    <inherited from parent>\n==7== \n"
                "==7== 72 (24 direct, 48 indirect) bytes in 1 blocks are definitely lost "
                "in loss record 2 of 3\n==7==    at 0x48417B4: malloc (in /usr/x.so)\n"
                "==7==    by 0x109176: f(int) (a.cpp:5)\n")
    records = list(compare_tools.Valgrind.read(valgrind))
    if records != [compare_tools.Record("fd", 1, ("open", "main")),
                   compare_tools.Record("memory", 1, ("malloc", "f(int)"))]:
        yield f"valgrind: {records}"
    lsan = ("Direct leak of 66 byte(s) in 2 object(s) allocated from:\n"
            "    #0 0x7f5c in __interceptor_malloc lsan.cpp:75\n    #1 0x5610 in f a.c:5\n"
            "    #2 0x7f4f  (/lib/libc.so.6+0x3c04f)\n    #3 0x55 in main a.c:9\n\nSUMMARY: x\n")
    records = list(compare_tools.LeakSanitizer.read(lsan))
    if records != [compare_tools.Record("memory", 2, ("__interceptor_malloc", "f", "?", "main"))]:
        yield f"LeakSanitizer: {records}"
    heaptrack = ("MEMORY LEAKS\n4.10K leaked over 3 calls from\n  f\n    at a.c:5\n    in /a\n"
                 "  main\n    at a.c:6\n\n\ntotal runtime: 0.00s.\n")
    records = list(compare_tools.Heaptrack.read(heaptrack))
    if records != [compare_tools.Record("memory", 3, ("f", "main"))]:
        yield f"heaptrack: {records}"


CHECKS = {name.removeprefix("check_"): check for name, check in list(globals().items())
          if name.startswith("check_")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, help="the command")
    parser.add_argument("--lib", required=True, help="libctxtrace.so in its build directory")
    options, failures = parser.parse_args(), 0
    for name, check in CHECKS.items():
        wrong = list(check(options))
        failures += bool(wrong)
        print(f"FAILED {name}: {wrong[0]}" if wrong else f"ok {name}", flush=True)
        for line in wrong[1:]:
            print(f"    {line}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
