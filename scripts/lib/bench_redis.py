# SPDX-License-Identifier: MIT
"""CPU time of a redis server for each request, one at a time (P1) and in pipelines of
16 (P16). The server runs under the contestant, its client natively; the server's own
CPU clock is read before and after."""

import shutil
import subprocess
import time

from bench_model import TRACKER, Bench, Row, Target, Unmeasured
from bench_process import make_environment, reap_all

START_S = 60
STOP_S = 120
HEAVY_SHARE = 0.05
QUICK_SHARE = 0.1
KINDS = ("set", "get")  # redis-benchmark does so many requests of each
# Answers to these do not depend on the machine or on the time.
CHECK = b"""flushall
set text value
append text more
get text
rpush list a b c
lrange list 0 -1
zadd order 3 c 1 a 2 b
zrange order 0 -1 withscores
hset map one 1 two 2
hget map two
incrby number 41
sadd set x y
scard set
eval "return redis.call('get', 'text')" 0
dbsize
"""
WORK = (
    (1, 40_000, Row("redis-p1", "redis, one request at a time", "us CPU",
                    (Target(TRACKER, 1.05),))),
    (16, 400_000, Row("redis-p16", "redis, pipelines of 16", "us CPU",
                      (Target(TRACKER, 1.3),))),
)


def read_cpu_s(pid):
    """The CPU clock of another process: /proc/PID/stat, with nanoseconds (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


class Server:
    def __init__(self, contestant, folder):
        self.folder, self.socket = folder, folder / "redis.sock"
        command = ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                   "--appendonly", "no", "--dir", folder]
        self.process = subprocess.Popen(
            [*contestant.prefix, *map(str, command)], cwd=folder, start_new_session=True,
            env=make_environment(contestant), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(self, *words, text=None):
        done = subprocess.run(["redis-cli", "-s", self.socket, *words], check=False, input=text,
                              capture_output=True, timeout=START_S)
        return done.stdout

    def await_start(self):
        """The server's pid: under a tool that is a script it is not our child's."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.socket.exists():
                for line in self.ask("info", "server").splitlines():
                    if line.startswith(b"process_id:"):
                        return int(line.split(b":")[1])
            time.sleep(0.01)
        raise Unmeasured("the server did not start", breaks=True)

    def work(self, pid, pipeline, requests):
        before = read_cpu_s(pid)
        done = subprocess.run(
            ["redis-benchmark", "-s", self.socket, "-q", "-t", ",".join(KINDS), "-n",
             str(requests), "-P", str(pipeline), "-r", "10000", "-d", "64"],
            check=False, capture_output=True)
        if done.returncode or b"rror" in done.stdout + done.stderr:
            raise Unmeasured("the benchmark's requests failed", breaks=True)
        return (read_cpu_s(pid) - before) / (requests * len(KINDS))

    def stop(self):
        if self.process.poll() is None:
            self.ask("shutdown", "nosave")
        # Also what the tool left running; subprocess must not wait for it too.
        self.process.returncode, _ = reap_all(self.process.pid, STOP_S)


class Redis:
    def __init__(self, scratch, quick):
        self.folder, self.share = scratch / "redis", QUICK_SHARE if quick else 1.0
        self.expected = None

    def sample(self, contestant):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        server = Server(contestant, self.folder)
        try:
            pid = server.await_start()
            answers = server.ask(text=CHECK)
            if self.expected is None:
                self.expected = answers  # the first contestant is native
            if answers != self.expected or not answers:
                raise Unmeasured("the server's answers are others", breaks=True)
            share = self.share * (HEAVY_SHARE if contestant.heavy else 1.0)
            return [server.work(pid, pipeline, max(1000, int(requests * share))) * 1e6
                    for pipeline, requests, _ in WORK]
        finally:
            server.stop()


def list_benches(contestants, scratch, quick):
    for program in ("redis-server", "redis-benchmark"):
        if not shutil.which(program):
            return [], [f"redis: {program} is not installed"]
    who = tuple(contestant for contestant in contestants
                if contestant.programs and not (quick and contestant.heavy))
    rows = tuple(row for _, _, row in WORK)
    return [Bench(rows, Redis(scratch, quick).sample, who, heavy_once=True)], []
