# SPDX-License-Identifier: MIT
"""Programs that replace themselves: a request that meets the moment of an exec neither
kills nor is seen, whatever the program is replaced by."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from arrangements import TIMEOUT_S, compile_hello, run
from tracing import Mismatch, Skip

WAYS = ("execve", "execv", "execvp", "execvpe", "execl", "execlp", "execle", "fexecve",
        "execveat")
EXECS = 150
SHOW = Path(__file__).with_name("replacing.c")

# A program with an entry of its own: the tracker is loaded and never started.
OWN_ENTRY = """
#include <sys/syscall.h>
long syscall(long number, ...);
__attribute__((force_align_arg_pointer)) void _start(void)
{
    unsigned long mask = 0;
    char digits[17];
    syscall(SYS_rt_sigprocmask, 0, 0, &mask, 8);
    for (int i = 0; i < 16; i++)
        digits[i] = "0123456789abcdef"[mask >> (60 - 4 * i) & 15];
    digits[16] = '\\n';
    syscall(SYS_write, 1, digits, 17);
    syscall(SYS_exit_group, 0);
}
"""


def program(tracker):
    return tracker.build / "tests" / "hazards" / "hazards_replacing"


def compare(tracker, command, env=None, **more):
    """Status and stdout without and with the tracker, and with one that was asked before:
    only that one blocks anything."""
    for asked in ((), ("asked",)):
        whole = [command[0], *asked, *command[1:]]
        native = run(whole, **more)
        with tempfile.TemporaryDirectory() as folder:
            traced = run(whole, env={**tracker.environment(f"dir={folder}"), **(env or {})},
                         **more)
        if (traced.returncode, traced.stdout) != (native.returncode, native.stdout):
            raise Mismatch(f"{whole[1:]}: {traced.returncode}, {differing(native, traced)}")


def differing(native, traced):
    """The lines that one has and the other has not."""
    return set(native.stdout.splitlines()) ^ set(traced.stdout.splitlines())


def storm(tracker, way):
    """(status, stdout, requests made) of a program that is asked all the time."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program(tracker), "asked", "storm", way, str(EXECS)]
        asked = 0
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              env=tracker.environment(f"dir={folder}:keep=2")) as process:
            while process.poll() is None:
                subprocess.run([tracker.tool, "snapshot", f"--dir={folder}", "--timeout=300ms",
                                "-o", os.devnull, str(process.pid)], capture_output=True,
                               timeout=TIMEOUT_S, check=False)
                asked += 1
            return process.returncode, process.stdout.read(), asked


def test_exec_beside_requests(tracker):
    """hazard: D1: by every function that replaces a program."""
    for way in WAYS:
        native = run([program(tracker), "storm", way, "2"])
        status, said, asked = storm(tracker, way)
        if status != 0 or said != native.stdout:
            raise Mismatch(f"{way}: status {status} after {asked} requests, "
                           f"{set(said.splitlines()) ^ set(native.stdout.splitlines())}")


def test_exec_mask(tracker):
    """What is blocked afterwards, and the environment, are as without us."""
    for way in WAYS:
        compare(tracker, [program(tracker), "storm", way, "3"])
        compare(tracker, [program(tracker), "vfork", way])
    compare(tracker, [program(tracker), "blocked", "storm", "execv", "3"])
    compare(tracker, [program(tracker), "failed"])
    compare(tracker, [program(tracker), "blocked", "failed"])


def compile_show(folder, *flags):
    return compile_hello(folder, "gcc", "-D_GNU_SOURCE", "-w", *flags,
                         text=SHOW.read_text(encoding="utf-8"))


def test_exec_to_static(tracker):
    """hazard: A15: nobody would unblock there."""
    with tempfile.TemporaryDirectory() as folder:
        compare(tracker, [program(tracker), "to", compile_show(folder, "-static")])


def test_exec_to_static_pie(tracker):
    with tempfile.TemporaryDirectory() as folder:
        compare(tracker, [program(tracker), "to", compile_show(folder, "-static-pie")])


