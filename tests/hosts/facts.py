# SPDX-License-Identifier: MIT
"""What every process of a run is told about itself, with the tracker and without.

facts_preload.c stands behind the tracker and in front of libc in both runs and writes a
record when main begins and when exit() ends: arguments, names, what error() puts before a
message, which descriptors are open, the environment. The records of both runs must be the
same, each as often.

What a program makes up anew in every run (a pid, a random name) is in MADE_UP, with the
reason; nothing else is left out but what the tests themselves set to turn the tracker on.
"""

import re
import struct
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

LENGTH = struct.Struct("<I")
# What the runner sets in the traced run only (hosts.make_traced): by name and by value, so
# that another value, or a variable of ours beside them, is a difference.
SET_BY_RUNNER = ("CTXTRACE_TOOL", "CTXTRACE_OPTIONS")

# A program that kills its own processes: how many of all may be missing in one run.
KILLED_SHARE = 0.05

# (regex, replacement, why it differs without us, too)
MADE_UP = (
    (r"/proc/\d+/", "/proc/PID/", "a script looks at its own child"),
    (r"/cc\w{6}\b", "/ccNAME", "gcc's temporary files"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", "variables that test_os makes up"),
    (r"\.tmp-\d+-pack", ".tmp-PID-pack", "git's temporary files"),
    (r"test_\d+_tmp", "test_PID_tmp", "CPython's tests name their files by their pid"),
    (r"test_python_\d+", "test_python_PID", "and their folders"),
    (r"\btmp[a-z0-9_]{8}\b", "tmpNAME", "Python's tempfile"),
    (r"cmTC_[0-9a-f]{5}", "cmTC_NAME", "folders in which cmake tries compilers"),
    (r"TryCompile-\w{6}", "TryCompile-NAME", "and others"),
    (r"PG_GRANDPARENT_PID=\d+", "PG_GRANDPARENT_PID=PID", "a shell's number"),
    (r"/mine,\d+,(\d+)", r"/mine,PID,\1", "tmux's server"),
    (r"os\.kill\(\d+,", "os.kill(PID,", "a child of a test that signals its parent"),
)


@dataclass(frozen=True)
class Record:
    moment: str
    errno: str
    names: tuple  # the task's, the program's, its short form
    prefix: str
    descriptors: str
    arguments: tuple
    variables: tuple  # sorted


def watch(environment, library, path):
    """The environment of a run whose processes write their records to `path`."""
    return {**environment, "LD_PRELOAD": str(library), "FACTS_OUT": str(path)}


def parse_record(body):
    moment, errno, task, name, short, prefix, descriptors, count, *words = body.decode(
        "utf-8", "backslashreplace").split("\0")[:-1]
    arguments, variables = words[:int(count)], words[int(count):]
    return Record(moment, errno, (task, name, short), prefix, descriptors.strip(),
                  tuple(arguments), tuple(sorted(variables)))


def read_records(path):
    """Takes the file away: the next run writes to the same path."""
    path = Path(path)
    data = path.read_bytes() if path.exists() else b""
    path.unlink(missing_ok=True)
    records, at = [], 0
    while at < len(data):
        end = at + LENGTH.size + LENGTH.unpack_from(data, at)[0]
        records.append(parse_record(data[at + LENGTH.size:end]))
        at = end
    return records


def without_tracker(record, traced, library):
    """The record less what the runner itself set; `traced` is the environment it set."""
    set_by_runner = {f"{name}={traced[name]}" for name in SET_BY_RUNNER if name in traced}
    ours = f"LD_PRELOAD={library}:"
    variables = ["LD_PRELOAD=" + variable[len(ours):] if variable.startswith(ours) else variable
                 for variable in record.variables if variable not in set_by_runner]
    return replace(record, variables=tuple(sorted(variables)))


def normalise(text):
    for pattern, replacement, _ in MADE_UP:
        text = re.sub(pattern, replacement, text)
    return text


def as_text(record):
    """One text for each record, without what is made up anew."""
    told = (f"{record.moment} errno {record.errno} names {record.names} error() {record.prefix!r}",
            f"descriptors {record.descriptors}", *record.arguments, "environment:")
    return "\n".join((*(normalise(line) for line in told),
                      *sorted(normalise(line) for line in record.variables)))


def key_of(text):
    """Moment and arguments: which process it is."""
    lines = text.splitlines()
    return lines[0].split()[0], tuple(lines[2:lines.index("environment:")])


def sentence(only_native, only_traced):
    """On the first record that one run has more often than the other."""
    one, other = (min(more, default="") for more in (only_native, only_traced))
    lines, other_lines = one.splitlines(), other.splitlines()
    apart = [f"{line!r} only natively" for line in lines if line not in other_lines][:4] + \
            [f"{line!r} only under the tracker" for line in other_lines if line not in lines][:4]
    return (f"what {sum(only_native.values())} processes were told natively and "
            f"{sum(only_traced.values())} under the tracker differs; "
            f"{(one or other).splitlines()[:2]}: {'; '.join(apart)}")


def are_by_chance(only_native, only_traced, records):
    """Whether these few are processes that one run killed before they came to tell: no
    process of the same arguments told something else there."""
    few = sum(only_native.values()) + sum(only_traced.values()) <= KILLED_SHARE * records
    return few and not {key_of(text) for text in only_native} & \
        {key_of(text) for text in only_traced}


def compare(native, traced, environment, library, chance=(), kills=False):
    """A sentence, or None when both runs were told the same. `environment` is the traced
    run's. `chance`: records that come as often as it happens, (regex, why): they are not
    compared. `kills`: the program kills its own processes at any time."""
    def count(records):
        texts = (as_text(record) for record in records)
        return Counter(text for text in texts
                       if not any(re.match(pattern, text) for pattern, _ in chance))

    if not native:
        return "no process of the native run told anything"
    one = count(native)
    other = count(without_tracker(record, environment, library) for record in traced)
    only_native, only_traced = one - other, other - one
    if not only_native and not only_traced:
        return None
    if kills and are_by_chance(only_native, only_traced, len(native)):
        return None
    return sentence(only_native, only_traced)
