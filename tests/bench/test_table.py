#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The bench's arithmetic: pairing by rounds, targets, means, and who gave no figure."""

import contextlib
import io
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))

import bench_table
from bench_model import Contestant, Row, Target
from plain_tests import run_tests


def contestants(*names):
    return tuple(Contestant(name) for name in names)


def make(row, samples, failed=(), section="operations"):
    return bench_table.make_figures(row, section, samples, dict(failed), contestants(*samples))


def verdicts(row, samples):
    return [(verdict["met"], verdict["text"]) for verdict in make(row, samples).verdicts]


def test_ratios_are_of_the_same_round():
    """The machine gets ten times slower after the first round: no ratio changes."""
    told = make(Row("k", "label", "ns"), {"native": [1.0, 10.0, 10.0],
                                          "ctxtrace": [2.0, 20.0, 20.0]}).by_name
    assert told["ctxtrace"]["ratio"] == told["ctxtrace"]["ratio_q3"] == 2.0
    assert told["ctxtrace"]["median"] == 20.0 and told["ctxtrace"]["q1"] == 11.0
    assert told["ctxtrace"]["added"] == 10.0


def test_rounds_without_a_sample_are_left_out():
    told = make(Row("k", "label", "s"), {"native": [1.0, 4.0, 9.0],
                                         "valgrind": [None, 8.0, None]}).by_name
    assert told["valgrind"] == {"q1": 8.0, "median": 8.0, "q3": 8.0, "ratio_q1": 2.0, "ratio": 2.0,
                                "ratio_q3": 2.0, "added": 4.0, "samples": 1}


def test_targets_say_by_how_much():
    samples = {"native": [10.0], "null interposer": [12.0], "ctxtrace": [45.0],
               "ctxtrace off=1": [12.5]}
    row = Row("k", "label", "ns", (
        Target("ctxtrace", 4.0), Target("ctxtrace", 5.0), Target("ctxtrace", 40, on="value"),
        Target("ctxtrace", 30, on="added"), Target("ctxtrace", 50, on="value", at_least=True),
        Target("ctxtrace off=1", 1.05, like="null interposer"), Target("ctxtrace sampled", 1.3)))
    assert verdicts(row, samples) == [
        (False, "4.00x: MISSED by 0.50x"), (True, "5.00x: met"),
        (False, "40 ns: MISSED by 5 ns"), (False, "+30 ns: MISSED by 5 ns"),
        (False, "≥ 50 ns: MISSED by 5 ns"), (True, "1.26x: met")]


def test_the_mean_is_of_those_whom_every_program_ran():
    programs = [make(Row("program-a", "a", "s"), {"native": [1.0], "ctxtrace": [2.0],
                                                  "LSan": [3.0]}, section="programs"),
                make(Row("program-b", "b", "s"), {"native": [1.0], "ctxtrace": [8.0],
                                                  "LSan": [None]}, {"LSan": "killed"}, "programs"),
                make(Row("redis-p1", "r", "us"), {"native": [1.0], "ctxtrace": [100.0]},
                     section="programs")]
    mean = bench_table.make_mean(programs)
    assert abs(mean.by_name["ctxtrace"]["ratio"] - 4.0) < 1e-9
    assert "LSan" not in mean.by_name
    assert [verdict["met"] for verdict in mean.verdicts] == [False]


def test_who_failed_or_is_blind_stands_in_the_tables():
    row = Row("open", "open", "ns", kind="fd")
    figures = make(row, {"native": [4.0], "heaptrack": [8.0], "LSan": [None]},
                   {"LSan": "killed by SIGSEGV"})
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        bench_table.print_text(figures)
        bench_table.print_markdown([figures])
    text = out.getvalue()
    assert "| open | 4 ns (no fds) | 2.00x (no fds) | killed by SIGSEGV |  |" in text
    assert "sees no fd" in text
    assert any(line.split() == ["LSan", "-", "killed", "by", "SIGSEGV"]
               for line in text.splitlines())


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
