# SPDX-License-Identifier: MIT
"""Hazards of what comes after: the programs that this one starts, the core file that it
leaves, what it tells its shell, a report from another root directory."""

import json
import os
import re
import resource
import signal
import subprocess
import tempfile
from pathlib import Path

from arrangements import TIMEOUT_S, compile_hello, need, run
from tracing import Mismatch, Skip

WAYS_TO_START = 7
OWN_BYTES_MAX = 16 << 20  # mapped, not resident, in a small program
# Tells which of two libraries is in it, and what it was told.
CHILD = """#!/bin/sh
for name in libctxtrace libother; do
    grep -q $name /proc/self/maps && printf '%s ' $name
done
printf '%s\\n' "${LD_PRELOAD:-nothing}"
"""
OTHER = "int other_library;\n"
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
FATAL_WAYS = ("segv", "abort", "fpe", "ill")
SLEEPER = "import time; print('ready', flush=True); time.sleep(30)"
# The call is the last instruction of its function: the address that it would return to
# is the first of the next one.
LAST_CALL = """#include <stdio.h>
#include <stdlib.h>
static void *returns_to;
__attribute__((noreturn, noinline)) static void leave(void)
{
    returns_to = __builtin_return_address(0);
    FILE *forgotten = fopen("/etc/passwd", "r");
    extern int next_function(int);
    printf("%d %d\\n", forgotten != NULL, returns_to == (void *)next_function);
    exit(0);
}
__attribute__((noinline, used)) void last_caller(void)
{
    leave(); /* the call */
}
__attribute__((noinline, used)) int next_function(int number)
{
    return number + 1;
}
int main(int argc, char **argv)
{
    if (argc < 5)
        last_caller();
    return next_function(argc);
}
"""


def build_other(folder):
    source, library = Path(folder) / "other.c", Path(folder) / "libother.so"
    source.write_text(OTHER, encoding="ascii")
    done = run(["gcc", "-shared", "-fPIC", source, "-o", library])
    if done.returncode:
        raise Skip(f"gcc does not work here: {done.stderr[-200:]}")
    return library


def start_children(tracker, folder, options, preload):
    """What each child told of itself, one line a way to start it."""
    program = tracker.build / "tests" / "hazards" / "hazards_children"
    script = Path(folder) / "child"
    script.write_text(CHILD, encoding="ascii")
    script.chmod(0o755)
    done = run([program, script], env=tracker.environment(options, LD_PRELOAD=preload,
                                                          TMPDIR=folder))
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    if done.returncode or done.stderr or len(lines) != WAYS_TO_START:
        raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")
    return lines


def test_children_options(tracker):
    """hazard: C8, C7: children are followed or, if so told, not; another library stays."""
    with tempfile.TemporaryDirectory() as folder:
        other, ours = build_other(folder), tracker.library
        for preload, left in ((f"{ours}", "nothing"), (f"{other}:{ours}", f"libother {other}"),
                              (f"{ours} {other}", f"libother {other}")):
            names = "libctxtrace libother" if left != "nothing" else "libctxtrace"
            for options, expected in (("children=skip", left), ("", f"{names} {preload}"),
                                      ("children=follow", f"{names} {preload}")):
                told = start_children(tracker, folder, options, preload)
                if set(told) != {expected}:
                    raise Mismatch(f"{options or 'default'}, {preload}: {told} "
                                   f"instead of {expected!r}")


def allow_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)


def read_core(folder, program):
    """The functions of the stack that a core file shows, and the signal."""
    cores = [path for path in Path(folder).iterdir() if path.name.startswith("core")]
    if not cores:
        return None
    done = run(["gdb", "-batch", "-nx", "-ex", "bt", program, cores[0]])
    frames = re.findall(r"^#\d+ +(?:0x\w+ in )?(\S+)", done.stdout, re.MULTILINE)
    ended = re.search(r"Program terminated with signal (\w+)", done.stdout)
    return ended.group(1) if ended else None, frames


def leave_core(tracker, way, environment):
    program = tracker.app("ways_out")
    with tempfile.TemporaryDirectory() as folder:
        status = run([program, way], cwd=folder, preexec_fn=allow_core, env=environment).returncode
        return status, read_core(folder, program)


def test_core_file(tracker):
    """hazard: F5: the core file shows the program's fault, and no frame of ours."""
    need("gdb")
    if CORE_PATTERN.read_text(encoding="ascii").strip() not in ("core", "core.%p"):
        raise Skip(f"core files do not go into the working directory: see {CORE_PATTERN}")
    for way in FATAL_WAYS:
        native = leave_core(tracker, way, os.environ)
        if not native[1] or not native[1][1]:
            raise Skip("no core file is written here")
        with tempfile.TemporaryDirectory() as scratch:
            traced = leave_core(tracker, way, tracker.environment(TMPDIR=scratch))
        if traced != native:
            raise Mismatch(f"{way}: {traced} instead of {native}")


