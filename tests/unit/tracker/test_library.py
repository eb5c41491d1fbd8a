#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Looks at libctxtrace.so as the loader does.

    test_library.py LIBRARY

hazard: A7, A8, A9, A11, B1. What it exports is what hooked_names.txt lists; every other
name of a hooked function that libc has (fortify, large files, underscores) is hooked too or
in names_left_out.txt, whether this machine's libc or one of libc_names.txt; what it imports
is in imports.txt, it brings no soname into a program that is not there anyway, and its
thread-local storage needs no call into the loader. Prints "ok NAME" or "FAILED NAME: why".
"""

import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIBRARIES = {"libc.so.6", "ld-linux-x86-64.so.2"}  # in every program
# What the names of one function have before and behind its plain name.
DRESS = re.compile(r"^(?:__libc_|__xpg_|_IO_|_*)|(?:64)?(?:v?2)?(?:_chk|_2)?$")


def read_names(file_name):
    """The names of a list of "group: name name" lines."""
    names = set()
    for line in (HERE / file_name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            names.update(line.partition(":")[2].split())
    return names


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def list_symbols(library, which):
    """Names without their versions; `which` is nm's selection. The versions themselves,
    absolute symbols (A), are not meant."""
    rows = [line.split() for line in run("nm", "-D", which, library).splitlines()]
    return {row[-1].partition("@")[0] for row in rows if row[-2] != "A"}


def list_needed(library):
    lines = run("readelf", "-dW", library).splitlines()
    return {line.split("[")[1].rstrip("]") for line in lines if "(NEEDED)" in line}


def difference(what, names):
    return f"{what} {' '.join(sorted(names))}" if names else ""


def check_exports(library):
    exported, listed = list_symbols(library, "--defined-only"), read_names("hooked_names.txt")
    return " ".join(filter(None, (difference("missing:", listed - exported),
                                  difference("not in the list:", exported - listed))))


def list_public(library):
    """What a program can link with, without libc's private names."""
    rows = [line.split()[-1] for line in run("nm", "-D", "--defined-only",
                                             "--with-symbol-versions", library).splitlines()]
    return {name.partition("@")[0] for name in rows
            if "GLIBC_PRIVATE" not in name and not name.startswith("GLIBC_")}


def check_twins(library):
    exported, left_out = list_symbols(library, "--defined-only"), read_names("names_left_out.txt")
    stems = {DRESS.sub("", name) for name in exported}
    twins = {name for name in list_public(find_libc()) | read_names("libc_names.txt")
             if DRESS.sub("", name) in stems}
    return " ".join(filter(None, (difference("neither:", twins - exported - left_out),
                                  difference("both:", exported & left_out))))


def check_known(_library):
    """A libc with a name that nobody has looked at may give or take something by it."""
    return difference("not in libc_names.txt:",
                      list_public(find_libc()) - read_names("libc_names.txt"))


def check_versions(library):
    """What came after 2.36 is exported in its own version alone, and that is not the default:
    a program that looks whether libc has it must not find ours."""
    rows = run("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines()
    exported = {line.split()[-1] for line in rows}
    lines = (HERE / "libc_names.txt").read_text(encoding="utf-8").splitlines()
    wrong = set()
    for version, _, names in (line.partition(": ") for line in lines if line[:1].isdigit()):
        if version != "2.36":
            later = {name for name in exported if name.partition("@")[0] in names.split()}
            wrong |= {name for name in later if name.partition("@")[2] != f"GLIBC_{version}"}
    return difference("not hidden or not in their version:", wrong)


def find_libc():
    """The file that this very process has loaded."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    return re.search(r"\S*/libc\.so\.6$", maps, re.MULTILINE)[0]


def check_imports(library):
    imported = list_symbols(library, "--undefined-only")
    return difference("not in the list:", imported - read_names("imports.txt"))


def check_needed(library):
    return difference("brings", list_needed(library) - LIBRARIES)


def check_thread_storage(library):
    dynamic = [line for line in run("readelf", "-rW", library).splitlines() if "DTPMOD" in line]
    return f"{len(dynamic)} relocations of the dynamic model" if dynamic else ""


def check_unwinder(library):
    everything = list_symbols(library, "--defined-only") | list_symbols(library, "--undefined-only")
    return difference("touches", {name for name in everything if name.startswith("_Unwind_")})


CHECKS = {
    "exports": check_exports,
    "twins": check_twins,
    "known": check_known,
    "versions": check_versions,
    "imports": check_imports,
    "needed": check_needed,
    "thread-storage": check_thread_storage,
    "unwinder": check_unwinder,
}


def main():
    failures = 0
    for name, check in CHECKS.items():
        why = check(sys.argv[1])
        failures += bool(why)
        print(f"FAILED {name}: {why}" if why else f"ok {name}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
