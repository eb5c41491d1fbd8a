#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs the examples of this folder and their corrected twins, with real clients.

The servers get good requests, slow ones that meet their deadline, clients that go away,
and SIGTERM with a request at work. For each program: answers, output and exit status are
the same with and without the tracker; three times the report says what
tests/golden/examples/NAME.txt says, and names the request and its cause; the twin is told
of nothing, and is silent. Then each is built as a newcomer builds it. Prints "ok NAME" or
"FAILED NAME: why"; --bless rewrites the golden files.
"""

import argparse
import fnmatch
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tests" / "apps"))

import run_apps
from run_apps import Mismatch, indent

GOLDEN = ROOT / "tests" / "golden" / "examples"
TIMEOUT_S = 30
TIMES = 3
AT_A_TIME = 4
GOOD = 8
PLAIN = run_apps.Case("", "")  # what is described: findings, and no table of what is held


# ---- clients ----

class Client:
    """One connection; what it is told is read with a limit in time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)

    def send(self, text):
        self.socket.sendall(text.encode())

    def ends(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reads(self, size):
        told = b""
        while len(told) < size and (got := self.socket.recv(size - len(told))):
            told += got
        return told.decode()

    def reads_all(self):
        return self.reads(1 << 20)

    def leaves(self):
        self.socket.close()

    def vanishes(self):
        """Without a good-bye: the peer's calls fail."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def wait_until(is_so, what):
    pause, end = 0.001, time.monotonic() + TIMEOUT_S
    while not is_so():
        if time.monotonic() > end:
            raise Mismatch(f"{what} did not happen")
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def beside(function, arguments):
    with ThreadPoolExecutor(GOOD) as pool:
        return list(pool.map(function, arguments))


# ---- what each server is asked ----

TOO_LONG = "request took too long"


def drive_thread_server(run):
    def put(number):
        client = Client(run.port)
        client.send(f"PUT /good{number}\n" + "text\n" * 1000 * number)
        client.ends()
        return client.reads_all()

    def put_slowly(_):
        client = Client(run.port)
        client.send("PUT /slow\nDear")
        return client.reads_all()

    answers = beside(put, range(GOOD))
    Client(run.port).send("nonsense\n")
    half = Client(run.port)
    half.send("PUT /ha")
    check_live(run, "connection", "uploads", "thread")
    half.vanishes()
    hasty = Client(run.port)
    hasty.send("PUT /hasty\nall of it")
    hasty.ends()
    hasty.leaves()
    answers += beside(put_slowly, range(2))
    last = Client(run.port)
    last.send("PUT /last\nDear")
    stored = run.folder / "last"
    wait_until(lambda: stored.exists() and stored.stat().st_size == 4, "the last request")
    run.terminate()
    return answers + [last.reads_all()]


def drive_epoll_server(run):
    def shout(number):
        client = Client(run.port)
        client.send(f"/good{number}\n" + "text\n" * number)
        told = client.reads(len("ready\n" + "text\n" * number))
        client.ends()
        return told + client.reads_all()

    def begin(name):
        client = Client(run.port)
        client.send(f"/{name}\n")
        client.reads(len("ready\n"))
        return client

    answers = beside(shout, range(GOOD))
    begin("gone").vanishes()
    begin("away").leaves()
    slow = [begin("slow") for _ in range(2)]
    check_live(run, "connection", "req:/slow", "socket")
    answers += [client.reads(len(TOO_LONG)) for client in slow]
    last = begin("last")
    run.terminate()
    return answers + [last.reads_all()]


class Service:
    """What the worker pool asks: a reply for each line, but none for slow ones."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        try:
            while True:
                peer = self.listener.accept()[0]
                threading.Thread(target=self.reply, args=(peer,), daemon=True).start()
        except OSError:
            pass

    def reply(self, peer):
        with peer, peer.makefile("rw", encoding="utf-8", newline="\n") as stream:
            try:
                for line in stream:
                    self.asked.append(line.strip())
                    if not line.startswith("slow"):
                        stream.write(f"re: {line}")
                        stream.flush()
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def check_live(run, work, context, kind):
    """A snapshot while all is well: threads have come to tasks of that name, contexts of that
    name hold something of the kind, and nothing is a finding."""
    def is_seen():
        report = run.take_snapshot()
        if report["findings"]:
            raise Mismatch("while it is at work it is told\n"
                           + indent(run_apps.describe(report, PLAIN)))
        return (any(task["name"] == work and task["entered_s"] is not None
                    for task in report["tasks"])
                and any(row["name"] == context and row["holds"].get(kind)
                        for row in report["contexts"]))

    if run.is_traced:
        wait_until(is_seen, f"{work} at work and a {kind} of {context}")


def drive_worker_pool(run):
    def ask(text):
        client = Client(run.port)
        client.send(text + "\n")
        return client.reads_all()

    answers = beside(ask, [f"good{number}" for number in range(GOOD)])
    gone = Client(run.port)
    gone.send("hasty")
    gone.vanishes()
    check_live(run, "worker", "relay", "socket")  # idle ones are the pool's
    answers += beside(ask, ["slow", "slow"])
    last = Client(run.port)
    last.send("slow-last\n")
    wait_until(lambda: "slow-last" in run.service.asked, "the last request")
    run.terminate()
    return answers + [last.reads_all()]


# ---- running them ----

@dataclass(frozen=True)
class Example:
    name: str
    drive: Callable = None  # servers
    told: tuple = ()  # by the report's text
    libraries: tuple = ()
    is_test: bool = False  # fails without the tracker, and where there is a leak
    source: Path = field(init=False)

    def __post_init__(self):
        found = [HERE / (self.name + end) for end in (".c", ".cpp")]
        object.__setattr__(self, "source", next(path for path in found if path.exists()))


EXAMPLES = (
    Example("thread_server", drive_thread_server, ("req:/slow", f"cause: {TOO_LONG}")),
    Example("epoll_server", drive_epoll_server, ("req:/slow", f"cause: {TOO_LONG}")),
    Example("worker_pool", drive_worker_pool, ("req:/slow", f"cause: {TOO_LONG}")),
    Example("transaction", told=("req:/sleep", f"cause: {TOO_LONG}", "insert > sleep")),
    Example("check_plain", told=("only a comment",), is_test=True),
    Example("check_cmocka", told=("test_no_limit",), is_test=True, libraries=("-lcmocka",)),
)


@dataclass
class Run:
    """One process of an example, and what it left: answers, status, output, report."""

    options: argparse.Namespace
    example: Example
    program: str
    is_traced: bool
    folder: Path
    port: int = 0
    service: Service = None
    answers: list = field(default_factory=list)

    def environment(self):
        if not self.is_traced:
            return os.environ
        words = [f"dir={self.folder / 'dumps'}", "color=never"]
        return {**os.environ, "LD_PRELOAD": str(self.options.lib),
                "CTXTRACE_TOOL": str(self.options.ctxtrace),
                "CTXTRACE_OPTIONS": ":".join(words)}

    def arguments(self):
        if self.example.name == "thread_server":
            return [str(self.folder)]
        if self.example.name == "worker_pool":
            self.service = Service()
            return [str(self.service.port)]
        return []

    def drive(self):
        self.port = int(re.fullmatch(r"port (\d+)\n", self.process.stdout.readline())[1])
        self.answers = self.example.drive(self)

    def run(self):
        binary = self.options.programs / self.program
        if not binary.exists():
            raise Mismatch(f"{binary} is not built")
        (self.folder / "dumps").mkdir()
        with open(self.folder / "stderr", "w", encoding="utf-8") as errors:
            self.process = subprocess.Popen([binary, *self.arguments()], text=True,
                                            env=self.environment(), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=errors)
        try:
            if self.example.drive:
                self.drive()
            self.output = self.process.communicate(timeout=TIMEOUT_S)[0]
        finally:
            self.process.kill()
            self.process.wait()
            if self.service:
                self.service.close()
        self.errors = (self.folder / "stderr").read_text(encoding="utf-8")
        return self

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def tell(self, *words):
        done = subprocess.run([self.options.ctxtrace, *words], check=False, text=True,
                              capture_output=True, timeout=TIMEOUT_S)
        if done.returncode:
            raise Mismatch(f"{words[0]} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def take_snapshot(self):
        return json.loads(self.tell("snapshot", str(self.process.pid), "--format=json"))

    def read_exit(self):
        """The report at exit, for programs and for people."""
        for dump in sorted((self.folder / "dumps").glob("*.ctt")):
            report = json.loads(self.tell("report", "--format=json", str(dump)))
            if report["process"]["trigger"] == "exit":
                return report, self.tell("report", "--all", str(dump))
        raise Mismatch(f"no dump at exit; {self.outcome()}, stderr {self.errors!r}")

    def outcome(self):
        return self.process.returncode, self.output, self.answers


@contextmanager
def finished_run(options, example, program, is_traced):
    with tempfile.TemporaryDirectory() as folder:
        yield Run(options, example, program, is_traced, Path(folder)).run()


def run_alone(options, example, program):
    with finished_run(options, example, program, False) as run:
        said = run.output + run.errors
        if run.process.returncode < 0 or (run.process.returncode == 0) == example.is_test:
            raise Mismatch(f"{program} ends with {run.process.returncode}: {said}")
        if example.is_test and os.strerror(38) not in said:
            raise Mismatch(f"{program} does not say why it fails: {said}")
        return run.outcome()


def check_golden(options, example, run):
    report, text = run.read_exit()
    golden, described = GOLDEN / f"{example.name}.txt", run_apps.describe(report, PLAIN)
    if options.bless:
        golden.write_text(described, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8") if golden.exists() else "(no golden file)\n"
    missing = [words for words in example.told if words not in text]
    if described != expected or missing:
        raise Mismatch(f"expected, with {list(example.told)},\n{indent(expected)}got\n"
                       + indent(described + text))


def check_twin(example, run):
    report, text = run.read_exit()
    errors = "" if example.is_test else run.errors
    if report["findings"] or errors:
        raise Mismatch("the corrected twin still has\n" + indent(text + errors))


def check_test(example, run, is_fixed):
    """The leaky one fails with one test, and says which descriptor it is."""
    said = run.output + run.errors
    failed = re.findall(r"^(?:FAILED|\[  ERROR   \]) (.*)", said, re.MULTILINE)
    if (run.process.returncode == 0) != is_fixed or failed != list(example.told)[is_fixed:]:
        raise Mismatch(f"status {run.process.returncode}, failed {failed}:\n" + indent(said))
    if not is_fixed and not re.search(rf"^fd \d+, of {example.told[0]}", said, re.MULTILINE):
        raise Mismatch("no descriptor is named:\n" + indent(said))


def run_traced(options, example, program, alone):
    is_fixed = program.endswith("_fixed")
    with finished_run(options, example, program, True) as run:
        if example.is_test:
            check_test(example, run, is_fixed)
        elif run.outcome() != alone:
            raise Mismatch(f"{program}: {run.outcome()} instead of {alone}; "
                           f"stderr {run.errors!r}")
        if is_fixed:
            check_twin(example, run)
        else:
            check_golden(options, example, run)


def check_example(options, example):
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for program in (example.name, example.name + "_fixed"):
            alone = run_alone(options, example, program)
            for done in [pool.submit(run_traced, options, example, program, alone)
                         for _ in range(1 if options.bless else TIMES)]:
                done.result()


def check_build(options, example):
    """As its header says, with no more than a compiler and what pkg-config knows."""
    if not options.pkg_config.exists():
        raise Mismatch(f"no {options.pkg_config}")
    known = subprocess.run(["pkg-config", "--cflags", "--libs", "ctxtrace"], check=True,
                           capture_output=True, text=True,
                           env={**os.environ, "PKG_CONFIG_PATH": str(options.pkg_config)})
    compiler = ["c++", "-std=c++17"] if example.source.suffix == ".cpp" else ["cc"]
    with tempfile.TemporaryDirectory() as folder:
        for twin in ((), ("-DFIXED",)):
            done = subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", *twin,
                                   example.source, "-o", Path(folder) / "a.out",
                                   *example.libraries, *known.stdout.split()],
                                  check=False, capture_output=True, text=True)
            if done.returncode:
                raise Mismatch(f"it does not compile {twin}:\n" + indent(done.stderr))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, help="the command")
    parser.add_argument("--lib", required=True, help="libctxtrace.so in its build directory")
    parser.add_argument("--only", default="*", help="examples whose name matches")
    parser.add_argument("--bless", action="store_true", help="rewrite the golden files")
    options = parser.parse_args()
    build = Path(options.lib).resolve().parents[1]
    options.programs = build / "tests" / "examples"
    options.pkg_config = build / "meson-uninstalled"
    options.lib = Path(options.lib).resolve()
    return options


def judge(check, name, options, example):
    try:
        check(options, example)
        return f"ok {name}"
    except (Mismatch, subprocess.SubprocessError, KeyError, TypeError, OSError) as error:
        first, _, rest = str(error).partition("\n")
        kind = "" if isinstance(error, Mismatch) else type(error).__name__ + " "
        return f"FAILED {name}: {kind}{first}" + (f"\n{rest}" if rest else "")


def main():
    options = parse_arguments()
    wanted = [(check, example.name + suffix, options, example) for example in EXAMPLES
              for check, suffix in ((check_example, ""), (check_build, "-builds"))
              if fnmatch.fnmatch(example.name, options.only)]
    # Most of the time is deadlines, so that several fit beside one another.
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        lines = []
        for line in pool.map(lambda words: judge(*words), wanted):
            print(line, flush=True)
            lines.append(line)
    return 1 if any(line.startswith("FAILED") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
