# SPDX-License-Identifier: MIT
"""Hazards that lie around a program, not in it: its stderr, its children's libc, its
sanitizer, the folder for dumps, the moment at which a signal comes."""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from tracing import Mismatch, Skip

PIPE_BYTES = 65536
TIMEOUT_S = 60
# The exit report may wait for its text (render=3s) and for the pipe, not for ever.
EXIT_LIMIT_S = 15
EARLY_SIGNALS = 20
HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


def need(*commands):
    for command in commands:
        if not shutil.which(command):
            raise Skip(f"{command} is not installed")


def run(command, **more):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIMEOUT_S, check=False, **more)


def compile_hello(folder, compiler, *flags, text=HELLO):
    source, program = Path(folder) / "hello.c", Path(folder) / "hello"
    source.write_text(text, encoding="ascii")
    done = run([compiler, *flags, source, "-o", program])
    if done.returncode:
        raise Skip(f"{compiler} {' '.join(flags)} does not work here: {done.stderr[-200:]}")
    return program


def run_with_stderr(tracker, stderr):
    """Status of a program with a finding, whose report goes to this descriptor."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        process = subprocess.Popen([tracker.app("pile_up")], stderr=stderr,
                                   stdout=subprocess.DEVNULL,
                                   env=tracker.environment(f"dir={folder}"))
        try:
            status = process.wait(timeout=EXIT_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Mismatch(f"exit hangs: longer than {EXIT_LIMIT_S} s") from None
        dumps = list(Path(folder).glob("*.ctt"))
    if status != 0:
        raise Mismatch(f"status {status} instead of 0 after {time.monotonic() - started:.1f} s")
    if not dumps:
        raise Mismatch("no dump was written")


def test_full_pipe(tracker):
    """hazard: B11: stderr is a full pipe that nobody reads."""
    reader, writer = os.pipe()
    try:
        os.write(writer, b"x" * PIPE_BYTES)
        run_with_stderr(tracker, writer)
    finally:
        os.close(reader)
        os.close(writer)


def test_closed_pipe(tracker):
    """hazard: B12: stderr is a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        run_with_stderr(tracker, writer)
    finally:
        os.close(writer)


def test_closed_outputs(tracker):
    """hazard: F6: a program that closes 1 and 2 itself, as gnulib's close_stdout does."""
    with tempfile.TemporaryDirectory() as folder:
        done = run(["/bin/ls", "/"], env=tracker.environment(f"dir={folder}"))
        if done.returncode or done.stdout != run(["/bin/ls", "/"]).stdout:
            raise Mismatch(f"ls ended with {done.returncode}: {done.stderr[-300:]}")
        if not list(Path(folder).glob("ls.*.ctt")):
            raise Mismatch("no dump of a program that closed its outputs")


def test_musl_child(tracker):
    """hazard: C11, 0.11: a musl program in the pipeline starts, without us."""
    need("musl-gcc")
    with tempfile.TemporaryDirectory() as folder:
        program = compile_hello(folder, "musl-gcc")
        script = f"{program} | cat; {program}; exec {program}"
        for shell in ("/bin/bash", "/bin/dash"):
            done = run([shell, "-c", script], env=tracker.environment())
            if (done.returncode, done.stdout, done.stderr) != (0, "hello\n" * 3, ""):
                raise Mismatch(f"{shell}: status {done.returncode}, {done.stdout!r}, "
                               f"{done.stderr[-300:]!r}")


HELLO_32 = """
        .section .rodata
text:   .string "hello"
        .text
        .globl _start
_start: andl $-16, %esp
        subl $12, %esp
        pushl $text
        call puts
        movl $0, (%esp)
        call exit
        .section .note.GNU-stack, "", @progbits
"""


