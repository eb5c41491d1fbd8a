# SPDX-License-Identifier: MIT
"""Running one real program twice, without and with the tracker, and comparing.

Equal must be: stdout, stderr (the tracker is silent where it has no finding), exit
status, the listing of the working directory, and what every process was told about
itself (facts.py). No dump may be left behind: a dump of a plain run means a finding, and
these programs have none. In a third run every process writes its dump, and the oracle
judges each.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import facts
import oracle

PROGRAMS = Path(__file__).resolve().parent / "programs"

# What a run under a tracker must not inherit from whoever runs the tests.
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME")


@dataclass(frozen=True)
class Workload:
    """One row: a program run in a fresh folder, and what varies in its output."""

    name: str
    program: str  # a file in programs/
    needs: tuple = ()  # commands that must be installed
    interpreter: str = "/bin/bash"
    normalise: tuple = ()  # (regex, replacement) applied to stdout and stderr
    files: bool = True  # compare the folder's listing
    timeout_s: int = 120
    variables: tuple = ()  # (name, value) added to the environment
    options: str = ""  # CTXTRACE_OPTIONS of the traced run
    fixture: str = ""  # a helper of run_hosts.py that stands beside the run
    chance: tuple = ()  # records of facts.py that come by chance: (regex, why)
    kills: bool = False  # its own processes, before they may have come to tell (facts.py)


@dataclass(frozen=True)
class Result:
    status: int
    stdout: str
    stderr: str
    listing: tuple
    facts: tuple = ()


class Difference(Exception):
    pass


class Absent(Exception):
    """The program says by status 77 that what it wants to run is not there."""


ABSENT_STATUS = 77


def make_environment(folder, extra=()):
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    scratch = Path(folder) / "tmp"
    scratch.mkdir(exist_ok=True)
    return {**kept, "HOME": str(folder), "TMPDIR": str(scratch), **dict(extra)}


def make_traced(environment, tracker, options=""):
    preloads = filter(None, (str(tracker.library), environment.get("LD_PRELOAD")))
    traced = {**environment, "LD_PRELOAD": ":".join(preloads),
              "CTXTRACE_TOOL": str(tracker.tool)}
    wanted = ":".join(filter(None, (tracker.options, options)))
    if wanted:
        traced["CTXTRACE_OPTIONS"] = wanted
    return traced


@dataclass(frozen=True)
class Tracker:
    """What is tested: the command, the library, and where the build keeps its apps."""

    tool: Path
    library: Path
    options: str = ""  # in every run, beside what a row asks for

    @property
    def apps(self):
        return self.library.parents[1] / "tests" / "apps"

    @property
    def count_preload(self):
        return self.library.parents[1] / "tests" / "hosts" / "libcount_preload.so"

    @property
    def facts_preload(self):
        return self.library.parents[1] / "tests" / "hosts" / "libfacts_preload.so"


def list_folder(folder):
    """Path, mode and size of everything in a folder, links by their target."""
    rows = []
    for path in sorted(Path(folder).rglob("*")):
        facts = path.lstat()
        size = facts.st_size if path.is_file() and not path.is_symlink() else 0
        rows.append((path.relative_to(folder).as_posix(), oct(facts.st_mode), size))
    return tuple(rows)


def normalise(text, rules):
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def kill_group(process):
    """Ends whatever the program left in its own session; nobody else's processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_program(workload, folder, environment):
    process = subprocess.Popen(
        [workload.interpreter, str(PROGRAMS / workload.program)], cwd=folder, env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True)
    try:
        stdout, stderr = process.communicate(timeout=workload.timeout_s)
    except subprocess.TimeoutExpired as error:
        kill_group(process)
        process.communicate()
        raise Difference(f"hangs: longer than {workload.timeout_s} s") from error
    kill_group(process)
    return process.returncode, stdout.decode("utf-8", "replace"), stderr.decode("utf-8", "replace")


SHOWN_BYTES = 3000


def show_dumps(scratch, environment):
    """What the dumps of a run tell, or "": who reads a failure has the report, not the run."""
    paths = sorted(Path(scratch).rglob("*.ctt"))
    tool = environment.get("CTXTRACE_TOOL")
    if not paths or not tool:
        return " ".join(path.name for path in paths)
    said = subprocess.run([tool, "report", "--no-color", *paths[:3]], capture_output=True,
                          text=True, timeout=60, check=False)
    return f"{len(paths)} dumps: {said.stdout[:SHOWN_BYTES]}{said.stderr[:SHOWN_BYTES]}"


