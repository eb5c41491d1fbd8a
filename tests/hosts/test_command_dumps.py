#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Dumps, from their writing to their reading: where they go, what a report of whole and
of damaged ones says, and what happens when there is no room for one.

Usage: test_command_dumps.py --ctxtrace PATH --lib PATH
"""
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

from command_bench import BAD_INPUT, TIMEOUT_S, USAGE, Program, run_tests

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "report" / "schema" / "ctxtrace.report-1.schema.json"
COLUMNS = 100
NOBODY = 65534


def test_report_files(bench):
    first, second = Program(bench, dump_dir="two"), Program(bench, dump_dir="two")
    first.tell("t 1")
    for program in (first, second):
        program.end()
    dumps = bench.dumps(bench.folder / "two")
    result = bench.run("report", *dumps)
    bench.expect("report_processes", result, 0, "2 processes, 1 with findings")
    each = bench.run("report", "--each", *dumps)
    bench.check("report_each", each.stdout.count("verdict:") == 2, each.stdout)
    leaky = next(dump for dump in dumps if f".{first.pid}." in dump.name)
    bench.expect("report_stdin", bench.run("report", "-", stdin=open(leaky, "rb")), 0,
                 "verdict: 1 FINDING")
    bench.expect("report_kind", bench.run("report", "--kind=memory", leaky), 0, "0 findings")
    bench.expect("report_no_such_kind", bench.run("report", "--kind=x", leaky), USAGE)
    bench.expect("report_tasks", bench.run("report", "--tasks", leaky), 0, "tasks (")
    bench.expect("report_strict", bench.run("report", "--strict", leaky), 0)
    bench.expect("report_nonsense", bench.run("report", "--nonsense", leaky), USAGE)


def test_bad_dumps(bench):
    program = Program(bench, dump_dir="bad")
    program.tell("t 1")
    program.end()
    whole = bench.dumps(bench.folder / "bad")[0].read_bytes()
    flipped = bytearray(whole)
    # In a text: elsewhere it may be a record's length, and the dump is called cut.
    flipped[whole.index(b"glibc ")] ^= 0x40
    newer = bytearray(whole)
    newer[8] = 99  # the major version, after the magic
    bad = {"empty": (b"", "empty"), "text": (b"hello\n" * 99, "not a ctxtrace dump"),
           "flipped": (bytes(flipped), "checksum"), "newer": (bytes(newer), "newer"),
           **{f"cut_{size}": (whole[:size], "cut")
              for size in (4, 30, 100, len(whole) // 2, len(whole) - 20, len(whole) - 1)}}
    for name, (content, words) in bad.items():
        path = bench.folder / f"{name}.ctt"
        path.write_bytes(content)
        result = bench.run("report", path)
        bench.expect("bad_dump_" + name, result, BAD_INPUT, words)
        bench.check(f"bad_dump_{name}_is_not_clean",
                    "verdict: 0 findings   " not in result.stdout, result.stdout)
        bench.expect("bad_dump_diff_" + name, bench.run("diff", path, path), BAD_INPUT)


def test_json(bench):
    try:
        import jsonschema
    except ImportError:
        bench.skip("json_schema", "no python3-jsonschema")
        return
    schema = json.loads(SCHEMA.read_text())
    program = Program(bench, "grace=0s", dump_dir="json")
    program.tell("t 2")
    program.tell("f 20")
    texts = {"live": bench.run("snapshot", "--format=json", program.pid).stdout}
    program.end(signal.SIGABRT)
    last = bench.dumps(program.folder)[-1]
    texts["fatal"] = bench.run("report", "--format=json", "--all", last).stdout
    for name, text in texts.items():
        report = json.loads(text)
        try:
            jsonschema.validate(report, schema)
            bench.check("json_" + name, report["summary"]["findings"] >= 1, report["summary"])
        except jsonschema.ValidationError as error:
            bench.check("json_" + name, False, error.message)
    lines = bench.run("report", "--all", last).stdout.splitlines()
    bench.check("text_width", max(map(len, lines)) <= COLUMNS, max(lines, key=len))
    bench.check("text_has_no_null", "(null)" not in "".join(lines))


def preload(bench, *words, options, **more):
    return bench.run_program(*words, env={"LD_PRELOAD": bench.library,
                                          "CTXTRACE_OPTIONS": options}, **more)


def test_unknown_option(bench):
    for script in ("/bin/true; (ls; /bin/true) >/dev/null; ls >/dev/null; :",
                   "/bin/true; exec env bash -c 'true; exec env'"):
        result = preload(bench, "bash", "-c", script, options="nonsense=1")
        said = [line for line in result.stderr.splitlines() if "nonsense" in line]
        bench.check("unknown_option_is_told_once", len(said) == 1 and result.returncode == 0
                    and "CTXTRACE_WARNED" not in result.stdout, result.stderr)


def test_folders(bench):
    result = preload(bench, bench.held, options="dir=/proc/nowhere:exit=all", input="f 1\nq 0\n")
    told = re.search(r"dumps go to (\S+): /proc/nowhere", result.stderr)
    bench.check("unwritable_folder_says_where", told is not None, result.stderr)
    if told:
        bench.check("fallback_is_private",
                    stat.S_IMODE(os.stat(told.group(1)).st_mode) == 0o700)
    fresh = bench.folder / "fresh"
    preload(bench, bench.held, options=f"dir={fresh}", input="q 0\n", umask=0)
    bench.check("folder_is_private", stat.S_IMODE(fresh.stat().st_mode) == 0o700)
    if os.geteuid() != 0:
        bench.skip("foreign_folder", "needs root to give one away")
        return
    foreign = bench.folder / "foreign"
    foreign.mkdir()
    os.chown(foreign, NOBODY, NOBODY)
    result = preload(bench, bench.held, options=f"dir={foreign}", input="q 0\n")
    bench.check("foreign_folder_says_where", "dumps go to " in result.stderr, result.stderr)
    bench.check("foreign_folder_stays_empty", not list(foreign.iterdir()))


def wait_for(condition):
    end = time.monotonic() + TIMEOUT_S / 6
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def test_disk_full(bench):
    """A limit on file size stands for a full disk: the next write fails."""
    program = Program(bench, "verbose=0", dump_dir="full")
    pid = program.process.pid
    subprocess.run(["prlimit", f"--pid={pid}", "--fsize=1024:unlimited"], check=True)
    bench.expect("disk_full_is_no_answer", bench.run("snapshot", "--timeout=500ms", program.pid),
                 BAD_INPUT)
    bench.check("disk_full_leaves_no_file", not bench.dumps(program.folder),
                bench.dumps(program.folder))
    bench.check("disk_full_leaves_no_part",
                all(p.name.startswith(".ctxtrace.") for p in program.folder.iterdir()),
                list(program.folder.iterdir()))
    subprocess.run(["prlimit", f"--pid={pid}", "--fsize=unlimited:unlimited"], check=True)
    text = bench.run("snapshot", "--format=json", program.pid).stdout
    failed = json.loads(text)["health"]["counters"].get("snapshots_failed") if text else None
    bench.check("disk_full_is_counted", failed == 1, text)
    said = program.end()
    bench.check("disk_full_is_told_once", said.count("no dump could be written") == 1, said)


TESTS = (test_report_files, test_bad_dumps, test_json, test_unknown_option, test_folders,
         test_disk_full)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