def test_narrow_child(tracker):
    """hazard: C11: a 32-bit program in the pipeline starts, without us and without a word."""
    libc = Path("/lib32/libc.so.6")
    need("as")
    if not libc.exists():
        raise Skip("libc6-i386 is not installed")
    with tempfile.TemporaryDirectory() as folder:
        source, object_file, program = (f"{folder}/hello{end}" for end in (".s", ".o", ""))
        Path(source).write_text(HELLO_32, encoding="ascii")
        run(["as", "--32", "-o", object_file, source])
        run(["ld", "-m", "elf_i386", "-dynamic-linker", "/lib/ld-linux.so.2", "-rpath", "/lib32",
             "-o", program, object_file, str(libc)])
        for shell in ("/bin/bash", "/bin/dash"):
            done = run([shell, "-c", f"{program} | cat; {program}; exec {program}"],
                       env=tracker.environment())
            if (done.returncode, done.stdout, done.stderr) != (0, "hello\n" * 3, ""):
                raise Mismatch(f"{shell}: status {done.returncode}, {done.stdout!r}, "
                               f"{done.stderr[-300:]!r}")


def test_sanitized_program(tracker):
    """hazard: C17, 0.11: a program built with ASan, started by the launcher."""
    with tempfile.TemporaryDirectory() as folder:
        program = compile_hello(folder, "gcc", "-fsanitize=address", "-g")
        done = run([tracker.tool, "run", f"--dir={folder}", "--", program],
                   env={**os.environ, "CTXTRACE_LIB": str(tracker.library)})
        if done.returncode or "hello" not in done.stdout:
            raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-500:]!r}")


def test_own_allocator(tracker):
    """hazard: A12: a statically linked jemalloc: the program runs, the report is degraded."""
    text = HELLO.replace("int main", "#include <stdlib.h>\nint main").replace(
        "puts", "free(malloc(1000000)); puts")
    with tempfile.TemporaryDirectory() as folder:
        program = compile_hello(folder, "gcc", text=text)
        library = Path("/usr/lib/x86_64-linux-gnu/libjemalloc.a")
        if not library.exists():
            raise Skip("libjemalloc.a is not installed")
        done = run(["gcc", Path(folder) / "hello.c", "-Wl,--whole-archive", library,
                    "-Wl,--no-whole-archive", "-lm", "-lstdc++", "-lpthread", "-o", program])
        if done.returncode:
            raise Skip(f"does not link: {done.stderr[-200:]}")
        done = run([program], env=tracker.environment(f"dir={folder}"))
        if (done.returncode, done.stdout) != (0, "hello\n"):
            raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")
        dumps = list(Path(folder).glob("*.ctt"))
        report = run([tracker.tool, "report", "--format=json", *dumps])
        if '"degraded"' not in report.stdout:
            raise Mismatch("the report does not say degraded")


def test_static_program(tracker):
    """hazard: A15: a static program is inconclusive, never clean."""
    with tempfile.TemporaryDirectory() as folder:
        program = compile_hello(folder, "gcc", "-static")
        done = run([tracker.tool, "run", f"--dir={folder}", "--error-exitcode", "--", program],
                   env={**os.environ, "CTXTRACE_LIB": str(tracker.library)})
        if done.returncode != 71 or "inconclusive" not in done.stderr:
            raise Mismatch(f"status {done.returncode} instead of 71, {done.stderr[-300:]!r}")


def test_early_signal(tracker):
    """hazard: D1: a request that comes while the program is still starting."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(EARLY_SIGNALS):
            process = subprocess.Popen(
                [tracker.tool, "run", f"--dir={folder}", "--", "/bin/sleep", "0.3"],
                env={**os.environ, "CTXTRACE_LIB": str(tracker.library)},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            child = find_child(process.pid)
            if child:
                os.kill(child, signal.SIGUSR1)
            status = process.wait(timeout=TIMEOUT_S)
            if status:
                raise Mismatch(f"round {number}: status {status} instead of 0")


def find_child(pid):
    """The first child, once it runs /bin/sleep; None when it was never seen."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            if words and Path(f"/proc/{words[0]}/comm").read_text(encoding="ascii") == "sleep\n":
                return int(words[0])
        except OSError:
            return None
    return None


