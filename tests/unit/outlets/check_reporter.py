#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The reporter task has no thread pointer of its own (hazard: D6).

    check_reporter.py LIBRARY

Follows the calls from everything that the reporter's jobs run, in the disassembly, and
fails for a function that reads thread-local storage (%fs) or calls a function of libc
that is not known to be free of it. Needs the library's symbol table.
"""

import re
import subprocess
import sys

# The jobs; the sections of a dump, and callbacks, are called through pointers.
ROOTS = re.compile(r"^(work|report_make|job_do|child_main|dump_\w+|\w+_one|tell_\w+|site_add"
                   r"|block_add|look_at)$")
ALLOWED_IMPORTS = {"memcpy", "memset", "memmove", "memcmp", "strlen", "strcmp", "strncmp",
                   "strchr", "strrchr", "strstr",
                   "clock_gettime"}  # of a clock that exists: sets no errno
# Set up at the program's start, by an ordinary thread.
STARTERS = {"dump_process_start"}

FUNCTION = re.compile(r"^[0-9a-f]+ <([^>]+)>:$")
CALL = re.compile(r"\b(?:call|jmp|j[a-z]+)\s+[0-9a-f]+ <([^>+]+)(\+0x[0-9a-f]+)?>")
IMPORT = re.compile(r"<([^>@]+)@GLIBC[^>]*>|# [0-9a-f]+ <(\w+)@")


def read_functions(library):
    """{name: (calls, imports, uses %fs)} of the whole library."""
    text = subprocess.run(["objdump", "-dR", "--no-show-raw-insn", library], check=True,
                          capture_output=True, text=True).stdout
    functions, current = {}, None
    for line in text.splitlines():
        head = FUNCTION.match(line)
        if head:
            current = functions.setdefault(head.group(1).split("@")[0], [set(), set(), False])
            continue
        if current is None:
            continue
        call = CALL.search(line)
        if call:
            name = call.group(1)
            if "@plt" in name:
                current[1].add(name.split("@")[0])
            else:
                current[0].add(name)
        current[2] = current[2] or "%fs:" in line
    return functions


def main():
    functions = read_functions(sys.argv[1])
    waiting = [name for name in functions if ROOTS.match(name.split(".")[0])
               and name not in STARTERS]
    roots, seen, bad = list(waiting), {}, []
    while waiting:
        name = waiting.pop()
        calls, imports, thread_local = functions.get(name, (set(), set(), False))
        if thread_local:
            bad.append(f"{name} reads thread-local storage{seen.get(name, '')}")
        bad += [f"{name} calls {one}" for one in sorted(imports - ALLOWED_IMPORTS)]
        for called in calls - set(seen) - set(roots):
            seen[called] = f" (from {name})"
            waiting.append(called)
    for line in bad:
        print(f"FAILED reporter: {line}")
    if len(roots) < 20:
        print("FAILED reporter: its functions are not in the symbol table")
        return 1
    if not bad:
        print(f"ok reporter ({len(roots) + len(seen)} functions)")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
