#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The unwinder judged by programs that log their own calls (generate.py, call_log.h).

Each seed is one program, with a compiler and options that follow from it. Under the
capture preload every stack is compared with the log, with libunwind's, and with what
the memo says. Fails on any difference, on a cut stack, and when something that the
programs are made of never happened. One program is run once more with a frame left
out of each stack: that must be noticed.

    run_generated.py CAPTURE_SO SOURCE_DIR [--long | --seeds FROM..TO] [--keep DIR]
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile

from generate import Program
from run_differential import log_read

QUICK = "1..12"
LONG = "1..400"
TIMEOUT_S = 120
ROUNDS = 60
CAPTURES_EACH = 3000

OPTIONS = (
    "-fno-omit-frame-pointer", "-fomit-frame-pointer", "-fstack-protector-strong", "-fno-plt",
    "-fcf-protection", "-mavx2", "-fno-asynchronous-unwind-tables -funwind-tables",
    "-mno-red-zone", "-fstack-clash-protection", "-g",
)
GCC_OPTIONS = ("-maccumulate-outgoing-args", "-mno-push-args", "-fno-shrink-wrap",
               "-fno-dwarf2-cfi-asm", "-fipa-ra", "-fharden-compares")
WANTED = ("tails", "jumps", "throws", "handlers", "callbacks", "resumes", "threads")


def choose(seed):
    """The compiler and its options for a seed: all levels of both come in turn."""
    chance = random.Random(seed * 7919)
    gcc, level, cxx = seed % 2 == 0, "0123s"[seed // 2 % 5], seed % 3 == 0
    compiler = {(True, False): "gcc", (True, True): "g++",
                (False, False): "clang", (False, True): "clang++"}[gcc, cxx]
    options = chance.sample(OPTIONS, chance.randint(0, 3))
    if gcc:
        options += chance.sample(GCC_OPTIONS, chance.randint(0, 2))
    return compiler, [f"-O{level}", *" ".join(options).split()], cxx


def compile_program(seed, folder, sources):
    """Returns the path of the program and the command that made it."""
    compiler, options, cxx = choose(seed)
    program = Program(seed, cxx)
    suffix = "cpp" if cxx else "c"
    flags = [compiler, "-w", "-D_GNU_SOURCE", "-pthread", "-I", sources, *options]
    main = os.path.join(folder, f"p{seed}.{suffix}")
    executable = os.path.join(folder, f"p{seed}")
    with open(main, "w", encoding="ascii") as out:
        out.write(program.main)
    linked = []
    if program.library:
        library = os.path.join(folder, f"l{seed}.{suffix}")
        shared = os.path.join(folder, f"libl{seed}.so")
        with open(library, "w", encoding="ascii") as out:
            out.write(program.library)
        subprocess.run([*flags, "-fPIC", "-shared", library, "-o", shared], check=True)
        linked = [shared, f"-Wl,-rpath,{folder}"]
    subprocess.run([*flags, "-rdynamic", main, *linked, "-o", executable], check=True)
    return executable, " ".join((compiler, *options))


def run_once(seed, folder, executable, capture, **environment):
    """Returns (exit status, its output, counts, differences)."""
    logs = tempfile.mkdtemp(dir=folder)
    env = dict(os.environ, **environment, LD_PRELOAD=capture, CAPTURE_EVERY="1",
               CAPTURE_LOG=os.path.join(logs, "log"), CAPTURE_MAX=str(CAPTURES_EACH))
    done = subprocess.run([executable, str(ROUNDS), str(seed)], env=env, cwd=folder, text=True,
                          stdout=subprocess.PIPE, timeout=TIMEOUT_S)
    counts, differences = {}, []
    for name in os.listdir(logs):
        log_read(os.path.join(logs, name), counts, differences, set())
    return done.returncode, done.stdout, counts, differences


def notices(seed, folder, capture, sources):
    """Whether the log tells that the fourth frame is missing."""
    executable, _ = compile_program(seed, folder, sources)
    counts = run_once(seed, folder, executable, capture, CAPTURE_DROP="3")[2]
    return counts.get("misjudged", 0) > counts.get("judged", 0) / 4


def run_program(seed, folder, capture, sources):
    """Returns (line to print, problems, counts)."""
    executable, command = compile_program(seed, folder, sources)
    status, output, counts, differences = run_once(seed, folder, executable, capture)
    problems = []
    if status != 0:
        problems.append(f"exit status {status}")
    if counts.get("judged", 0) < CAPTURES_EACH // 20:
        problems.append("next to nothing judged")
    problems += [f"{key}={counts[key]}" for key in
                 ("misjudged", "differed", "memo_differed", "no_module", "no_cfi", "rule",
                  "bounds", "depth", "full") if counts.get(key, 0)]
    for word in output.split():
        key, value = word.split("=")
        counts[key] = int(value)
    line = (f"{'not ok' if problems else 'ok'} {seed} {command} "
            f"captures={counts.get('captures', 0)} judged={counts.get('judged', 0)} "
            f"distinct={counts.get('distinct', 0)} {output.strip()}")
    if problems:
        line += "\n  " + "; ".join(problems)
        line += "".join("\n" + d.text() for d in differences[:2])
    return line, problems, counts


def run_seed(seed, options, folder):
    """One seed in a folder of its own, which is kept when something is wrong."""
    work = os.path.join(folder, str(seed))
    os.mkdir(work)
    line, problems, counts = run_program(seed, work, options.capture, options.sources)
    print(line, flush=True)
    if options.keep and problems:
        shutil.copytree(work, os.path.join(options.keep, str(seed)), dirs_exist_ok=True)
    shutil.rmtree(work)
    return problems, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture", type=os.path.abspath)
    parser.add_argument("sources", type=os.path.abspath)
    parser.add_argument("--seeds", default=QUICK)
    parser.add_argument("--long", action="store_const", const=LONG, dest="seeds")
    parser.add_argument("--keep", help="copy the programs that are not ok there")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("..")
    total, failed = {}, 0
    missing = [c for c in ("gcc", "g++", "clang", "clang++") if not shutil.which(c)]
    if missing:
        print(f"skip: no {' '.join(missing)}")
        return 0
    with tempfile.TemporaryDirectory(prefix="generated-") as folder:
        for seed in range(int(first), int(last or first) + 1):
            problems, counts = run_seed(seed, options, folder)
            failed += bool(problems)
            for key, value in counts.items():
                total[key] = total.get(key, 0) + value
        if not notices(int(first), folder, options.capture, options.sources):
            print("not ok: a frame is left out, and nobody notices")
            failed += 1
    print("in sum:", " ".join(f"{key}={value}" for key, value in total.items() if value))
    for key in WANTED if last else ():
        if not total.get(key):
            print(f"not ok: no {key}")
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
