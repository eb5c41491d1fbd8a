# SPDX-License-Identifier: MIT
"""Who is measured: the program as it is (twice: the second is the A/A control), the
floor that no interposer can go below, the tracker in its modes, and every rival
that this machine has. What it has not is named, with the reason."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from bench_model import CONTROL, FULL, NATIVE, NULL, OFF, SAMPLED, TRACKER, Contestant

ROOT = Path(__file__).resolve().parents[2]
WORKLOAD_SOURCES = ("workload.c", "workload_live.c", "workload_threads.c")
JEMALLOC = "libjemalloc.so.2"
LSAN = "liblsan.so.0"
# Those that are off by default, for what they cost.
FAMILIES = ("locks", "frees", "exec_leaks")
BY_DEFAULT = ("memory", "fd", "thread")
EVERYTHING = (*BY_DEFAULT, "lock")
QUIET_LSAN = {"LSAN_OPTIONS": "exitcode=0"}


def knows_option(build, key):
    """True when the build's command lists the tracker's option."""
    told = subprocess.run([build / "report" / "ctxtrace", "--help"], check=False,
                          capture_output=True, text=True).stdout
    return re.search(rf"^  {re.escape(key)} ", told, re.MULTILINE) is not None


def list_own(build):
    library = {"LD_PRELOAD": str(build / "preload" / "libctxtrace.so"),
               "CTXTRACE_TOOL": str(build / "report" / "ctxtrace")}
    null = build / "tests" / "bench" / "libnull_interposer.so"
    found = [Contestant(NATIVE, sees=EVERYTHING), Contestant(CONTROL, sees=EVERYTHING),
             Contestant(NULL, environment={"LD_PRELOAD": str(null)}, sees=EVERYTHING),
             Contestant(TRACKER, environment=library, sees=BY_DEFAULT),
             Contestant(FULL, sees=EVERYTHING, environment={
                 **library, "CTXTRACE_OPTIONS": ":".join(f"{name}=1" for name in FAMILIES)})]
    if knows_option(build, "sample"):
        found.append(Contestant(SAMPLED, sees=BY_DEFAULT,
                                environment={**library, "CTXTRACE_OPTIONS": "sample=512k"}))
    found.append(Contestant(OFF, environment={**library, "CTXTRACE_OPTIONS": "off=1"},
                            sees=EVERYTHING))
    return found


# ---- rivals: each function gives contestants, or the reason why there are none ----


def find_heaptrack(scratch):
    if not shutil.which("heaptrack"):
        return "heaptrack: not installed"
    return [Contestant("heaptrack", ("heaptrack", "-o", str(scratch / "heaptrack")),
                       scale=0.5, talks=True)]


def find_valgrind(_scratch):
    if not shutil.which("valgrind"):
        return "valgrind: not installed"
    command = ("valgrind", "-q", "--leak-check=full", "--track-fds=yes")
    return [Contestant("valgrind", command, scale=0.02, heavy=True, sees=("memory", "fd"))]


def build_with_lsan(scratch, name, flag):
    """The workload with clang's LSan in it; None when that cannot be built or run."""
    program = scratch / name
    sources = [ROOT / "tests" / "bench" / source for source in WORKLOAD_SOURCES]
    command = ["clang", "-O2", "-g", flag, "-fsanitize=leak", "-D_GNU_SOURCE", "-pthread",
               *sources, "-o", program]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        return None
    works = subprocess.run([program], check=False, capture_output=True)
    return str(program) if works.returncode == 0 else None


def find_clang_lsan(scratch):
    if not shutil.which("clang"):
        return "clang LSan: clang is not installed"
    found = []
    for name, flag in (("LSan", "-fomit-frame-pointer"),
                       ("LSan with frame pointers", "-fno-omit-frame-pointer")):
        program = build_with_lsan(scratch, "workload_lsan" + flag[2:4], flag)
        if not program:
            return "clang LSan: -fsanitize=leak does not link or run (libclang-rt-dev)"
        found.append(Contestant(name, environment=QUIET_LSAN, workload=program, programs=False))
    return found


def preloads(library, variables=()):
    """True when a program starts with the library preloaded and says nothing about it."""
    done = subprocess.run(["true"], check=False, capture_output=True,
                          env={**os.environ, "LD_PRELOAD": library, **dict(variables)})
    return done.returncode == 0 and not done.stderr


def find_lsan_library(_scratch):
    """For programs that cannot be built anew."""
    if not preloads(LSAN, QUIET_LSAN):
        return f"LSan preloaded: {LSAN} does not load (liblsan0)"
    return [Contestant("LSan preloaded", environment={"LD_PRELOAD": LSAN, **QUIET_LSAN},
                       micro=False)]


def find_jemalloc(scratch):
    if not preloads(JEMALLOC):
        return f"jemalloc: {JEMALLOC} does not load (libjemalloc2)"
    if not preloads(JEMALLOC, {"MALLOC_CONF": "abort_conf:true,prof:true"}):
        return "jemalloc prof: this libjemalloc was built without it"
    common = f"prof:true,prof_prefix:{scratch}/jemalloc"
    return [Contestant("jemalloc prof sampled",
                       environment={"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": common}),
            # Thousands of times native where a program mostly allocates.
            Contestant("jemalloc prof exact", scale=0.01, programs=False,
                       environment={"LD_PRELOAD": JEMALLOC,
                                    "MALLOC_CONF": common + ",lg_prof_sample:0"})]


RIVALS = (find_heaptrack, find_valgrind, find_clang_lsan, find_lsan_library, find_jemalloc)


def find_contestants(build, scratch, rivals=True):
    """(contestants, what is missing)"""
    found, missing = list_own(build), []
    if not knows_option(build, "sample"):
        missing.append(f"{SAMPLED}: this build has no option `sample`")
    if not rivals:
        return found, missing + ["rivals: not asked for"]
    for find in RIVALS:
        answer = find(scratch)
        if isinstance(answer, str):
            missing.append(answer)
        else:
            found += answer
    return found, missing
