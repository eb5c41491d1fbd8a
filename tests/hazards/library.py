# SPDX-License-Identifier: MIT
"""Hazards that show in the library file itself, or in a process merely by its presence."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from arrangements import compile_hello, need, run
from tracing import Mismatch, Skip

PLUGIN = """
#include <stdexcept>
extern "C" int throw_and_catch(void)
{
    try { throw std::runtime_error("thrown"); } catch (const std::exception &) { return 7; }
    return 0;
}
"""
HOST = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND * (argc > 2));
    int (*call)(void) = plugin ? (int (*)(void))dlsym(plugin, "throw_and_catch") : 0;
    printf("%d\\n", call ? call() : -1);
    return plugin ? dlclose(plugin) : 1;
}
"""


def test_control_flow(tracker):
    """hazard: A19: every object is marked for indirect branch tracking, assembly included.

    The library as a whole is not where the distribution's own start files are not."""
    objects = sorted(tracker.library.parent.glob("libctxtrace.so*.p/*.o"))
    if not objects:
        raise Skip("no object files beside the library")
    bare = [path.name for path in objects if "IBT" not in run(["readelf", "-nW", path]).stdout]
    if bare:
        raise Mismatch(f"no IBT in the property note of {', '.join(bare)}")


def test_no_thread_of_ours(tracker):
    """hazard: D6: no resident thread, and no descriptor of ours, while the program runs."""
    with tempfile.TemporaryDirectory() as folder:
        script = "ls /proc/self/task | wc -w; ls /proc/self/fd"
        native = run(["/bin/sh", "-c", script])
        done = run(["/bin/sh", "-c", script], env=tracker.environment(TMPDIR=folder))
    if (done.stdout, done.stderr) != (native.stdout, ""):
        raise Mismatch(f"{done.stdout!r} instead of {native.stdout!r}; {done.stderr[-300:]!r}")


def build_plugin(folder):
    """(host, plugin): a C program without libstdc++ and a C++ plugin that throws."""
    host = compile_hello(folder, "gcc", text=HOST)
    source, plugin = Path(folder) / "plugin.cpp", Path(folder) / "plugin.so"
    source.write_text(PLUGIN, encoding="ascii")
    done = run(["g++", "-shared", "-fPIC", source, "-o", plugin])
    if done.returncode:
        raise Skip(f"g++ does not work here: {done.stderr[-200:]}")
    return host, plugin


def test_exceptions(tracker):
    """hazard: 0.6, F1: a C++ plugin of a C program throws through its own unwinder."""
    need("g++")
    with tempfile.TemporaryDirectory() as folder:
        host, plugin = build_plugin(folder)
        for options in ("", "unwind=libunwind", "verify=unwind"):
            done = run([host, plugin], env=tracker.environment(options, LD_DEBUG="bindings",
                                                               TMPDIR=folder))
            if done.stdout != "7\n":
                raise Mismatch(f"{options or 'default'}: {done.stdout!r}, {done.stderr[-300:]!r}")
            # libunwind, where it was asked for, may well use its own function itself.
            bound = re.findall(r"binding file (\S+) \[0\] to (?!\1 )(\S+) \[0\]: normal symbol "
                               r"`_Unwind_RaiseException'", done.stderr)
            if any("libgcc_s" not in path for _, path in bound):
                raise Mismatch(f"{options or 'default'}: _Unwind_RaiseException is of {bound}")


def test_deepbind(tracker):
    """hazard: A13: a plugin that looks into itself and libc first."""
    need("g++")
    with tempfile.TemporaryDirectory() as folder:
        host, plugin = build_plugin(folder)
        done = run([host, plugin, "deep"], env=tracker.environment(TMPDIR=folder))
        if (done.returncode, done.stdout, done.stderr) != (0, "7\n", ""):
            raise Mismatch(f"status {done.returncode}, {done.stdout!r}, {done.stderr[-300:]!r}")


def test_under_tools(tracker):
    """hazard: C16: under strace, gdb and valgrind the program gives its output."""
    app = tracker.app("fd_fixed")
    arrangements = (
        ("strace", ["strace", "-f", "-o", "/dev/null", "-E", f"LD_PRELOAD={tracker.library}", app]),
        ("gdb", ["gdb", "-batch", "-nx", "-ex", f"set environment LD_PRELOAD {tracker.library}",
                 "-ex", "run", app]),
        ("valgrind", ["valgrind", "-q", app]),
    )
    for name, command in arrangements:
        need(name)
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "TMPDIR": folder}
            if name == "valgrind":
                environment = tracker.environment(TMPDIR=folder)
            done = run(command, env=environment)
        if "read\n" not in done.stdout:
            raise Mismatch(f"{name}: status {done.returncode}, {done.stdout[-200:]!r}, "
                           f"{done.stderr[-300:]!r}")


def test_preloaded_allocator(tracker):
    """hazard: A4: another allocator preloaded before or after us."""
    other = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"
    if not Path(other).exists():
        raise Skip("libjemalloc2 is not installed")
    native = subprocess.run([tracker.app("memory")], capture_output=True, text=True, check=True)
    for order in (f"{other}:{tracker.library}", f"{tracker.library}:{other}"):
        with tempfile.TemporaryDirectory() as folder:
            done = run([tracker.app("memory")],
                       env=tracker.environment(LD_PRELOAD=order, TMPDIR=folder))
        if (done.returncode, done.stdout) != (0, native.stdout):
            raise Mismatch(f"{order}: status {done.returncode}, {done.stderr[-300:]!r}")


TESTS = (
    test_control_flow,
    test_no_thread_of_ours,
    test_exceptions,
    test_deepbind,
    test_under_tools,
    test_preloaded_allocator,
)
