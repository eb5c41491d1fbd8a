#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The differential test: our unwinder against libunwind, inside real programs.

Runs each program below under the capture preload (capture.c), which walks every
n-th stack twice and logs what is not the same. Fails on a difference that is of
no kind listed in KINDS, on more cut stacks than a program is allowed, and on
fewer captures in sum than WANTED.

    run_differential.py CAPTURE_SO SOURCE_DIR [NAME...]
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WANTED = 100_000
CUT_SHARE = 0.01
TIMEOUT_S = 120
REASONS = ("depth", "no_module", "no_cfi", "rule", "bounds", "full")

# Differences in which ours was looked into and found right:
# (kind, what it looks like in a Difference, why ours is right).
# None at present. What was looked into and is kept out of the programs instead
# stands in zoo.c: rules of libc and gcc that are wrong for a few instructions.
KINDS = []

PYTHON = "/usr/bin/python3"
SQL = """create table t(a integer primary key, b text);
with recursive c(x) as (select 1 union all select x+1 from c where x<3000)
insert into t select x, printf('%d-%d', x % 97, x) from c; create index i on t(b);
select count(*), max(b) from t group by a % 7; delete from t where a % 3; vacuum;"""
SCRIPT = """trap 'echo caught' USR1; for i in 1 2 3 4 5 6; do x=$(echo $i | tr 1 2); kill -USR1 $$
case $x in 2*) y=("$x" $(seq 30)) ;; *) y=${x//2/3} ;; esac; done; echo "${y[@]}" """
NODE = """const {Worker} = require('worker_threads');
new Worker("let a = []; for (let i = 0; i < 1e5; i++) a.push({i}); JSON.stringify(a)",
           {eval: true});
require('zlib').gzipSync(Buffer.alloc(1e6)); require('child_process').execSync('ls')"""
PY = """import json, re, sqlite3, subprocess, threading, zlib, hashlib, decimal
t = [threading.Thread(target=lambda: json.dumps([str(i) for i in range(3000)])) for _ in range(3)]
[x.start() for x in t]; [x.join() for x in t]
c = sqlite3.connect(':memory:'); c.execute('create table t(a)')
c.executemany('insert into t values(?)', [(i,) for i in range(2000)])
sorted(c.execute('select * from t'), key=lambda r: -r[0])
re.findall(r'(a|b)+c', 'ababc' * 500); zlib.compress(b'x' * 100000)
subprocess.run(['/bin/true'])
def deep(n): return deep(n - 1) + 1 if n else len(json.dumps({'a': [1] * 50}))
deep(60)"""
CXX = """#include <map>\n#include <string>\n#include <vector>\n#include <regex>
template <int N> struct T { std::map<int, std::vector<std::string>> m; T<N - 1> t; };
template <> struct T<0> {};\nint main() { T<40> t; std::regex r("a+"); return (int)t.m.size(); }"""


class Difference:
    """One block of a log: both stacks, and where they part."""

    def __init__(self, at, cut):
        self.at, self.cut = at, cut
        self.ours, self.theirs = [], []

    def kind(self):
        for name, matches, _ in KINDS:
            try:
                if matches(self):
                    return name
            except IndexError:
                pass
        return None

    def text(self):
        rows = [f"  differ at {self.at}, ours cut {self.cut}"]
        rows += [f"    ours   {f}" for f in self.ours]
        rows += [f"    theirs {f}" for f in self.theirs]
        return "\n".join(rows)


class Program:
    """One line of the table: what to run, and how often to look."""

    def __init__(self, name, run, every=1, most=4000, cuts=CUT_SHARE):
        self.name, self.run, self.every, self.most, self.cuts = name, run, every, most, cuts


def command(*argv, text=None):
    def run(env, work):
        return subprocess.run(argv, env=env, cwd=work, input=text, text=True, timeout=TIMEOUT_S,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).returncode
    run.needs = argv[0]
    return run


def compiled(source, compiler, *flags, args=("60",)):
    """Compiles without the preload, runs with it."""
    def run(env, work):
        exe = os.path.join(work, "zoo" + re.sub(r"\W", "", compiler + "".join(flags + args)))
        subprocess.run([compiler, "-w", "-D_GNU_SOURCE", "-pthread", *flags,
                        os.path.join(SOURCES, source), "-o", exe],
                       check=True)
        return subprocess.run([exe, *args], env=env, cwd=work, timeout=TIMEOUT_S).returncode
    run.needs = compiler
    return run


def redis(env, work):
    """A server under load, and an orderly stop."""
    port = str(20000 + os.getpid() % 20000)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["redis-server", "--port", port, "--save", "", "--appendonly", "no"],
                              env=env, cwd=work, **quiet)
    for _ in range(100):
        if subprocess.run(["redis-cli", "-p", port, "ping"], **quiet).returncode == 0:
            break
        time.sleep(0.05)
    subprocess.run(["redis-benchmark", "-q", "-p", port, "-n", "2000", "-c", "20",
                    "-t", "set,get,lpush,lrange_100,hset,zadd"], timeout=TIMEOUT_S, **quiet)
    server.send_signal(signal.SIGTERM)
    return server.wait(timeout=TIMEOUT_S)


redis.needs = "redis-server"


