#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How the bench runs a program: whose CPU time counts, and what is told of a tool that
kills the program, changes its output, or is not there."""

import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "lib"))

import bench_contestants
import bench_process
from bench_model import NATIVE, Contestant, Unmeasured
from bench_programs import Program, Work
from plain_tests import run_tests

BURN = "i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done"


def shell(script):
    return ["sh", "-c", script]


def tool(script, name="ctxtrace", **more):
    """A contestant that runs a script in the program's place."""
    return Contestant(name, prefix=("sh", "-c", script), **more)


def work_of(folder, script="echo right"):
    return Work(Program("echo", "echo", "sh", lambda path, size: None,
                        lambda path: shell(script)), Path(folder), 1.0)


def why_unmeasured(work, contestant):
    try:
        return f"measured: {work.sample(contestant)}"
    except Unmeasured as reason:
        return f"{reason}{' (breaks)' if reason.breaks else ''}"


def test_orphans_are_waited_for_and_counted():
    alone = bench_process.run(Contestant(NATIVE), shell(BURN))
    left = bench_process.run(Contestant(NATIVE), shell(f"(setsid sh -c '{BURN}; echo late' &)"))
    assert left.output == b"late\n", left
    assert left.cpu_s > alone.cpu_s / 3, (left.cpu_s, alone.cpu_s)


def test_another_output_is_told_as_broken():
    with tempfile.TemporaryDirectory() as folder:
        told = why_unmeasured(work_of(folder), tool("echo wrong"))
        assert told == "the program's output is another (breaks)", told
        told = why_unmeasured(work_of(folder), tool('echo of my own; exec "$0" "$@"', talks=True))
        assert told.startswith("measured"), told


def test_a_killed_program_is_told_by_its_signal():
    with tempfile.TemporaryDirectory() as folder:
        told = why_unmeasured(work_of(folder), tool("kill -SEGV $$"))
        assert told == "killed by SIGSEGV (breaks)", told
        told = why_unmeasured(work_of(folder, "exit 3"), tool('exec "$0" "$@"'))
        assert told == "natively: status 3 (breaks)", told


def test_a_tools_variables_join_the_programs():
    contestant = Contestant("ctxtrace", environment={"LD_PRELOAD": "a.so", "PYTHONMALLOC": "x"})
    environment = bench_process.make_environment(contestant, {"LD_PRELOAD": "b.so"})
    assert environment["LD_PRELOAD"] == "b.so:a.so", environment["LD_PRELOAD"]
    assert environment["PYTHONMALLOC"] == "x"


def test_the_sampled_mode_appears_with_its_option():
    with tempfile.TemporaryDirectory() as folder:
        command = Path(folder) / "report" / "ctxtrace"
        command.parent.mkdir()
        found = []
        for line in ("  sampled      no", "  sample       mean bytes [0]"):
            command.write_text(f"#!/bin/sh\necho '{line}'\n")
            command.chmod(0o755)
            own, missing = bench_contestants.find_contestants(Path(folder), Path(folder), False)
            found.append(("ctxtrace sampled" in [one.name for one in own], len(missing)))
    assert found == [(False, 2), (True, 1)], found


if __name__ == "__main__":
    bench_process.become_subreaper()
    sys.exit(run_tests(globals()))
