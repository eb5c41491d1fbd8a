#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`ctxtrace tasks PID`: live stacks from outside, and what the program sees of it.

Usage: test_live_tasks.py --ctxtrace PATH --lib PATH

The stacks of threads that wait in every known way (programs/waits.c) are those that gdb
shows; the program counts the EINTRs, the waits that last too long and the writes that come
back short: none, in 50 looks, with the tracker and without.

hazard: D14
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from command_bench import BAD_INPUT, INCONCLUSIVE, TIMEOUT_S, USAGE, run_tests

WAITS = Path(__file__).resolve().parent / "programs" / "waits.c"
NOBODY = 65534
LOOKS = 50
LOOKS_AT_MOST = 10
MANY = 200
KILLED = 40
SHORT_LIVES = 60
DEPTH = 300
# How the program may be built: gcc's usual, with every frame found by rbp, with those that
# only a stopped thread's registers tell of, and static.
BUILDS = {"optimized": (), "frame_pointers": ("-O0", "-fno-omit-frame-pointer"),
          "dynamic_frames": ("-DDYNAMIC_FRAMES",), "static": ("-static",)}
# Threads that have to be stopped: one spins, and some wait in dynamic frames, in calls that
# the kernel goes on with.
STOPS = {"optimized": 1, "frame_pointers": 1, "dynamic_frames": 5}
UNHARMED = "eintr 0 late 0 short 0"
# The program's own functions: what libc's are called depends on its debug symbols.
OWN = re.compile(r"wait_\w+|spin_hard|recurse|write_much|read_slowly|thread_main|main")
TICKING = re.compile(r"wait_\w+_tick|write_much|read_slowly")


class Waits:
    """A running waits.c."""

    def __init__(self, bench, build="optimized", extra=0, traced=False, before=()):
        program = bench.folder / f"waits_{build}"
        if not program.exists():
            bench.compile(program.name, WAITS.read_text(), "-pthread", *BUILDS[build])
        environment = dict(bench.environment)
        if traced:
            environment |= {"LD_PRELOAD": bench.library,
                            "CTXTRACE_OPTIONS": f"dir={bench.folder / 'waits_dumps'}"}
        self.process = subprocess.Popen([*before, program, str(extra)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env=environment, cwd=bench.folder)
        self.pid = str(self.process.pid)
        self.process.stdout.readline()

    def end(self):
        """What it has seen, and its status."""
        said = self.process.communicate(timeout=TIMEOUT_S)[0].strip()
        return said if self.process.returncode == 0 else f"{said} {self.process.returncode}"


def await_that(condition):
    """Polls with back-off; whether it came true."""
    deadline, pause = time.monotonic() + TIMEOUT_S, 0.001
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
    return True


def look(bench, pid, *words, is_good):
    """Once more where a thread got no processor, as on a busy machine, and so was not seen
    to compute: a few times."""
    for _ in range(LOOKS_AT_MOST):
        result = bench.run("tasks", *words, pid)
        if is_good(result):
            break
    return result


def tracer_of(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"TracerPid:\s*(\d+)", status)[1])


def own_frames(names):
    return [name for name in names if OWN.fullmatch(name)]


def our_stacks(text):
    """{tid: (own functions, whether it was cut)} of a text with --all."""
    stacks = {}
    for block in text.split("\n\n")[1:]:
        tid = re.search(r"^    tid     (\d+)", block, re.MULTILINE)
        names = []
        for row in re.finditer(r"^    (?:stack |      )[ >] (\S+)(?: \(inlined\))?"
                               r"(?: \((\d+) times\))? ", block, re.MULTILINE):
            names += [row[1]] * int(row[2] or 1)
        stacks[int(tid[1])] = own_frames(names), "(cut here" in block
    return stacks