def git(env, work):
    """init, commits, log -p, gc: many short processes."""
    repo = os.path.join(work, "repo")
    full = dict(env, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
                GIT_COMMITTER_EMAIL="a@b", HOME=work, GIT_CONFIG_NOSYSTEM="1")
    status = 0
    steps = [["init", "-q", repo]]
    for i in range(3):
        steps += [["-C", repo, "add", "."], ["-C", repo, "commit", "-q", "-m", f"step {i}"]]
    steps += [["-C", repo, "log", "-p"], ["-C", repo, "gc", "-q"], ["-C", repo, "blame", "f"]]
    for n, step in enumerate(steps):
        if step[-1] == ".":
            with open(os.path.join(repo, "f"), "w", encoding="ascii") as out:
                out.write("".join(f"line {i * n}\n" for i in range(400)))
        status |= subprocess.run(["git", *step], env=full, cwd=work, stdout=subprocess.DEVNULL,
                                 timeout=TIMEOUT_S).returncode
    return status


git.needs = "git"

PROGRAMS = [
    Program("python3", command(PYTHON, "-c", PY), most=20000),
    Program("git", git),
    Program("sqlite3", command("sqlite3", ":memory:", SQL), most=20000),
    Program("g++/cc1plus", command("g++", "-x", "c++", "-O1", "-", "-o", "/dev/null", text=CXX),
            every=97, most=8000),
    Program("redis-server", redis, every=5, most=12000),
    Program("perl", command("perl", "-e", "my %h; $h{$_ % 77} .= join ',', map { $_ * 2 } 1 .. 9 "
                            "for 1 .. 3000; print sort { $h{$a} cmp $h{$b} } keys %h"),
            every=3, most=6000),
    Program("bash", command("bash", "-c", SCRIPT)),
    # Most of node's stacks have a part that V8 made at run time, or embedded
    # builtins without unwind information: cut there, and the same up to there.
    Program("node", command("node", "-e", NODE), every=3, most=20000, cuts=1.0),
    # The single-stepped ones stand still in the middle of code that no call
    # ever leaves from.
    *[Program(f"step {cc} -O{o}", compiled("zoo.c", cc, f"-O{o}", args=("step",)), most=20000,
              cuts=CUT_SHARE) for cc in ("gcc", "clang") for o in (0, 2)],
    *[Program(f"zoo {cc} -O{o} {fp}", compiled("zoo.c", cc, f"-O{o}", fp), every=2, most=3000)
      for cc in ("gcc", "clang") for o in (0, 1, 2, 3)
      for fp in ("-fomit-frame-pointer", "-fno-omit-frame-pointer")],
    *[Program(f"throw {cc} -O{o}", compiled("zoo_throw.cpp", cc, f"-O{o}", args=("300",)),
              most=4000)
      for cc in ("g++", "clang++") for o in (0, 2)],
]


def log_read(path, counts, differences):
    block = None
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if words[0] == "count":
                for word in words[1:]:
                    key, value = word.split("=")
                    counts[key] = counts.get(key, 0) + int(value)
            elif words[0] in ("differ", "cut"):
                block = Difference(int(words[2]), words[4])
                if words[0] == "differ":
                    differences.append(block)
            elif words[0] in ("ours", "theirs"):
                getattr(block, words[0]).append(" ".join(words[1:]))


def program_run(program, work):
    """Returns (line to print, failed?, captures)."""
    if not shutil.which(program.run.needs):
        return f"skip {program.name}: no {program.run.needs}", False, 0
    logs = os.path.join(work, "logs")
    shutil.rmtree(logs, ignore_errors=True)
    os.mkdir(logs)
    env = dict(os.environ, LD_PRELOAD=CAPTURE, CAPTURE_LOG=os.path.join(logs, "log"),
               CAPTURE_EVERY=str(program.every), CAPTURE_MAX=str(program.most))
    status = program.run(env, work)
    counts, differences = {}, []
    for name in os.listdir(logs):
        log_read(os.path.join(logs, name), counts, differences)
    captures = counts.get("captures", 0)
    cut = {r: counts.get(r, 0) for r in REASONS if counts.get(r, 0)}
    unexplained = [d for d in differences if not d.kind()]
    unwritten = counts.get("differed", 0) - len(differences)
    problems = []
    if status != 0:
        problems.append(f"exit status {status}")
    if captures == 0:
        problems.append("nothing captured")
    if unexplained or unwritten > 0:
        problems.append(f"{len(unexplained)} unexplained differences, {unwritten} not looked at")
    if counts.get("memo_differed", 0):
        problems.append(f"{counts['memo_differed']} memoised stacks differ from the walked ones")
    if counts.get("unusable", 0) > captures * CUT_SHARE:
        problems.append(f"{counts['unusable']} without an answer from libunwind")
    if sum(cut.values()) > captures * program.cuts:
        problems.append("too many cut stacks")
    reasons = " ".join(f"{k}={v}" for k, v in cut.items())
    line = (f"{'not ok' if problems else 'ok'} {program.name} captures={captures} "
            f"distinct={counts.get('distinct', 0)} cut={sum(cut.values())} ({reasons})")
    explained = len(differences) - len(unexplained)
    if explained:
        line += f" explained={explained}"
    if problems:
        line += "\n  " + "; ".join(problems)
        line += "".join("\n" + d.text() for d in unexplained[:3])
    return line, bool(problems), captures


def main():
    names = sys.argv[3:]
    total = failed = 0
    with tempfile.TemporaryDirectory(prefix="unwind-") as work:
        for program in PROGRAMS:
            if names and not any(n in program.name for n in names):
                continue
            line, bad, captures = program_run(program, work)
            print(line, flush=True)
            failed += bad
            total += captures
    print(f"captures in sum: {total}")
    if total < WANTED and not names:
        print(f"not ok: fewer than {WANTED}")
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    CAPTURE, SOURCES = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    sys.exit(main())
