#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""state=: what a process leaves that was killed, and `ctxtrace report --recover`.

A program that holds a known number of everything is killed, also in the middle of a storm
of acquisitions and releases by many threads; what is recovered is counted. Prints
"ok NAME", "FAILED NAME: why" or "skipped NAME: why".

Usage: test_state.py --ctxtrace PATH --lib PATH [--kills N]
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
TIMEOUT_S = 60
FDS, BLOCKS, BLOCK_BYTES = 7, 300, 1000
THREADS, MANY, LIBRARIES = 4, 400000, 20
KILLS = 60
SEED = 20
BAD_INPUT = 66
GROUP_BYTES = 64 << 20


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def must(good, why):
    if not good:
        raise Failed(why)


class Bench:
    def __init__(self, arguments, folder):
        self.tool, self.library = arguments.ctxtrace.resolve(), arguments.lib.resolve()
        self.kills = arguments.kills
        self.folder = folder
        self.program = folder / "killed"
        subprocess.run(["cc", "-g", "-O1", "-w", "-D_GNU_SOURCE", "-pthread",
                        f"-I{PROGRAMS.parents[2] / 'preload' / 'ctx'}", "-o", self.program,
                        PROGRAMS / "killed.c"], check=True)
        # Where it belongs; a machine may have made it small.
        self.states = Path(tempfile.mkdtemp(prefix="ctxtrace-state.", dir="/dev/shm"))

    def environment(self, options):
        plain = {name: value for name, value in os.environ.items()
                 if not name.startswith("CTXTRACE_")}
        return {**plain, "LD_PRELOAD": str(self.library), "TMPDIR": str(self.folder),
                "CTXTRACE_TOOL": str(self.tool), "CTXTRACE_OPTIONS": options}

    def start(self, *words, options="", **more):
        return subprocess.Popen(list(map(str, words)), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, start_new_session=True,
                                env=self.environment(f"state={self.states}:{options}"), **more)

    def ready(self, process):
        line = process.stdout.readline()
        must(line.startswith("ready "), f"not ready: {line!r}")
        return int(line.split()[1])

    def kill(self, process, pid=None):
        os.kill(pid or process.pid, signal.SIGKILL)
        if not pid:
            process.communicate(timeout=TIMEOUT_S)

    def files(self):
        return sorted(self.states.glob("*.cts"))

    def clear(self):
        for path in self.files():
            path.unlink()

    def tool_run(self, *words):
        return subprocess.run([self.tool, *map(str, words)], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)

    def recover(self, path=None):
        done = self.tool_run("report", "--recover", "--format=json", "--all",
                             path or self.files()[-1])
        must(done.returncode == 0, f"{done.returncode}: {done.stderr}")
        return json.loads(done.stdout)


def frames(report, stack):
    return [frame.get("function") for frame in report["stacks"].get(str(stack), [])]


def rows_of(report, function, kind):
    """What the rows say is held of what `function` has acquired."""
    return [row for row in report["live"]
            if row["kind"] == kind and function in frames(report, row["stack"])]


def held(report, function, kind):
    return sum(row["count"] for row in rows_of(report, function, kind))


def check_kept(report, fds=FDS):
    must(report["process"]["trigger"] == "recovered", report["process"])
    must(held(report, "keep_fds", "fd") == fds, f"fds: {rows_of(report, 'keep_fds', 'fd')}")
    memory = rows_of(report, "keep_blocks", "memory")
    must(memory and memory[0]["count"] == BLOCKS and
         memory[0]["bytes"] == BLOCKS * BLOCK_BYTES, f"blocks: {memory}")
    libraries = rows_of(report, "keep_others", "module")
    must(libraries and libraries[0]["count"] == LIBRARIES, f"libraries: {libraries}")
    must(any(row["detector"] == "pile-up" and row["kind"] == "module"
             for row in report["findings"]), "no pile of libraries is told")
    must(held(report, "keep_others", "stream") == 1, "the stream is not told")
    must(held(report, "keep_others", "mapping") == 1, "the mapping is not told")