def test_file_modes(tracker):
    """hazard: E21: dumps are the owner's alone, whatever the umask."""
    with tempfile.TemporaryDirectory() as folder:
        run([tracker.app("fd")], env=tracker.environment(f"dir={folder}", TMPDIR=folder),
            preexec_fn=lambda: os.umask(0))
        modes = [stat.S_IMODE(path.stat().st_mode) for path in Path(folder).glob("*.ctt")]
        if modes != [0o600]:
            raise Mismatch(f"modes {[oct(mode) for mode in modes]}")


def test_names_collide(tracker):
    """hazard: E20: two processes and one folder: two dumps."""
    with tempfile.TemporaryDirectory() as folder:
        environment = tracker.environment(f"dir={folder}:name=same.ctt")
        processes = [subprocess.Popen([tracker.app("fd")], env=environment,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                     for _ in range(4)]
        if any([process.wait(timeout=TIMEOUT_S) for process in processes]):
            raise Mismatch("a program's status changed")
        leftovers = [path.name for path in Path(folder).iterdir() if path.suffix == ".tmp"]
        if leftovers:
            raise Mismatch(f"left behind: {leftovers}")


def test_unwritable_folder(tracker):
    """hazard: E19: the folder for dumps is not one; the program does not notice."""
    with tempfile.TemporaryDirectory() as folder:
        done = run([tracker.app("fd_fixed")],
                   env=tracker.environment("dir=/proc/nowhere", TMPDIR=folder))
        if (done.returncode, done.stdout) != (0, "read\n"):
            raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")


def test_killed_while_dumping(tracker):
    """hazard: E18: kill -9 at any time leaves whole dumps only under the final name."""
    with tempfile.TemporaryDirectory() as folder:
        for delay in range(8):
            process = subprocess.Popen([tracker.app("pile_up")], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL,
                                       env=tracker.environment(f"dir={folder}"))
            time.sleep(0.002 * delay)
            process.kill()
            process.wait()
        for path in Path(folder).glob("*.ctt"):
            done = run([tracker.tool, "report", "--format=json", path])
            if done.returncode:
                raise Mismatch(f"{path.name} is no whole dump: {done.stderr[-200:]}")


def test_first_process(tracker):
    """hazard: C14: the program is process 1 of its namespace."""
    need("unshare")
    command = ["unshare", "-pf", "--mount-proc", "--", tracker.app("fd_fixed")]
    native = run(command)
    if native.returncode:
        raise Skip(f"unshare is not allowed here: {native.stderr.strip()[:100]}")
    with tempfile.TemporaryDirectory() as folder:
        done = run(command, env=tracker.environment(TMPDIR=folder))
    if (done.returncode, done.stdout, done.stderr) != (0, native.stdout, native.stderr):
        raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")


def test_setuid_program(tracker):
    """hazard: C12: for a set-user-id program the loader ignores us, and it runs."""
    if os.getuid() != 0:
        raise Skip("needs root to make a set-user-id copy")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        copy = Path(folder) / "copy"
        shutil.copy(tracker.app("fd_fixed"), copy)
        os.chown(copy, 1, 1)
        copy.chmod(0o6755)
        done = run([copy], env=tracker.environment(f"dir={folder}"), user=65534, group=65534)
    if (done.returncode, done.stdout) != (0, "read\n"):
        raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")


TESTS = (
    test_full_pipe,
    test_closed_pipe,
    test_closed_outputs,
    test_musl_child,
    test_narrow_child,
    test_sanitized_program,
    test_own_allocator,
    test_static_program,
    test_early_signal,
    test_file_modes,
    test_names_collide,
    test_unwritable_folder,
    test_killed_while_dumping,
    test_first_process,
    test_setuid_program,
)