def test_exec_to_own_entry(tracker):
    with tempfile.TemporaryDirectory() as folder:
        target = compile_hello(folder, "gcc", "-nostartfiles", "-O1", text=OWN_ENTRY)
        compare(tracker, [program(tracker), "to", target])
        said = run([program(tracker), "to", target], env=tracker.environment()).stdout
        if not re.fullmatch(r"0{16}\n", said):
            raise Mismatch(f"blocked there: {said!r}")


def test_exec_to_script(tracker):
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script"
        script.write_text(f"#!/bin/sh\nexec {program(tracker)} show\n", encoding="ascii")
        script.chmod(0o755)
        compare(tracker, [program(tracker), "to", script])


def test_exec_without_preload(tracker):
    """Who takes us out of the environment has a program that nobody unblocks for."""
    compare(tracker, [program(tracker), "to", "/usr/bin/env"])
    said = run(["/usr/bin/env", "-u", "LD_PRELOAD", program(tracker), "show"],
               env=tracker.environment()).stdout
    if said != run([program(tracker), "show"]).stdout:
        raise Mismatch(f"shown: {said!r}")


def test_exec_to_switched_off(tracker):
    """off=1 in the new program's environment: it watches nothing, and blocks nothing."""
    off = ["/usr/bin/env", "CTXTRACE_OPTIONS=off=1", program(tracker), "show"]
    said = run(off, env=tracker.environment()).stdout
    if said != run(off).stdout:
        raise Mismatch(f"shown: {said!r}")


def test_exec_with_rights(tracker):
    """hazard: C12: the loader of a setuid program passes us over."""
    if os.getuid() != 0:
        raise Skip("needs root to make a setuid program")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        target = compile_show(folder)
        target.chmod(0o4755)
        compare(tracker, [program(tracker), "to", target], user=65534, group=65534,
                extra_groups=[])


EARLY = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void look(void)
{
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    printf("early %d %d\\n", getenv("CTXTRACE_UNBLOCK") != NULL, sigismember(&mask, SIGUSR1));
    fflush(stdout);
}
"""


def early(tracker, *words):
    """What a library's constructor finds in the program and in what it is replaced by: the
    variable, SIGUSR1 blocked. Both are there where signals wait for the next tracker."""
    with tempfile.TemporaryDirectory() as folder:
        library = compile_hello(folder, "gcc", "-shared", "-fPIC", text=EARLY)
        shown = run([program(tracker), *words],
                    env=tracker.environment(f"dir={folder}",
                                            LD_PRELOAD=f"{tracker.library}:{library}")).stdout
    return [line for line in shown.splitlines() if line.startswith("early")]


def test_exec_unasked(tracker):
    """Whoever was never asked is never shielded: constructors of libraries find all as
    without us."""
    unasked = early(tracker, "to", program(tracker))
    asked = early(tracker, "asked", "to", program(tracker))
    if (unasked, asked) != (["early 0 0"] * 2, ["early 0 0", "early 1 1"]):
        raise Mismatch(f"constructors saw {unasked}, {asked}")


def check_shielded(tracker, *words):
    seen = early(tracker, "asked", *words)
    if seen[1:2] != ["early 1 1"]:
        raise Mismatch(f"{words}: nothing waits for the next tracker: {seen}")


def test_exec_of_text(tracker):
    """What the kernel does not know as a program: execvp has a shell read it."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script"
        script.write_text(f"exec {program(tracker)} show\n", encoding="ascii")
        script.chmod(0o755)
        compare(tracker, [program(tracker), "text", script])
        compare(tracker, [program(tracker), "to", script])
        check_shielded(tracker, "text", script)


def test_exec_by_path(tracker):
    compare(tracker, [program(tracker), "path", program(tracker)])
    check_shielded(tracker, "path", program(tracker))


def test_exec_to_other_start(tracker):
    """Linked as usual, but the linker was told of another entry."""
    with tempfile.TemporaryDirectory() as folder:
        text = OWN_ENTRY.replace("_start(void)", "mine(void)") + "int main(void) { return 0; }"
        target = compile_hello(folder, "gcc", "-O1", "-Wl,-e,mine", text=text)
        compare(tracker, [program(tracker), "to", target])


def test_exec_with_second_preload(tracker):
    """The loader obeys the last."""
    compare(tracker, [program(tracker), "twice", program(tracker)])


