#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every subcommand, end to end, with the real tracker in real processes.

Usage: test_command_live.py --ctxtrace PATH --lib PATH

A small program that holds what it is told to (programs/held.c) is run, asked,
marked, compared and ended; what the command then says is what was done. Refusals
that need no tracker are test_command_refusals.py's.
"""
import argparse
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "report" / "schema" / "ctxtrace.report-1.schema.json"
HELD = Path(__file__).resolve().parent / "programs" / "held.c"
FINDINGS, USAGE, BAD_INPUT, INCONCLUSIVE = 23, 64, 66, 71
TIMEOUT_S = 60
COLUMNS = 100
NOBODY = 65534


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


def test_run_reports(bench):
    bench.expect("run_finding_is_told", bench.run("run", "--", bench.held, input="t 2\nq 0\n"), 0,
                 "verdict: 1 FINDING")
    folder = bench.folder / "ctxtrace-reports"
    bench.check("run_folder_is_private", stat.S_IMODE(folder.stat().st_mode) == 0o700)
    bench.check("run_dumps_are_private",
                [stat.S_IMODE(p.stat().st_mode) for p in bench.dumps(folder)] == [0o600])
    bench.check("run_leaves_no_announcement",
                not [p for p in folder.iterdir() if p.suffix != ".ctt"], list(folder.iterdir()))
    for words, told, status in (((), "t 1\nq 0\n", 0), (("--error-exitcode",), "t 1\nq 0\n", 23),
                                (("--error-exitcode=9",), "t 1\nq 0\n", 9),
                                (("--error-exitcode=9",), "t 1\nq 4\n", 4),
                                (("--error-exitcode",), "f 1\nq 0\n", 0),
                                (("--error-exitcode", "--exit=all"), "f 1\nq 0\n", 23)):
        bench.expect("run_status_" + "_".join((*words, told.split()[-1])),
                     bench.run("run", *words, "--", bench.held, input=told), status)
    bench.expect("run_clean_is_told", bench.run("run", "--", "/bin/true"), 0,
                 "0 findings in 1 process")
    bench.expect("run_off_is_inconclusive",
                 bench.run("run", "--off", "--error-exitcode", "--", "/bin/true"), INCONCLUSIVE,
                 "no dump was written")


def test_run_formats(bench):
    first, second = bench.folder / "first.json", bench.folder / "second.txt"
    result = bench.run("run", f"--format=json:{first}", f"--format=text:{second}", "--",
                       bench.held, input="t 1\nq 3\n")
    bench.expect("run_formats_status", result, 3)
    bench.check("run_formats_json", json.loads(first.read_text())["summary"]["findings"] == 1)
    bench.check("run_formats_text", "verdict: 1 FINDING" in second.read_text())
    before = len(bench.dumps(bench.folder / "ctxtrace-reports"))
    for words in (("--format=nonsense",), ("--grace=soon",), ("--keep=3k",), ("--signal=FOO",),
                  ("--nonsense",)):
        bench.expect("run_refuses" + words[0], bench.run("run", *words, "--", "/bin/true"), USAGE,
                     "ctxtrace")
    bench.check("run_refuses_before_it_runs",
                len(bench.dumps(bench.folder / "ctxtrace-reports")) == before)


def test_run_programs(bench):
    script = bench.folder / "script"
    script.write_text(f"#!/bin/sh\ncat\necho 't 1 q 0' | {bench.held} >/dev/null\nexit 6\n")
    script.chmod(0o755)
    result = bench.run("run", "--", script, input="through\n")
    bench.expect("run_script", result, 6, "verdict: 1 FINDING")
    bench.check("run_stdin_is_passed", result.stdout == "through\n", result.stdout)
    for number in (signal.SIGSEGV, signal.SIGTERM, signal.SIGKILL):
        bench.expect(f"run_dies_of_{number.name}",
                     bench.run("run", "--", "sh", "-c", f"kill -{int(number)} $$"), -number)
    static = bench.compile("static", "int main(void) { return 0; }", "-static")
    if static:
        bench.expect("run_static", bench.run("run", "--error-exitcode", "--", static),
                     INCONCLUSIVE, "static program")
    musl = shutil.which("musl-gcc")
    if not musl:
        bench.skip("run_musl", "no musl-gcc")
        return
    subprocess.run([musl, "-w", "-o", bench.folder / "musl", bench.folder / "static.c"],
                   check=True)
    bench.expect("run_musl", bench.run("run", "--error-exitcode", "--", bench.folder / "musl"),
                 INCONCLUSIVE, "not a glibc program")


def test_run_forwards(bench):
    for name in ("TERM", "HUP", "INT"):
        child = subprocess.Popen(
            [bench.command, "run", "--", "sh", "-c",
             f"trap 'exit 9' {name}; echo ready; while :; do sleep 0.05; done"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=bench.folder,
            env=bench.environment)
        child.stdout.readline()
        child.send_signal(getattr(signal, "SIG" + name))
        child.communicate(timeout=TIMEOUT_S)
        bench.check("run_forwards_" + name, child.returncode == 9, child.returncode)


def test_run_early_request(bench):
    """A request that comes before the tracker is there is kept."""
    for attempt in range(5):
        launcher = subprocess.Popen(
            [bench.command, "run", f"--dir=early{attempt}", "--", "sh", "-c", "sleep 0.4; exit 3"],
            stderr=subprocess.PIPE, cwd=bench.folder, env=bench.environment)
        children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children")
        while not (pids := children.read_text().split()):
            pass
        os.kill(int(pids[0]), signal.SIGUSR1)
        launcher.communicate(timeout=TIMEOUT_S)
        kept = list((bench.folder / f"early{attempt}").glob(f"sh.{pids[0]}.*.ctt"))
        if launcher.returncode != 3 or len(kept) != 2:
            bench.check("run_early_request", False, f"{launcher.returncode} {kept}")
            return
    bench.check("run_early_request", True)


def test_snapshot(bench):
    program = Program(bench)
    program.tell("f 3")
    program.tell("m 4")
    copy = bench.folder / "copy.ctt"
    bench.expect("snapshot_text", bench.run("snapshot", program.pid), 0, "held now")
    bench.expect("snapshot_copies", bench.run("snapshot", "-o", copy, program.pid), 0)
    bench.check("snapshot_copy_is_private", stat.S_IMODE(copy.stat().st_mode) == 0o600)
    counts = live_counts(bench.run("snapshot", "--format=json", program.pid).stdout)
    bench.check("snapshot_counts", counts.get("fd") == 3 and counts.get("memory", 0) >= 4, counts)
    taken = len(bench.dumps(program.folder))
    bench.expect("snapshot_bad_format", bench.run("snapshot", "--format=x", program.pid), USAGE)
    bench.check("snapshot_bad_format_asks_nobody", len(bench.dumps(program.folder)) == taken)
    bench.expect("ps_lists_it", bench.run("ps"), 0, f"held.{program.pid}.{taken}.ctt")
    bench.check("snapshot_announces", (program.folder / f".ctxtrace.{program.pid}").exists())
    program.tell("f 1")
    bench.check("snapshot_leaves_it_running", program.process.poll() is None)
    said = program.end(signal.SIGTERM)
    bench.check("snapshot_then_its_end", program.process.returncode == -signal.SIGTERM, said)
    bench.check("announcement_is_removed",
                not (program.folder / f".ctxtrace.{program.pid}").exists())


def test_snapshot_refusals(bench):
    off = Program(bench, "off=1")
    bench.expect("snapshot_switched_off", bench.run("snapshot", off.pid), BAD_INPUT,
                 "switched off")
    off.end()
    own = Program(bench, words=(str(int(signal.SIGUSR1)),))
    bench.expect("snapshot_beside_the_programs_own_signal", bench.run("snapshot", own.pid), 0,
                 "SIGRTMAX-7")
    own.end()
    stopped = Program(bench)
    stopped.process.send_signal(signal.SIGSTOP)
    bench.expect("snapshot_stopped", bench.run("snapshot", "--timeout=500ms", stopped.pid),
                 BAD_INPUT, "it is stopped")
    stopped.process.send_signal(signal.SIGCONT)
    if os.geteuid() == 0:
        result = bench.run("snapshot", stopped.pid, user=NOBODY, group=NOBODY, extra_groups=[],
                           cwd="/")
        bench.expect("snapshot_not_ours", result, BAD_INPUT, "not ours")
    else:
        bench.skip("snapshot_not_ours", "needs root to become somebody else")
    stopped.end()


def test_mark_and_diff(bench):
    program = Program(bench)
    program.tell("f 3")
    program.tell("m 4")
    before, after = bench.folder / "before.ctt", bench.folder / "after.ctt"
    bench.run("snapshot", "-o", before, program.pid)
    bench.expect("report_without_mark", bench.run("report", "--since=mark", before), BAD_INPUT,
                 "no mark was set")
    bench.expect("mark", bench.run("mark", program.pid), 0, "marked at")
    for command in ("f 5", "m 6", "c 3", "x 9"):
        program.tell(command)
    bench.run("snapshot", "-o", after, program.pid)
    counts = live_counts(bench.run("report", "--since=mark", "--format=json", after).stdout)
    bench.check("since_mark", counts == {"fd": 5, "memory": 5}, counts)
    series = bench.run("report", before, after)
    bench.expect("report_series", series, 0, "change")
    bench.check("report_series_is_one", series.stdout.count("held now, by count") == 1)
    rows = json.loads(bench.run("diff", "--format=json", before, after).stdout)["rows"]
    change = {}
    for row in rows:
        key = row["change"], row["kind"]
        change[key] = change.get(key, 0) + row["count_b"] - row["count_a"]
    # Descriptor 3 came back at once: it is one of the five, and the first site has one less.
    bench.check("diff", change.get(("grown", "fd"), 0) + change.get(("new", "fd"), 0) == 5
                or sum(v for (_, kind), v in change.items() if kind == "fd") == 4, change)
    bench.check("diff_memory",
                sum(v for (_, kind), v in change.items() if kind == "memory") == 5, change)
    text = bench.run("diff", before, after)
    bench.check("diff_text", text.returncode == 0 and "files_open held.c:" in text.stdout,
                text.stdout)
    same = bench.run("diff", after, after)
    bench.check("diff_of_the_same", "0 stacks changed" in same.stdout, same.stdout)
    gone = bench.run("diff", "--format=json", after, before)
    bench.check("diff_backwards", {row["change"] for row in json.loads(gone.stdout)["rows"]} &
                {"gone", "shrunk"} != set(), gone.stdout)
    program.end()


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


def test_doctor(bench):
    bench.expect("doctor_program", bench.run("doctor", "--", bench.held), 0, "can be loaded")
    program = Program(bench)
    bench.expect("doctor_process", bench.run("doctor", f"--pid={program.pid}"), 0)
    program.end()


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


TESTS = (test_run_reports, test_run_formats, test_run_programs, test_run_forwards,
         test_run_early_request, test_snapshot, test_snapshot_refusals, test_mark_and_diff,
         test_report_files, test_bad_dumps, test_json, test_doctor, test_unknown_option,
         test_folders, test_disk_full)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", required=True)
    arguments = parser.parse_args()
    bench = Bench(os.path.abspath(arguments.ctxtrace), os.path.abspath(arguments.lib))
    if not bench.held:
        print("FAILED held: it does not compile")
        return 1
    for test in TESTS:
        test(bench)
    shutil.rmtree(bench.folder, ignore_errors=True)
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