def test_held(bench):
    process = bench.start(bench.program, "held")
    pid = bench.ready(process)
    names = [path.name for path in bench.files()]
    must(names == [f"killed.{pid}.cts"], f"{names}")
    refused = bench.tool_run("report", "--recover", bench.files()[0])
    must(refused.returncode == BAD_INPUT and "still runs" in refused.stderr, refused.stderr)
    bench.kill(process)
    report = bench.recover()
    check_kept(report)
    must(held(report, "keep_lease", "lease") == 1, "what the program calls a lease is not told")
    must(report["process"]["pid"] == pid and report["health"]["status"] == "degraded", report)
    # What a thread has left is a finding, as in any report.
    must([(row["detector"], row["kind"]) for row in report["findings"]
          if "leave" in frames(report, row["stack"])] == [("held-after-cancel", "fd")] ,
         f"{report['findings']}")
    text = bench.tool_run("report", "--recover", bench.files()[0]).stdout
    must("ended silently, recovered" in text and "keep_fds" in text and
         "ctxtrace show " in text, text)
    finding = next(row["id"] for row in report["findings"]
                   if row["detector"] == "held-after-cancel")
    shown = bench.tool_run("show", finding, bench.files()[0])
    must(shown.returncode == 0 and finding in shown.stdout, shown.stderr)
    # What is there is kept: the next process of this number writes beside it.
    must(bench.files()[0].stat().st_mode & 0o777 == 0o600, "others may read it")


def test_storm(bench):
    """Killed at any moment at all: what it held before the storm is told whole, and of the
    storm no more than its threads can hold at once."""
    chance = random.Random(SEED)
    for number in range(bench.kills):
        process = bench.start(bench.program, "storm")
        bench.ready(process)
        time.sleep(chance.random() * 0.02)
        bench.kill(process)
        report = bench.recover()
        try:
            check_kept(report)
            for kind, most in (("stream", 1), ("mapping", 2)):
                count = held(report, "churn_one", kind)
                must(count <= most * THREADS, f"{count} {kind}s")
            # Descriptors: one, its copy, and the stream's.
            count = held(report, "churn", "fd") - held(report, "leave", "fd")
            must(count <= 3 * THREADS, f"{count} fds of churn")
        except Failed as why:
            raise Failed(f"kill {number} of seed {SEED}: {why}") from why
        bench.clear()


def test_early(bench):
    """Killed while it starts, also before the file is whole."""
    chance = random.Random(SEED)
    recovered = 0
    for _ in range(bench.kills):
        process = bench.start(bench.program, "held")
        time.sleep(chance.random() * 0.03)
        bench.kill(process)
        for path in bench.files():
            done = bench.tool_run("report", "--recover", path)
            must(done.returncode == 0 or (done.returncode == BAD_INPUT and
                                          "before the file was begun" in done.stderr),
                 f"{done.returncode}: {done.stderr}")
            recovered += done.returncode == 0
        bench.clear()
    must(recovered, "every one was killed before it had a file")


def test_forked(bench):
    """A child has a file of its own, and its parent's is not changed by it."""
    process = bench.start(bench.program, "forked")
    child = bench.ready(process)
    must(child != process.pid, "the parent was faster")
    must(len(bench.files()) == 2, f"{bench.files()}")
    bench.kill(process, child)
    bench.ready(process)
    bench.kill(process)
    own = bench.recover(bench.states / f"killed.{child}.cts")
    fds = rows_of(own, "keep_fds", "fd")
    must(held(own, "keep_fds", "fd") == 2 * FDS, f"the child's: {fds}")
    blocks = rows_of(own, "keep_blocks", "memory")
    must(held(own, "keep_blocks", "memory") == BLOCKS, f"the child's: {blocks}")
    check_kept(bench.recover(bench.states / f"killed.{process.pid}.cts"), FDS - 1)