def gdb_stacks(pid):
    done = subprocess.run(["gdb", "-nx", "-p", pid, "-batch", "-ex", "thread apply all bt"],
                          capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
                          stdin=subprocess.DEVNULL)
    stacks = {}
    for block in re.split(r"^Thread ", done.stdout, flags=re.MULTILINE)[1:]:
        tid = re.search(r"LWP (\d+)", block) or re.search(r"process (\d+)", block)
        names = re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(\S+) \(", block, re.MULTILINE)
        stacks[int(tid[1])] = own_frames(names)
    return stacks


def differences(ours, gdbs):
    if set(ours) != set(gdbs):
        yield f"threads {sorted(set(ours) ^ set(gdbs))} are in one alone"
    for tid in set(ours) & set(gdbs):
        names, cut = ours[tid]
        wanted = gdbs[tid]
        ticking = [name for name in wanted if TICKING.fullmatch(name)]
        if ticking:  # may be in another function by now, but came there by the same
            wanted = wanted[wanted.index(ticking[0]):]
            names = names[names.index(ticking[0]):] if ticking[0] in names else names
        if names != wanted and not (cut and names == wanted[:len(names)]):
            yield f"{tid}: {names[:6]}, gdb has {wanted[:6]}"


def test_same_as_gdb(bench):
    if not shutil.which("gdb"):
        bench.skip("live_same_as_gdb", "no gdb")
        return
    for build in BUILDS:
        program = Waits(bench, build)
        result = look(bench, program.pid, "--all",
                      is_good=lambda done: "without a stack" not in done.stdout)
        bench.expect(f"live_status_{build}", result, 0)
        ours, gdbs = our_stacks(result.stdout), gdb_stacks(program.pid)
        bad = list(differences(ours, gdbs))
        bench.check(f"live_same_as_gdb_{build}", len(ours) > 20 and not bad, bad)
        deep = [names for names, _ in ours.values() if "wait_deep" in names]
        bench.check(f"live_deep_{build}",
                    len(deep) == 1 and deep[0].count("recurse") == DEPTH + 1, deep)
        whole = [not cut for _, cut in ours.values()]
        bench.check(f"live_whole_{build}", all(whole) or build == "dynamic_frames", whole)
        program.end()


def test_unharmed(bench):
    for build, traced in (("optimized", False), ("frame_pointers", False),
                          ("dynamic_frames", False), ("dynamic_frames", True)):
        name = f"live_unharmed_{build}{'_traced' if traced else ''}"
        program = Waits(bench, build, traced=traced)
        results = [bench.run("tasks", program.pid) for _ in range(LOOKS)]
        bad = [result.stderr for result in results if result.returncode]
        bench.check(f"{name}_status", not bad, bad[:2])
        stops = [int(found[1]) for result in results
                 if (found := re.search(r"(\d+) stops? of [\d.]+ ms at most", result.stdout))]
        # On a busy machine a thread may not come to a stop in time.
        bench.check(f"{name}_stops", len(stops) > LOOKS / 2 and
                    max(stops) >= (1 if traced else STOPS[build]), stops)
        bench.check(f"{name}_is_not_stopped", tracer_of(program.pid) == 0)
        said = program.end()
        bench.check(name, said == UNHARMED, said)


def test_grouped(bench):
    program = Waits(bench, extra=MANY, traced=True)
    # Since when a thread waits, the kernel does not always tell the tracker (test_tasks.py).
    result = look(bench, program.pid, is_good=lambda done: ", for " in done.stdout)
    bench.expect("live_grouped", result, 0, f"{MANY} of {MANY + 22} tasks  sleeping in futex")
    bench.check("live_group_names_a_few",
                re.search(rf"tid     (\d+, ){{8}}and {MANY - 8} more", result.stdout),
                result.stdout)
    bench.check("live_created_by",
                re.search(r"created by start \S*waits_optimized.c:\d+ in task 1", result.stdout),
                result.stdout)
    bench.check("live_waits_since", ", for " in result.stdout, result.stdout)
    bench.check("live_is_of_a_snapshot", re.match(r"ctxtrace \S+  waits\S+  snapshot #\d",
                                                 result.stdout), result.stdout[:200])
    bench.check("live_hides_the_tracker", "libctxtrace" not in result.stdout)
    every = bench.run("tasks", "--all", program.pid).stdout
    bench.check("live_all_are_told", every.count("\n    tid ") == MANY + 22)
    bench.check("live_all_shows_the_tracker", "libctxtrace" in every)
    bench.check("live_grouped_unharmed", (said := program.end()) == UNHARMED, said)


def test_options(bench):
    program = Waits(bench)
    tid = re.search(r"sleeping in semop\n    tid     (\d+)",
                    bench.run("tasks", program.pid).stdout)[1]
    one = bench.run("tasks", f"--tid={tid}", program.pid)
    bench.expect("live_one_thread", one, 0, "1 task: no thread was stopped, 1 read as they waited")
    bench.check("live_one_thread_alone", one.stdout.count("\n    tid ") == 1, one.stdout)
    bench.expect("live_no_such_thread", bench.run("tasks", "--tid=1", program.pid), BAD_INPUT,
                 "has no thread 1")
    bare = bench.run("tasks", "--no-stacks", program.pid)
    bench.expect("live_no_stacks", bare, 0, "no thread was looked into")
    bench.check("live_no_stacks_at_all", "stack " not in bare.stdout, bare.stdout)
    bench.expect("live_nobody_is_stopped", bench.run("tasks", "--stop=0", program.pid), 0,
                 "none: nobody was to be stopped")
    bench.expect("live_help", bench.run("tasks", "--help"), 0, "--stop=MS")
    for words in ((), ("x",), ("0",), ("1", "2"), ("--stop=x", "1"), ("--tid=0", "1"),
                  ("--stop=61s", "1"), ("--nonsense", "1")):
        bench.expect("live_usage_" + "_".join(words), bench.run("tasks", *words), USAGE, "usage:")
    bench.check("live_options_unharmed", (said := program.end()) == UNHARMED, said)


UNDUMPABLE = """
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    puts("ready");
    fflush(stdout);
    return (int)read(0, &(char){0}, 1);
}
"""


def run_as_nobody(bench, *words):
    return bench.run(*words, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/")


def test_refusals(bench):
    ended = subprocess.Popen(["true"])
    await_that(lambda: " Z " in Path(f"/proc/{ended.pid}/stat").read_text(encoding="utf-8"))
    bench.expect("live_refuses_a_zombie", bench.run("tasks", ended.pid), BAD_INPUT,
                 "has ended, and waits to be reaped")
    ended.wait()
    bench.expect("live_refuses_no_process", bench.run("tasks", ended.pid), BAD_INPUT,
                 f"there is no process {ended.pid}")
    if os.geteuid() != 0:
        bench.skip("live_refuses_other_users", "not root")
        return
    program = Waits(bench)
    bench.expect("live_refuses_other_users", run_as_nobody(bench, "tasks", program.pid), BAD_INPUT,
                 "belongs to another user (uid 0)")
    bench.check("live_refusals_unharmed", (said := program.end()) == UNHARMED, said)
    closed = subprocess.Popen([bench.compile("undumpable", UNDUMPABLE)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True, user=NOBODY, group=NOBODY,
                              extra_groups=[], cwd="/")
    closed.stdout.readline()
    bench.expect("live_refuses_undumpable", run_as_nobody(bench, "tasks", closed.pid), BAD_INPUT,
                 "PR_SET_DUMPABLE is 0")
    bench.expect("live_root_may", bench.run("tasks", closed.pid), 0, "main ")
    closed.communicate()


def test_traced_by_another(bench):
    for tool, words in (("strace", ("strace", "-f", "-o", "/dev/null", "-p")),
                        ("gdb", ("gdb", "-nx", "-batch", "-ex", "shell cat", "-p"))):
        if not shutil.which(tool):
            bench.skip(f"live_under_{tool}", f"no {tool}")
            continue
        program = Waits(bench)
        tracer = subprocess.Popen([*words, program.pid], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        threads = Path(f"/proc/{program.pid}/task")
        await_that(lambda: all(tracer_of(tid.name) == tracer.pid for tid in threads.iterdir()))
        if tool == "gdb":  # which stops what it has found
            await_that(lambda: all(re.search(r"\) t ", (tid / "stat").read_text(encoding="utf-8"))
                                   for tid in threads.iterdir()))
        # gdb has stopped them all, the spinning one, too: it stands, and can be read.
        status = INCONCLUSIVE if tool == "strace" else 0
        result = look(bench, program.pid, is_good=lambda done, s=status: done.returncode == s)
        bench.expect(f"live_under_{tool}", result, status, f"traced by {tool} (pid {tracer.pid})")
        bench.check(f"live_under_{tool}_still_shows",
                    "wait_cond" in result.stdout and "wait_deep" in result.stdout, result.stdout)
        if tool == "strace":
            tracer.terminate()
        tracer.communicate(timeout=TIMEOUT_S)  # gdb's cat ends with its input, then gdb
        program.process.send_signal(signal.SIGCONT)
        program.end()


def test_stopped(bench):
    program = Waits(bench, traced=True)
    program.process.send_signal(signal.SIGSTOP)
    await_that(lambda: os.waitid(os.P_PID, program.process.pid, os.WSTOPPED | os.WNOHANG))
    result = bench.run("tasks", "--timeout=500ms", program.pid)
    bench.expect("live_of_a_stopped_program", result, INCONCLUSIVE, "no snapshot")
    bench.check("live_of_a_stopped_program_shows", "wait_deep" in result.stdout, result.stdout)
    again = os.waitid(os.P_PID, program.process.pid, os.WSTOPPED | os.WNOHANG)
    bench.check("live_parent_is_told_nothing", again is None, again)
    program.process.send_signal(signal.SIGCONT)
    program.end()


# Threads that begin and end all the time.
CHURN = """
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static void *nothing(void *arg) { return arg; }
int main(void)
{
    pthread_t threads[8];
    int looks = 0;
    puts("ready");
    fflush(stdout);
    for (char byte; looks < 20; looks++) {
        for (int turn = 0; turn < 40; turn++) {
            for (int i = 0; i < 8; i++)
                pthread_create(&threads[i], 0, nothing, 0);
            for (int i = 0; i < 8; i++)
                pthread_join(threads[i], 0);
        }
        if (read(0, &byte, 1) != 1)
            break;
    }
    return 7;
}
"""


def test_ends_meanwhile(bench):
    bad = []
    for _ in range(SHORT_LIVES):
        program = subprocess.Popen(["sh", "-c", "exit 5"])
        result = bench.run("tasks", program.pid)
        if result.returncode not in (0, BAD_INPUT) or program.wait() != 5:
            bad.append((result.returncode, result.stderr, program.returncode))
        if result.returncode == BAD_INPUT and not result.stderr.startswith("ctxtrace: "):
            bad.append(result.stderr)
    bench.check("live_of_short_lives", not bad, bad)
    churn = subprocess.Popen([bench.compile("churn", CHURN, "-pthread")], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    churn.stdout.readline()
    bad = []
    for _ in range(20):
        churn.stdin.write(b"x")
        churn.stdin.flush()
        result = bench.run("tasks", churn.pid)
        if result.returncode not in (0, BAD_INPUT):
            bad.append((result.returncode, result.stderr))
    churn.communicate(timeout=TIMEOUT_S)
    bench.check("live_of_threads_that_end", not bad and churn.returncode == 7,
                (bad, churn.returncode))


def test_replaces_itself(bench):
    script = bench.folder / "again"
    script.write_text('#!/bin/sh\n[ "$1" -gt 0 ] || { echo done; exit 3; }\n'
                      'exec "$0" $(($1 - 1))\n')
    script.chmod(0o755)
    program = subprocess.Popen([script, "300"], stdout=subprocess.PIPE, text=True)
    bad = []
    while program.poll() is None:
        result = bench.run("tasks", program.pid)
        if result.returncode not in (0, BAD_INPUT) or \
                result.returncode == BAD_INPUT and not result.stderr.startswith("ctxtrace: "):
            bad.append((result.returncode, result.stderr))
    said = program.communicate()[0]
    bench.check("live_of_execs", not bad and said == "done\n" and program.returncode == 3,
                (bad, said, program.returncode))


def test_killed_meanwhile(bench):
    """A command that ends in the middle has let the program go."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        program = Waits(bench, "dynamic_frames")
        for turn in range(KILLED):
            command = subprocess.Popen([bench.command, "tasks", program.pid],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            # Spread over its life: a wait for it that is longer each time.
            try:
                command.wait(timeout=0.001 * turn)
            except subprocess.TimeoutExpired:
                command.send_signal(number)
                command.wait()
        threads = Path(f"/proc/{program.pid}/task")
        bench.check(f"live_killed_{number.name}",
                    not any(tracer_of(tid.name) or
                            re.search(r"\) [tT] ", (tid / "stat").read_text(encoding="utf-8"))
                            for tid in threads.iterdir()))
        said = program.end()
        bench.check(f"live_killed_{number.name}_unharmed", said == UNHARMED, said)
    program = Waits(bench)
    nobody_reads = subprocess.Popen([bench.command, "tasks", "--all", program.pid],
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    nobody_reads.stdout.close()
    nobody_reads.wait(timeout=TIMEOUT_S)
    bench.check("live_broken_pipe_unharmed", (said := program.end()) == UNHARMED, said)


TESTS = (test_same_as_gdb, test_unharmed, test_grouped, test_options, test_refusals,
         test_traced_by_another, test_stopped, test_ends_meanwhile, test_replaces_itself,
         test_killed_meanwhile)

if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