def interrupt(environment):
    process = subprocess.Popen(["/usr/bin/python3", "-c", SLEEPER], env=environment, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    return process.returncode, stderr


def test_uncaught_interrupt(tracker):
    """hazard: D2, F5: python3 dies of KeyboardInterrupt as it does without us."""
    need("/usr/bin/python3")
    with tempfile.TemporaryDirectory() as folder:
        native = interrupt(os.environ)
        traced = interrupt(tracker.environment(TMPDIR=folder))
    if traced != native:
        raise Mismatch(f"{traced} instead of {native}")


def read_report(tracker, folder):
    dumps = sorted(Path(folder).glob("*.ctt"))
    if len(dumps) != 1:
        raise Mismatch(f"{len(dumps)} dumps instead of one")
    return json.loads(run([tracker.tool, "report", "--format=json", dumps[0]]).stdout)


def test_last_call(tracker):
    """hazard: E13: a call that never returns is of the caller's line, though the address
    behind it is another function's; with both unwinders."""
    line = LAST_CALL.splitlines().index("    leave(); /* the call */") + 1
    for options in ("", "unwind=libunwind"):
        with tempfile.TemporaryDirectory() as folder:
            program = compile_hello(folder, "gcc", "-g", "-O2", "-falign-functions=1",
                                    "-fno-toplevel-reorder", "-fno-reorder-functions",
                                    "-fcf-protection=none", text=LAST_CALL)
            done = run([program], env=tracker.environment(f"dir={folder}:{options}"))
            if done.stdout != "1 1\n":
                raise Skip(f"the compiler puts something behind the call: {done.stdout!r}")
            stacks = read_report(tracker, folder)["stacks"].values()
        frames = [(frame["function"], frame["line"]) for stack in stacks for frame in stack]
        if ("last_caller", line) not in frames or "next_function" in dict(frames):
            raise Mismatch(f"{options or 'default'}: no last_caller:{line} in {frames}")


def test_own_memory(tracker):
    """hazard: B10: the report says how much memory is our own, and it is not much."""
    with tempfile.TemporaryDirectory() as folder:
        run([tracker.app("memory")], env=tracker.environment(f"dir={folder}"))
        process = read_report(tracker, folder)["process"]
    if not 0 < process["tracker_bytes"] <= OWN_BYTES_MAX:
        raise Mismatch(f"{process['tracker_bytes']} bytes")


MOVED = """#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
    for (int i = 0; i < 20; i++)
        if (!fopen("/etc/passwd", "re"))
            return 1;
    mkdir("jail", 0755);
    printf("%d", chroot("jail") + chdir("/") + unshare(CLONE_NEWNS) + setuid(65534));
    printf(" %d\\n", setuid(0));
    return 3;
}
"""


def test_moved_program(tracker):
    """hazard: C13: from another root, as another user: the program ends as it would, and
    what it held is told."""
    if os.getuid() != 0:
        raise Skip("needs root to change the root directory")
    with tempfile.TemporaryDirectory() as folder:
        program = compile_hello(folder, "gcc", "-g", text=MOVED)
        native = run([program], cwd=folder)
        done = run([program], cwd=folder, env=tracker.environment(TMPDIR=folder))
    if (done.returncode, done.stdout) != (native.returncode, native.stdout):
        raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")
    if "stream" not in done.stderr or f"written to {folder}" not in done.stderr:
        raise Mismatch(f"not told what it held, and where no dump could go: {done.stderr!r}")


FORKED = """
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
static void *forget(void *unused)
{
    open("/etc/passwd", O_RDONLY);
    return unused;
}
int main(void)
{
    pthread_t thread;
    if (fork() == 0) {
        pthread_create(&thread, NULL, forget, NULL);
        pthread_join(thread, NULL);
        _exit(0);
    }
    wait(NULL);
    pthread_create(&thread, NULL, forget, NULL);
    pthread_join(thread, NULL);
    return 0;
}
"""
FORKS = 30


def test_forked_at_once(tracker):
    """The child of a fork that ends by _exit says nothing, also when it was forked in the
    first tick of the books' clock."""
    with tempfile.TemporaryDirectory() as folder:
        target = compile_hello(folder, "gcc", "-O1", "-pthread", "-w", text=FORKED)
        for _ in range(FORKS):
            done = run([target], env=tracker.environment(f"project={target.name}"))
            if done.stderr.count("held-after-cancel") != 1:
                raise Mismatch(f"said {done.stderr!r}")


def test_no_key_of_ours(tracker):
    """What the tracker makes for itself is not the program's to hold."""
    with tempfile.TemporaryDirectory() as folder:
        target = compile_hello(folder, "gcc", "-O1", "-pthread", "-w", text=FORKED)
        run([target], env=tracker.environment(f"dir={folder}/dumps"))
        [dump] = Path(folder, "dumps").glob("*.ctt")
        live = json.loads(run([tracker.tool, "report", "--format=json", dump]).stdout)
        kinds = {row["kind"] for row in live["live"]}
        if "key" in kinds or "fd" not in kinds:
            raise Mismatch(f"held: {kinds}")


def test_thread_at_the_end(tracker):
    """A thread that ends just before the process, and code of the project's had no part in
    what it holds: a runtime's own main thread (java's). With it, a finding."""
    words = {}
    for project in (tracker.app("ended_thread").name, "nothing-of-this"):
        done = run([tracker.app("ended_thread")],
                   env=tracker.environment(f"project={project}:stacks=1"))
        words[project] = "held-after-cancel" in done.stderr
    if list(words.values()) != [True, False]:
        raise Mismatch(f"finding: {words}")


TESTS = (
    test_children_options,
    test_core_file,
    test_uncaught_interrupt,
    test_last_call,
    test_own_memory,
    test_moved_program,
    test_forked_at_once,
    test_no_key_of_ours,
    test_thread_at_the_end,
)