def test_gone(bench):
    """No file is left by who ends or becomes another program."""
    process = bench.start(bench.program, "end")
    process.communicate(timeout=TIMEOUT_S)
    must(not bench.files(), f"an end leaves {bench.files()}")
    process = bench.start(bench.program, "exec")
    pid = bench.ready(process)
    deadline = time.monotonic() + TIMEOUT_S
    wanted = f"sleep.{pid}.cts"
    while [path.name for path in bench.files()] != [wanted]:
        must(time.monotonic() < deadline, f"an exec leaves {bench.files()}")
        time.sleep(0.01)
    bench.kill(process)
    bench.clear()
    process = bench.start(bench.program, "failexec")
    bench.ready(process)
    bench.kill(process)
    check_kept(bench.recover())
    bench.clear()
    process = bench.start("/usr/bin/env", "-u", "LD_PRELOAD", "/bin/true")
    process.communicate(timeout=TIMEOUT_S)
    must(not bench.files(), f"an exec without the tracker leaves {bench.files()}")
    process = bench.start("/bin/sh", "-c", "/bin/true; (exec 3</etc/passwd; /bin/true)")
    process.communicate(timeout=TIMEOUT_S)
    must(not bench.files(), f"a shell's children leave {bench.files()}")


def test_many(bench):
    """More than is mapped at first, also where address space is scarce and locked."""
    for way, function in (("many", "keep_many"), ("locked", "keep_many"), ("crowd", "keep_some")):
        process = bench.start(bench.program, way)
        pid = bench.ready(process)
        status = Path(f"/proc/{pid}/status").read_text()
        shared = int(status.split("RssShmem:")[1].split()[0])
        must(shared < 40 << 10, f"{way}: {shared} kB of the file are in memory")
        bench.kill(process)
        report = bench.recover()
        check_kept(report)
        blocks = rows_of(report, function, "memory")
        must(held(report, function, "memory") == MANY, f"{way}: {blocks}")
        bench.clear()


def test_kid(bench):
    """A child that makes no calls but malloc's has a file, too."""
    process = bench.start(bench.program, "kid")
    child = bench.ready(process)
    bench.kill(process, child)
    own = bench.recover(bench.states / f"killed.{child}.cts")
    must(held(own, "keep_blocks", "memory") > 10 * BLOCKS, rows_of(own, "keep_blocks", "memory"))
    bench.kill(process)


def test_children(bench):
    """The memory of a child stays its own, whatever the fork has interrupted."""
    for way in ("undone", "struck"):
        process = bench.start(bench.program, way)
        said, _ = process.communicate(timeout=TIMEOUT_S)
        must(said == "ready 0\n" and process.returncode == 0, f"{way}: {said!r}")


def test_stays(bench):
    """Where the file cannot be taken away it says that there is nothing to recover."""
    root = bench.folder / "root"
    root.mkdir()
    if os.getuid() != 0:
        raise Skipped("only root may chroot")
    process = bench.start(bench.program, "rooted", root)
    process.communicate(timeout=TIMEOUT_S)
    must(process.returncode == 0 and len(bench.files()) == 1, f"{process.returncode}")
    done = bench.tool_run("report", "--recover", bench.files()[0])
    must(done.returncode == BAD_INPUT and "ended by itself" in done.stderr, done.stderr)