def run_once(workload, base, environment_of):
    """Runs in base/work, which is made anew so that both runs see the same paths."""
    folder, home = Path(base) / "work", Path(base) / "home"
    for path in (folder, home):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    environment = environment_of(make_environment(home, workload.variables))
    status, stdout, stderr = run_program(workload, folder, environment)
    dumps = show_dumps(home, environment)
    if dumps:
        raise Difference(f"dumps of a run that should have no finding: {dumps}"
                         + (f"; stderr {stderr[:2000]!r}" if stderr else ""))
    return Result(status, normalise(stdout, workload.normalise),
                  normalise(stderr, workload.normalise),
                  list_folder(folder) if workload.files else ())


def first_difference(native, traced):
    for number, (one, other) in enumerate(zip(native, traced), 1):
        if one != other:
            return f"at {number}: {other!r} instead of {one!r}"
    return f"{len(traced)} rows instead of {len(native)}: " \
           f"{(native + traced)[min(len(native), len(traced))]!r}"


def run_watched(workload, tracker, base, extra, options=None):
    """One run whose processes write down what they are told; natively without `options`."""
    path = Path(base) / "facts"
    set_to = {}

    def environment_of(plain):
        set_to.update(facts.watch({**plain, **extra}, tracker.facts_preload, path))
        if options is not None:
            set_to.update(make_traced(set_to, tracker, options))
        return set_to

    result = run_once(workload, base, environment_of)
    return replace(result, facts=tuple(facts.read_records(path))), set_to


def compare_results(native, traced):
    if traced.status != native.status:
        raise Difference(f"status {traced.status} instead of {native.status}; "
                         f"stderr {traced.stderr[-1500:]!r}")
    for name in ("stdout", "stderr"):
        one, other = getattr(native, name), getattr(traced, name)
        if one != other:
            where = first_difference(one.splitlines(), other.splitlines())
            raise Difference(f"{name} differs {where}")
    if traced.listing != native.listing:
        where = first_difference(list(native.listing), list(traced.listing))
        raise Difference(f"folder differs {where}")


def take_dumps_elsewhere(stderr):
    """(stderr without the lines, dumps' folders): a child that has become somebody else
    cannot write to a folder of ours, says so, and goes on in one of its own."""
    said = re.compile(r"^ctxtrace: dumps go to (\S+): \S+ is not writable or not ours\n", re.M)
    return said.sub("", stderr), {Path(folder) for folder in said.findall(stderr)}


def judge_dumps(workload, tracker, base, extra, native):
    """A run without facts.py, in which every process writes its dump: raises Difference
    when one and the kernel, or one and the count of its memory, disagree, or the program
    behaves otherwise."""
    with tempfile.TemporaryDirectory(prefix="dumps-") as dumps:
        options = ":".join(filter(None, (workload.options, f"dir={dumps}:held=none")))
        judge = {**extra, "LD_PRELOAD": str(tracker.count_preload)}
        result = run_once(workload, base, lambda environment: make_traced(
            {**environment, **judge}, tracker, options))
        stderr, elsewhere = take_dumps_elsewhere(result.stderr)
        paths = [path for folder in (Path(dumps), *elsewhere) for path in folder.glob("*.ctt")]
        complaints = [sentence for path in paths for sentence in oracle.judge_dump(path)]
        differing, judged = oracle.judge_memory(paths, oracle.counted_memory(base))
        for folder in elsewhere:
            shutil.rmtree(folder)
    compare_results(native, replace(result, stderr=stderr))
    if complaints or differing or not judged:
        raise Difference(f"{len(paths)} dumps, memory of {judged}; "
                         + "; ".join((complaints + differing)[:6]))


def run_workload(workload, tracker, extra_variables=()):
    """Raises Difference when the program behaves otherwise under the tracker."""
    with tempfile.TemporaryDirectory(prefix="hosts-") as base:
        # In every run, as a program may print its environment.
        extra = {**dict(extra_variables), "FACTS_OUT": f"{base}/facts",
                 "COUNT_OUT": f"{base}/count"}
        native, _ = run_watched(workload, tracker, base, extra)
        if native.status == ABSENT_STATUS:
            raise Absent(native.stdout.strip() or "not installed")
        traced, environment = run_watched(workload, tracker, base, extra, workload.options)
        compare_results(native, traced)
        why = facts.compare(native.facts, traced.facts, environment, tracker.library,
                            workload.chance, workload.kills)
        if why:
            raise Difference(why)
        judge_dumps(workload, tracker, base, extra, native)


def find_missing(workload):
    return [name for name in workload.needs if not shutil.which(name)]
