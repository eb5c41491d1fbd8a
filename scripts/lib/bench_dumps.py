# SPDX-License-Identifier: MIT
"""What dumps cost: a snapshot of many live blocks while the program runs on, the size
of a dump by the number of blocks, and the report of many places in a large binary."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import bench_inputs
from bench_micro import run_workload
from bench_model import NATIVE, TRACKER, Bench, Contestant, Row, Target, Unmeasured
from bench_process import describe_status, run

BLOCKS = 1_000_000
FEW_BLOCKS = 10_000
QUICK_SHARE = 0.1
SNAPSHOT_ROWS = (
    Row("snapshot-dump", "snapshot of 1M live blocks: dump", "ms",
        (Target(TRACKER, 300, on="value"),), shows="value"),
    # Where the machine is busy, others take the CPU for longer than any snapshot does.
    Row("snapshot-stall", "longest stall in a snapshot, preemption aside", "ms",
        (Target(TRACKER, 1.0, on="value"),), shows="value"),
    Row("snapshot-stall-any", "longest stall in a snapshot, with preemption", "ms", shows="value"),
    Row("snapshot-control", "longest stall without a snapshot, preemption aside", "ms",
        shows="value"),
    Row("snapshot-control-any", "longest stall without a snapshot, with preemption", "ms",
        shows="value"),
)
SIZE_ROWS = (
    Row("dump-size", "dump at exit, 1M live blocks of one stack", "B", shows="value"),
    Row("dump-growth", "size of that dump: times that of 10k live blocks", "x",
        (Target(TRACKER, 1.1, on="value"),), shows="value"),
)
PLACES = 10_000
REPORT_ROWS = (
    Row("report-10k", "report of 10k distinct places, 100 MB binary with DWARF", "s",
        (Target(TRACKER, 1.0, on="value"),), shows="value"),
    Row("dump-stack", "bytes of its dump for each distinct stack, one block each", "B",
        shows="value"),
)
SYMBOLIZER = "llvm-symbolizer"


def with_options(contestant, more):
    """The contestant, its tracker told more."""
    if not contestant.is_tracker:
        return contestant
    told = contestant.environment.get("CTXTRACE_OPTIONS")
    return replace(contestant, environment={
        **contestant.environment, "CTXTRACE_OPTIONS": f"{told}:{more}" if told else more})


def empty_folder(scratch, name):
    folder = scratch / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def list_dump_benches(build, contestants, scratch, share):
    def take_snapshot(contestant):
        folder = empty_folder(scratch, "snapshot")
        told = with_options(contestant, f"dir={folder}:name=bench.%n.ctt")
        path = {"CTXTRACE_BENCH_DUMP": str(folder / "bench.1.ctt")}
        figures = run_workload(build, told, "snapshot", 16, int(BLOCKS * share),
                               path if contestant.is_tracker else {})
        if contestant.is_tracker and not (folder / "bench.1.ctt").exists():
            raise Unmeasured("the snapshot did not appear")
        return figures if contestant.is_tracker else [None, None, None, *figures[3:]]

    def write_dump(contestant, blocks):
        folder = empty_folder(scratch, "sizes")
        run_workload(build, with_options(contestant, f"dir={folder}"), "live", 16, blocks)
        return sum(path.stat().st_size for path in folder.iterdir())

    def compare_sizes(contestant):
        few = write_dump(contestant, int(FEW_BLOCKS * share))
        many = write_dump(contestant, int(BLOCKS * share))
        if not few:
            raise Unmeasured("no dump was written")
        return [many, many / few]

    trackers = tuple(contestant for contestant in contestants
                     if contestant.is_tracker and "off=1" not in contestant.name)
    native = tuple(contestant for contestant in contestants if contestant.name == NATIVE)
    yield Bench(SNAPSHOT_ROWS, take_snapshot, native + trackers)
    yield Bench(SIZE_ROWS, compare_sizes, trackers, rounds=1)


# ---- the report ----


class LargeProgram:
    """Made at the first sample: one dump of it, and the addresses of its places."""

    def __init__(self, build, tracker, scratch, share):
        self.build, self.tracker, self.scratch = build, tracker, scratch
        self.units = max(1, int(bench_inputs.LARGE_UNITS * share))
        self.dump = self.program = self.addresses = None

    def prepare(self):
        if self.dump:
            return
        self.program = bench_inputs.make_large_program(self.scratch / "large", self.units)
        folder = empty_folder(self.scratch, "large_dumps")
        result = run(with_options(self.tracker, f"dir={folder}"), [self.program])
        dumps = list(folder.iterdir())
        if result.status != 0 or not dumps:
            raise Unmeasured(f"{describe_status(result)}, {len(dumps)} dumps", breaks=True)
        self.dump = dumps[0]
        self.addresses = result.output

    def report(self, contestant):
        """Renders the dump, or gives the same addresses to another symbolizer."""
        self.prepare()
        wanted = self.units * bench_inputs.LARGE_PLACES_EACH
        if contestant.name == SYMBOLIZER:
            asked = self.scratch / "addresses"
            asked.write_bytes(self.addresses)
            result = run(contestant, ["sh", "-c", 'llvm-symbolizer --obj="$1" <"$2"', "sh",
                                      self.program, asked])
        else:
            result = run(Contestant(NATIVE), [self.build / "report" / "ctxtrace", "report",
                                              "--format=json", "--all", self.dump])
        if result.status != 0:
            raise Unmeasured(describe_status(result))
        named = len(set(re.findall(rb"place_\d+", result.output)))
        if named < bench_inputs.LARGE_PLACES_EACH or result.output.count(b"place_") < wanted:
            raise Unmeasured(f"{result.output.count(b'place_')} of {wanted} places were named")
        size = self.dump.stat().st_size / wanted
        return [result.wall_s, None if contestant.name == SYMBOLIZER else size]


def list_report_bench(build, contestants, scratch, share):
    tracker = next(contestant for contestant in contestants if contestant.name == TRACKER)
    large = LargeProgram(build, tracker, Path(scratch), share)
    who = [tracker]
    if shutil.which(SYMBOLIZER):
        who.append(Contestant(SYMBOLIZER))
    yield Bench(REPORT_ROWS, large.report, tuple(who))


def list_benches(build, contestants, scratch, quick):
    share = QUICK_SHARE if quick else 1.0
    yield from list_dump_benches(build, contestants, scratch, share)
    yield from list_report_bench(build, contestants, scratch, share)
