#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The process-side commands where there is no tracker, or only a pretended one.

Usage: test_command_refusals.py --ctxtrace PATH --lib PATH [--dump FILE]

Refusals must say why, and exit with the documented status. A pretended tracker
(a process that maps a file named libctxtrace.so, announces itself and answers
the signal) shows what snapshot, mark and ps make of an answer, a late answer,
no answer, and an announcement that must not be believed.
"""
import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time

USAGE, BAD_INPUT, INCONCLUSIVE = 64, 66, 71
DUMP = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                    "../fuzz/corpus/reader/scene-live.ctt")

# Run as a child: announces, then answers signals as its arguments say.
PRETENDER = r'''
import mmap, os, signal, sys, time
folder, dump, mode = sys.argv[1:4]
library = open(os.path.join(folder, "libctxtrace.so"), "r+b")
mapped = mmap.mmap(library.fileno(), 0)
state = {"sequence": 0, "mark": 2 ** 64 - 1}
start = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]
if mode == "stale":
    start = "1"
def announce():
    path = os.path.join(folder, ".ctxtrace.%d" % os.getpid())
    with open(path + ".tmp", "w") as out:
        taken = 0 if mode == "taken" else signal.SIGUSR1
        out.write("version=0.1.0\npid=%d\nstart=%s\nsignal=%d\nsignal2=%d\n"
                  % (os.getpid(), start, taken, 0 if mode == "taken" else 57))
        out.write("sequence=%d\nfile=%s\nmark_ns=%d\n"
                  % (state["sequence"], dump if state["sequence"] else "", state["mark"]))
    os.rename(path + ".tmp", path)
MARK = 0x6d61726b
if mode != "silent":
    announce()
handle([signal.SIGUSR1, 57])
print("ready", flush=True)
while True:
    value = wait()
    if mode == "deaf":
        continue
    if mode == "dies":
        os._exit(3)
    if value == MARK:
        state["mark"] = 123456789
    else:
        state["sequence"] += 1
    announce()
'''

# Python does not show si_value: a handler of C's kind, as the tracker's own. The seventh
# 32-bit word of the siginfo has it.
VALUE_BY_CTYPES = r'''
import ctypes
libc = ctypes.CDLL(None)
SA_SIGINFO, WORDS_OF_A_MASK, VALUE_WORD, LOOK_MS = 4, 16, 6, 50
HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.POINTER(ctypes.c_uint32), ctypes.c_void_p)
class Action(ctypes.Structure):
    _fields_ = [("handler", HANDLER), ("mask", ctypes.c_ulong * WORDS_OF_A_MASK),
                ("flags", ctypes.c_int), ("restorer", ctypes.c_void_p)]
values = []
on_signal = HANDLER(lambda number, info, context: values.append(info[VALUE_WORD]))
def handle(numbers):
    for number in numbers:
        libc.sigaction(number, ctypes.byref(Action(handler=on_signal, flags=SA_SIGINFO)), None)
def wait():
    while not values:
        libc.poll(None, 0, LOOK_MS)
    return values.pop(0)
'''


class Case:
    """One program under test, and the count of what failed."""

    def __init__(self, command, library, dump):
        self.command, self.library, self.dump = command, library, dump
        self.failed = 0
        self.folder = tempfile.mkdtemp(prefix="ctxtrace-refusals.")
        self.environment = {k: v for k, v in os.environ.items()
                            if not k.startswith("CTXTRACE") and k != "LD_PRELOAD"}

    def run(self, *arguments, env=None, timeout=60, cwd=None):
        return subprocess.run([self.command, *arguments], capture_output=True, text=True,
                              env={**self.environment, **(env or {})}, timeout=timeout,
                              cwd=cwd or self.folder, errors="replace")

    def check(self, name, good, why=""):
        print("ok " + name if good else "FAILED %s: %s" % (name, why), flush=True)
        self.failed += not good

    def expect(self, name, result, status, words=""):
        good = result.returncode == status and words in result.stdout + result.stderr
        self.check(name, good, "status %d (expected %d), words %r, said %r"
                   % (result.returncode, status, words, result.stderr[-300:]))

    def compile(self, name, text, *flags):
        source = os.path.join(self.folder, name + ".c")
        with open(source, "w") as out:
            out.write(text)
        program = os.path.join(self.folder, name)
        made = subprocess.run(["cc", "-o", program, source, *flags], capture_output=True)
        return program if made.returncode == 0 else None

    def pretend(self, mode):
        with open(os.path.join(self.folder, "libctxtrace.so"), "wb") as out:
            out.write(b"\0" * 4096)
        text = PRETENDER.replace("MARK = ", VALUE_BY_CTYPES + "MARK = ")
        child = subprocess.Popen([sys.executable, "-c", text, self.folder, self.dump, mode],
                                 stdout=subprocess.PIPE, env=self.environment)
        child.stdout.readline()
        return child


def dead_pid():
    child = subprocess.Popen(["true"])
    child.wait()
    return child.pid


def refusals(case):
    case.expect("snapshot_no_such_process", case.run("snapshot", str(dead_pid())), BAD_INPUT,
                "there is no process")
    for text in ("x", "0", "-5", "", "99999999999999999999"):
        case.expect("snapshot_not_a_pid_%r" % text, case.run("snapshot", "--", text), USAGE)
    case.expect("snapshot_no_argument", case.run("snapshot"), USAGE)
    case.expect("snapshot_bad_timeout", case.run("snapshot", "--timeout=soon", "1"), USAGE)
    child = subprocess.Popen(["sleep", "100"])
    case.expect("snapshot_no_tracker", case.run("snapshot", str(child.pid)), BAD_INPUT,
                "has no tracker")
    case.expect("mark_no_tracker", case.run("mark", str(child.pid)), BAD_INPUT, "has no tracker")
    case.check("no_signal_was_sent", child.poll() is None, "the process died")
    child.kill()
    time_end = time.monotonic() + 10
    while open("/proc/%d/stat" % child.pid).read().rsplit(")", 1)[1].split()[0] != "Z":
        if time.monotonic() > time_end:
            break
    case.expect("snapshot_zombie", case.run("snapshot", str(child.pid)), BAD_INPUT, "has ended")
    child.wait()


def refusal_of_others(case):
    if os.geteuid() != 0:
        print("ok snapshot_not_ours # SKIP needs root to become somebody else")
        return
    child = subprocess.Popen(["sleep", "100"])
    result = subprocess.run([case.command, "snapshot", str(child.pid)], capture_output=True,
                            text=True, user=65534, group=65534, extra_groups=[],
                            env=case.environment, cwd="/")
    if result.returncode == 126 or "Permission denied" in result.stderr[:40]:
        print("ok snapshot_not_ours # SKIP the command is not reachable for others")
    else:
        case.expect("snapshot_not_ours", result, BAD_INPUT, "not ours")
    child.kill()
    child.wait()


def refusal_of_static(case):
    program = case.compile("static", "#include <unistd.h>\nint main(void) { pause(); return 0; }",
                           "-static")
    if not program:
        print("ok snapshot_static # SKIP no static libc")
        return
    child = subprocess.Popen([program])
    time_end = time.monotonic() + 10
    while (os.readlink("/proc/%d/exe" % child.pid) != os.path.realpath(program)
           and time.monotonic() < time_end):
        pass
    case.expect("snapshot_static", case.run("snapshot", str(child.pid)), BAD_INPUT, "static")
    child.kill()
    child.wait()


def pretended(case):
    folder = "--dir=" + case.folder
    child = case.pretend("good")
    pid = str(child.pid)
    copy = os.path.join(case.folder, "copy.ctt")
    case.expect("snapshot_copies", case.run("snapshot", folder, "-o", copy, pid), 0)
    case.check("snapshot_copy_is_the_dump",
               os.path.exists(copy) and open(copy, "rb").read() == open(case.dump, "rb").read())
    case.check("snapshot_copy_is_private", os.stat(copy).st_mode & 0o077 == 0)
    case.expect("snapshot_renders", case.run("snapshot", folder, "--format=json", pid), 0,
                "ctxtrace.report/1")
    case.expect("mark", case.run("mark", folder, pid), 0, "marked at 0.123 s")
    listed = case.run("ps", folder)
    case.expect("ps_lists_it", listed, 0, pid)
    case.expect("ps_says_last_dump", listed, 0, case.dump)
    case.expect("snapshot_unwritable_copy",
                case.run("snapshot", folder, "-o", "/nonexistent/copy", pid), 70,
                "/nonexistent/copy")
    case.check("it_lives_on", child.poll() is None)
    child.kill()
    child.wait()
    case.expect("snapshot_after_its_end", case.run("snapshot", folder, pid), BAD_INPUT,
                "there is no process")


def pretended_late(case):
    """The tracker announces itself when it is first asked."""
    for verb in ("snapshot", "mark"):
        child = case.pretend("silent")
        case.expect(verb + "_unannounced",
                    case.run(verb, "--dir=" + case.folder, str(child.pid)), 0)
        child.kill()
        child.wait()


def pretended_badly(case):
    folder = "--dir=" + case.folder
    for mode, words in (("deaf", "no answer within 0.5 s"), ("dies", "ended before it answered"),
                        ("taken", "uses the tracker's signals itself"),
                        ("stale", "no answer within 0.5 s")):
        child = case.pretend(mode)
        case.expect("snapshot_" + mode,
                    case.run("snapshot", folder, "--timeout=500ms", str(child.pid)), BAD_INPUT,
                    words)
        if mode != "dies":
            case.check("unharmed_" + mode, child.poll() is None, "it ended")
        child.kill()
        child.wait()


def pretended_by_another(case):
    if os.geteuid() != 0:
        print("ok foreign_announcement # SKIP needs root to become somebody else")
        return
    child = case.pretend("deaf")
    os.chown(os.path.join(case.folder, ".ctxtrace.%d" % child.pid), 65534, 65534)
    case.expect("foreign_announcement_is_not_believed",
                case.run("snapshot", "--dir=" + case.folder, "--timeout=300ms", str(child.pid)),
                BAD_INPUT, "no answer")
    listed = case.run("ps", "--dir=" + case.folder).stdout
    case.check("foreign_announcement_is_not_listed",
               any(line.split()[0] == str(child.pid) and line.split()[-1] == "-"
                   for line in listed.splitlines()), listed)
    child.kill()
    child.wait()


def runs(case):
    case.expect("run_no_program", case.run("run", "--", "./nope"), BAD_INPUT, "no such program")
    case.expect("run_folder", case.run("run", "--", "/tmp"), BAD_INPUT, "no such program")
    case.expect("run_nothing", case.run("run"), USAGE)
    case.expect("run_unknown_option", case.run("run", "--bogus", "--", "true"), USAGE)
    case.expect("run_bad_exitcode", case.run("run", "--error-exitcode=x", "--", "true"), USAGE)
    case.expect("run_colon", case.run("run", "--project=a:b", "--", "true"), USAGE, "colon")
    program = case.compile("static0", "int main(void) { return 0; }", "-static")
    if program:
        case.expect("run_static", case.run("run", "--", program), 0, "inconclusive")
        case.expect("run_static_exitcode", case.run("run", "--error-exitcode", "--", program),
                    INCONCLUSIVE, "inconclusive")
    script = os.path.join(case.folder, "script")
    with open(script, "w") as out:
        out.write("#!%s\n" % program)
    os.chmod(script, 0o755)
    if program:
        case.expect("run_script_of_static", case.run("run", "--", script), 0, "inconclusive")
    musl = case.compile("musl", "int main(void) { return 5; }", "-nostartfiles", "-static-pie",
                        "-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1", "-e", "main")
    if musl:
        case.expect("run_other_libc_says_so", case.run("doctor", "--", musl), INCONCLUSIVE, "")


def run_statuses(case):
    """Without a library to load: the launcher alone."""
    env = {"CTXTRACE_LIB": case.library} if case.library else {}
    case.expect("run_status", case.run("run", "--", "sh", "-c", "exit 7", env=env), 7)
    case.expect("run_dies_as_it_did",
                case.run("run", "--", "sh", "-c", "kill -KILL $$", env=env), -signal.SIGKILL)
    result = case.run("run", "--", "sh", "-c", "echo out; echo err >&2; cat", env=env)
    case.expect("run_output", result, 0, "out\n")
    case.check("run_stderr_is_passed", "err\n" in result.stderr)
    child = subprocess.Popen([case.command, "run", "--", "sh", "-c",
                              "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**case.environment, **env}, cwd=case.folder)
    child.stdout.readline()
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=30)
    case.check("run_forwards_term", child.returncode == 9, "status %d" % child.returncode)


def doctors(case):
    case.expect("doctor_no_such_program", case.run("doctor", "--", "./nope"), BAD_INPUT)
    case.expect("doctor_bad_pid", case.run("doctor", "--pid=x"), USAGE)
    result = case.run("doctor", "--", "sh")
    case.check("doctor_says_every_line",
               all(line.split()[0] in ("ok", "warn", "bad") for line in
                   result.stdout.splitlines()) and len(result.stdout.splitlines()) > 10,
               result.stdout)
    program = case.compile("static1", "int main(void) { return 0; }", "-static")
    if program:
        case.expect("doctor_static", case.run("doctor", "--", program), INCONCLUSIVE,
                    "static program")
    program = case.compile("own", "#include <stddef.h>\nvoid *je_malloc(size_t n);\n"
                           "void *je_malloc(size_t n) { return 0; }\nint main(void) { return 0; }")
    case.check("doctor_allocator", "jemalloc" in case.run("doctor", "--", program).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ctxtrace", required=True)
    parser.add_argument("--lib", default="")
    parser.add_argument("--dump", default=DUMP, help="what the pretended tracker hands out")
    arguments = parser.parse_args()
    case = Case(os.path.abspath(arguments.ctxtrace),
                os.path.abspath(arguments.lib) if arguments.lib else "",
                os.path.abspath(arguments.dump))
    os.chmod(case.folder, 0o755)
    for group in (refusals, refusal_of_others, refusal_of_static, pretended, pretended_late,
                   pretended_badly,
                  pretended_by_another, runs, run_statuses, doctors):
        group(case)
    subprocess.run(["rm", "-rf", case.folder])
    return 1 if case.failed else 0


if __name__ == "__main__":
    sys.exit(main())