def test_exec_fails_full(bench):
    """A failed exec in a folder without room: the same file goes on."""
    script = ("set -e; mkdir small; mount -t tmpfs -o size=2m tmpfs small; "
              "export CTXTRACE_OPTIONS=state=$PWD/small LD_PRELOAD=$1; exec $2 -c '"
              "import os, time\n"
              "x = [bytes(600) for i in range(20000)]\n"
              "for i in range(30):\n"
              "    try: os.execv(\"/nowhere/at/all\", [\"all\"])\n"
              "    except OSError: pass\n"
              "time.sleep(0.3); os.close(os.open(\"/dev/null\", 0))\n"
              "size = int(open(\"/proc/self/status\").read().split(\"VmSize:\")[1].split()[0])\n"
              "try: open(\"small/fill\", \"wb\").write(bytes(3 << 20))\n"
              "except OSError: pass\n"
              "x += [bytes(600) for i in range(200000)]\n"
              "print(len(x), size < 1 << 20)'")
    done = subprocess.run(["unshare", "-rm", "/bin/sh", "-c", script, "sh", bench.library,
                           "/usr/bin/python3"], cwd=bench.folder, capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        raise Skipped(f"no file system of its own: {done.stderr.strip()}")
    must(done.returncode == 0 and done.stdout == "220000 True\n",
         f"{done.returncode} {done.stdout} {done.stderr}")


def test_off(bench):
    process = bench.start(bench.program, "held")
    pid = bench.ready(process)
    done = bench.tool_run("off", f"--dir={bench.folder}", pid)
    deadline = time.monotonic() + TIMEOUT_S
    while bench.files():
        must(time.monotonic() < deadline, f"still there: {done.stderr}")
        time.sleep(0.01)
    bench.kill(process)


def refused(bench, why, *words, **more):
    """It runs as without, and its report says why there is no file."""
    process = bench.start(*words, options=f"dir={bench.folder}/dumps", **more)
    _, said = process.communicate(timeout=TIMEOUT_S)
    must(process.returncode == 0, f"{process.returncode}: {said}")
    must(not bench.files(), f"{bench.files()}")
    dump = sorted((bench.folder / "dumps").glob("*.ctt"))[-1]
    told = bench.tool_run("report", "--format=json", dump).stdout
    must(why in told, told[-2000:])


def test_refused(bench):
    limit = 1 << 20
    refused(bench, "ulimit -f", bench.program, "end",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    process = bench.start("/bin/true", options="state=/nowhere/at/all")
    must(process.wait(TIMEOUT_S) == 0, "true fails")


def test_other_file_system(bench):
    """One that is not known to keep its room for a page is not taken, and the report says so."""
    script = ("set -e; mkdir low; mount -t tmpfs tmpfs low; mkdir low/a low/b low/work low/merged; "
              "mount -t overlay -o lowerdir=low/a,upperdir=low/b,workdir=low/work overlay "
              "low/merged; export CTXTRACE_OPTIONS=state=$PWD/low/merged:dir=$PWD/dumps; "
              "LD_PRELOAD=$1 $2 end >out; "
              "ls low/merged")
    done = subprocess.run(["unshare", "-rm", "/bin/sh", "-c", script, "sh", bench.library,
                           bench.program], cwd=bench.folder, capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False, env={**os.environ, "LC_ALL": "C"})
    if "unshare" in done.stderr or "mount" in done.stderr:
        raise Skipped(f"no overlay can be mounted: {done.stderr.strip()}")
    must(done.returncode == 0 and not done.stdout, f"{done.returncode} {done.stdout}{done.stderr}")
    dump = sorted((bench.folder / "dumps").glob("*.ctt"))[-1]
    must("not on tmpfs, ext4 or xfs" in bench.tool_run("report", "--format=json", dump).stdout,
         "the report does not say so")


def test_full(bench):
    """A folder without room: the program goes on, and is told of as far as it went."""
    script = ("set -e; mkdir small; mount -t tmpfs -o size=2m tmpfs small; "
              "CTXTRACE_OPTIONS=state=$PWD/small:dir=$PWD/dumps LD_PRELOAD=$1 $2 -c "
              "'x = [bytes(600 + i % 2) for i in range(200000)]; print(len(x))'")
    done = subprocess.run(["unshare", "-rm", "/bin/sh", "-c", script, "sh", bench.library,
                           "/usr/bin/python3"], cwd=bench.folder, capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)
    if "unshare" in done.stderr or "mount" in done.stderr:
        raise Skipped(f"no file system of its own: {done.stderr.strip()}")
    must(done.returncode == 0 and done.stdout == "200000\n", f"{done.returncode} {done.stderr}")
    dump = sorted((bench.folder / "dumps").glob("*.ctt"))[-1]
    must("state_rows_lost" in bench.tool_run("report", "--format=json", dump).stdout,
         "nothing is counted")


def group_make():
    for root, limit in (("/sys/fs/cgroup", "memory.max"),
                        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = Path(root) / f"ctxtrace-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            with (group / limit).open("r+") as file:
                file.write(str(GROUP_BYTES))
            return group
        except OSError:
            group.rmdir()
    raise Skipped("no memory control group can be made here")


def test_group(bench):
    """Killed by the kernel, in a control group that has no memory left."""
    group = group_make()
    process = None
    try:
        process = bench.start("/bin/sh", "-c", f"echo $$ > {group}/cgroup.procs; exec $0 grow",
                              bench.program)
        bench.ready(process)
        process.communicate(timeout=TIMEOUT_S)
        must(process.returncode == -signal.SIGKILL, f"ended by {process.returncode}")
        report = bench.recover()
        memory = rows_of(report, "main", "memory")
        must(memory and memory[0]["bytes"] > 16 << 20, f"{memory}")
    finally:
        if process and process.poll() is None:
            process.kill()
            process.wait()
        time.sleep(0.1)
        group.rmdir()


def test_input(bench):
    """Files that are none, and ones that are cut or damaged."""
    process = bench.start(bench.program, "held")
    bench.ready(process)
    bench.kill(process)
    whole = bench.files()[0]
    head = whole.open("rb").read(65536)
    files = {"empty": b"", "text": b"hello world, no state file", "zeros": bytes(70000),
             "cut": head[:100], "only the head": head, "a dump": b"CTXTRACE" + bytes(100)}
    for name, content in files.items():
        path = bench.folder / "bad.cts"
        path.write_bytes(content)
        done = bench.tool_run("report", "--recover", path)
        must(done.returncode == BAD_INPUT and str(path) in done.stderr and not done.stdout,
             f"{name}: {done.returncode} {done.stderr}")
    # Every part of every table names one granule: no more are read than the file has.
    path = bench.folder / "same.cts"
    parts_at, parts = 65536, 8192
    path.write_bytes(head + b"\x03\0\0\0" * parts + bytes(4 * 65536 - 4 * parts))
    os.truncate(path, whole.stat().st_size // 100)
    done = bench.tool_run("report", "--recover", path)
    must(parts_at == len(head) and done.returncode in (0, BAD_INPUT), f"{done}")
    for name in ("/dev/zero", bench.folder, bench.folder / "none.cts"):
        must(bench.tool_run("report", "--recover", name).returncode == BAD_INPUT, f"{name}")
    done = bench.tool_run("report", whole)
    must(done.returncode == BAD_INPUT and "--recover" in done.stderr, done.stderr)


TESTS = [test_held, test_storm, test_early, test_many, test_forked, test_kid, test_children,
         test_gone, test_stays, test_off, test_refused, test_other_file_system, test_full,
         test_exec_fails_full, test_group, test_input]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", type=Path, required=True)
    parser.add_argument("--lib", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    bad = 0
    for test in TESTS:
        name = test.__name__.removeprefix("test_")
        if arguments.only not in (None, name):
            continue
        with tempfile.TemporaryDirectory(prefix="ctxtrace-state.") as folder:
            bench = Bench(arguments, Path(folder))
            try:
                test(bench)
                print(f"ok {name}", flush=True)
            except Skipped as why:
                print(f"skipped {name}: {why}", flush=True)
            except (Failed, OSError, subprocess.SubprocessError, ValueError) as why:
                print(f"FAILED {name}: {str(why)[-1500:]}", flush=True)
                bad += 1
            finally:
                shutil.rmtree(bench.states, ignore_errors=True)
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