def test_exec_by_bare_name(tracker):
    """The loader found us by a path that the new program is not given."""
    library = Path(tracker.library)
    compare(tracker, [program(tracker), "lost", program(tracker)],
            env={"LD_PRELOAD": library.name, "LD_LIBRARY_PATH": str(library.parent)})


CONSTRUCTOR = """
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((constructor)) static void start_another(void)
{
    char *file = getenv("ANOTHER");
    pid_t child;
    if (!file || getenv("STARTED"))
        return;
    child = fork();
    if (child == 0) {
        setenv("STARTED", "1", 1);
        execl("/nowhere", "nowhere", NULL);
        execl(file, file, "show", NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}
"""


def test_exec_by_constructor(tracker):
    """A library's constructor starts a program while signals wait for the tracker of its own:
    they do not stay blocked there, nor is the variable seen, tracker or not."""
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "constructor.so"
        compile_hello(folder, "gcc", "-shared", "-fPIC", text=CONSTRUCTOR).rename(library)
        target = compile_show(folder, "-static")
        for another in (target, program(tracker)):
            words = ["to", program(tracker)]
            native = run([program(tracker), *words],
                         env={**os.environ, "ANOTHER": str(another), "LD_PRELOAD": str(library)})
            traced = run([program(tracker), "asked", *words],
                         env=tracker.environment(f"dir={folder}", ANOTHER=str(another),
                                                 LD_PRELOAD=f"{tracker.library}:{library}"))
            if "STARTED=1" not in native.stdout or traced.stdout != native.stdout:
                raise Mismatch(f"{another}: {differing(native, traced)}")


def test_exec_with_less(tracker):
    """Where the next loader has no room for us it goes on without, and nobody would unblock.
    (Where we fit and libc does not, the program has too little for the two.)"""
    least, most, step = 1 << 20, 12 << 20, 128 << 10
    without_us = 0
    for limit in range(least, most, step):
        words = ["less", str(limit), program(tracker)]
        native = run([program(tracker), *words])
        with tempfile.TemporaryDirectory() as folder:
            traced = run([program(tracker), "asked", *words],
                         env=tracker.environment(f"dir={folder}"))
        if native.returncode != 0 or traced.returncode == 127:
            continue
        more = set(traced.stdout.splitlines()) - set(native.stdout.splitlines())
        if traced.returncode or more:
            raise Mismatch(f"{limit} bytes: {traced.returncode}, {more}")
        without_us += "cannot be preloaded" in traced.stderr
    if not without_us:
        raise Mismatch("no limit is such that we do not fit and the program does")


def test_exec_with_other_library(tracker):
    """What has our name by then is not what was loaded."""
    for content in (b"", b"\x7fELF"):
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder) / "libctxtrace.so"
            other = Path(folder) / "other"
            native = run([program(tracker), "show"])
            shutil.copy(tracker.library, library)
            other.write_bytes(content)
            traced = run([program(tracker), "asked", "other", other, library, program(tracker)],
                         env=tracker.environment(f"dir={folder}", LD_PRELOAD=str(library)))
            if traced.stdout != native.stdout or "cannot be preloaded" not in traced.stderr:
                raise Mismatch(f"{content}: {traced.stderr} {differing(native, traced)}")


def test_exec_badly(tracker):
    compare(tracker, [program(tracker), "badly"])


def test_exec_crowded(tracker):
    """A large environment and a small stack."""
    for count, stack in ((1800, 16384), (20000, 65536)):
        compare(tracker, [program(tracker), "crowded", str(count), str(stack)])


def test_exec_largest(tracker):
    """As much fits as without us, apart from LD_PRELOAD and our options themselves."""
    compare(tracker, [program(tracker), "largest"])


TESTS = (test_exec_unasked, test_exec_of_text, test_exec_by_path, test_exec_to_other_start,
         test_exec_with_second_preload, test_exec_by_bare_name, test_exec_by_constructor,
         test_exec_with_less, test_exec_with_other_library, test_exec_badly,
         test_exec_crowded, test_exec_largest, test_exec_beside_requests, test_exec_mask,
         test_exec_to_static, test_exec_to_static_pie, test_exec_to_own_entry,
         test_exec_to_script, test_exec_without_preload, test_exec_to_switched_off,
         test_exec_with_rights)
