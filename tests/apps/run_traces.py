# SPDX-License-Identifier: MIT
"""What a program declares comes out in every form of its report.

Two processes serve a request of one trace, in contexts of libctx; they are traced, and the
command tells of them alone and together. Prints "ok NAME" or "FAILED NAME: why".
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT_S = 30
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
REQUEST = "req-12345"


class Runner:
    """`dumps` are of two processes that both serve REQUEST, and another one each."""

    def __init__(self, options, folder):
        self.tool, self.library, self.folder = options.ctxtrace, Path(options.lib), folder
        self.program = self.library.parents[1] / "tests" / "apps" / "traced"
        self.dumps = [self.run_program(REQUEST, f"req-{number}", TRACEPARENT)
                      for number in range(2)]

    def run_program(self, first, second, traceparent):
        """The dump of one run."""
        before = set(Path(self.folder).glob("*.ctt"))
        environment = {**os.environ, "LD_PRELOAD": str(self.library), "TRACEPARENT": traceparent,
                       "CTXTRACE_TOOL": str(self.tool), "CTXTRACE_OPTIONS": f"dir={self.folder}"}
        done = subprocess.run([self.program, first, second], capture_output=True, text=True,
                              timeout=TIMEOUT_S, env=environment, check=False)
        assert (done.returncode, done.stdout) == (0, "served\n"), done
        (dump,) = set(Path(self.folder).glob("*.ctt")) - before
        return dump

    def report(self, *arguments, status=0):
        done = subprocess.run([self.tool, "report", *arguments], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)
        assert done.returncode == status, done
        return done.stdout

    def document(self, *arguments):
        return json.loads(self.report("--format=json", *arguments))

    def test_process(self):
        """Where a process was started is known; a text that is none is not."""
        assert self.document(self.dumps[0])["process"]["trace_id"] == TRACE
        assert f"\nstarted in trace {TRACE}\n" in self.report(self.dumps[0])
        for wrong in ("", "nonsense", TRACEPARENT.replace(TRACE, "0" * 32), TRACEPARENT[:-1]):
            dump = self.run_program("req-8", "req-9", wrong)
            assert self.document(dump)["process"]["trace_id"] is None, wrong

    def test_contexts(self):
        """Values, traces, deadlines, and which end came of which."""
        document = self.document(self.dumps[0])
        contexts = document["contexts"]
        (finding,) = document["findings"]
        assert (finding["trace_id"], finding["count"]) == (REQUEST, 1), finding
        assert {"user": "alice"} in [context["values"] for context in contexts]
        assert "hunter2" not in json.dumps(document)
        (part,) = [context for context in contexts if context["name"] == "part"]
        by_id = {context["id"]: context for context in contexts}
        origin = by_id[part["parent"]]
        assert part["inherited"] and not origin["inherited"], (part, origin)
        assert part["cause"] == origin["cause"] == "client went away", (part, origin)
        assert 590 < origin["deadline_s"] < 660, origin
        assert part["holds"] == {"fd": 1} and part["state"] == "cancelled", part

    def test_tree(self):
        """The tree in full on request, and in few lines of its own accord."""
        text = self.report("--contexts", self.dumps[0])
        assert re.search(r"\n! +ctx \d+ part: cancelled .* ago, after .* with ctx \d+", text), text
        assert "user=alice" in text and f"trace {REQUEST} span 7" in text, text
        assert "STILL HOLDS 1 fd" in text, text
        short = self.report(self.dumps[0]).split("\ncontexts with findings (1;")[1]
        assert len(short.split("\n\n")[0].splitlines()) <= 12, short

    def test_trace(self):
        """One trace alone."""
        document = self.document(f"--trace={REQUEST}", self.dumps[0])
        assert len(document["findings"]) == 1
        assert [context["trace_id"] for context in document["contexts"]
                if context["trace_id"] and "on_path" not in context] == [REQUEST]
        assert len(self.document("--trace=4bf92f35", self.dumps[0])["findings"]) == 1
        # Another process's; and one that ended well, of which nothing is left.
        for other in ("req-1", "req-0"):
            assert "verdict: 0 findings" in self.report(f"--trace={other}", self.dumps[0])
        assert self.report("--trace=", self.dumps[0], status=64) == ""

    def test_processes(self):
        """What processes have in common."""
        text = self.report(*self.dumps)
        pids = [document["process"]["pid"] for document in self.document(*self.dumps)]
        rows = [line.split() for line in text.splitlines()
                if re.match(f"  (?:{REQUEST}|{TRACE}) ", line)]
        assert [row[:2] for row in rows] == [[TRACE, "2"], [REQUEST, "2"]] or \
               [row[:2] for row in rows] == [[REQUEST, "2"], [TRACE, "2"]], text
        for document in self.document(*self.dumps):
            (trace,) = [trace for trace in document["traces"] if trace["trace_id"] == REQUEST]
            assert [process["pid"] for process in trace["processes"]] == pids, trace
            assert (trace["held"], trace["findings"]) == (2, 2), trace

    def test_graphs(self):
        """One graph of both; Graphviz is asked where there is one."""
        dot, mermaid = (self.report(f"--format={name}", *self.dumps) for name in ("dot", "mermaid"))
        assert mermaid.count("flowchart TD") == 1 and mermaid.count("  subgraph ") == 2, mermaid
        assert mermaid.count(" ==> ") == dot.count('[class="cancel"') == 2, dot
        if shutil.which("dot"):
            done = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True, text=True,
                                  timeout=TIMEOUT_S, check=False)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert done.stdout.count('class="cluster"') == 2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ctxtrace", required=True, help="the command")
    parser.add_argument("--lib", required=True, help="libctxtrace.so in its build directory")
    return parser.parse_args()


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner(parse_arguments(), folder)
        for name in [name for name in dir(runner) if name.startswith("test_")]:
            try:
                getattr(runner, name)()
                print(f"ok traces {name.removeprefix('test_')}", flush=True)
            except (AssertionError, ValueError, KeyError, IndexError,
                    subprocess.TimeoutExpired) as error:
                failures += 1
                why = " ".join(str(error).split()) or "an assertion does not hold"
                print(f"FAILED traces {name.removeprefix('test_')}: {why}", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
