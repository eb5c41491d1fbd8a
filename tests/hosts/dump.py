# SPDX-License-Identifier: MIT
"""A second, independent reader of the dump format, for the oracle only.

It knows the few records that the oracle compares with the kernel's view and trusts
nothing of the command: what both readers misread in the same way is unlikely.
"""

import struct
import zlib
from dataclasses import dataclass, field

MAGIC = b"CTXTRACE"
HEADER = struct.Struct("<8sHHIII")
RECORD = struct.Struct("<HHI")
ALIGN = 8
NEVER = 2**64 - 1

STRING, PROCESS, TASK, HOLDING, GROUP, COUNTER, HEALTH, REACH = 1, 2, 9, 10, 11, 14, 15, 18
TRAILER = 0xFFFF

KIND_FD, KIND_SOCKET, KIND_STREAM, KIND_DIR, KIND_PIPE, KIND_EVENT = 1, 2, 3, 4, 5, 6
KIND_MEMORY, KIND_THREAD, KIND_PROCESS = 7, 9, 10
FD_KINDS = {KIND_FD, KIND_SOCKET, KIND_PIPE, KIND_EVENT}

UNTRACKED, GONE, STDIO, LIBC_ONLY = 1 << 1, 1 << 10, 1 << 9, 1 << 8
REACHED, INSIDE, LOST, PART, RING = 1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19
NOT_JUDGED, JUDGED, DOUBTFUL = 0, 1, 2
TASK_ENDED, TASK_UNTRACKED = 1 << 3, 1 << 5

LAYOUTS = {
    PROCESS: struct.Struct("<IIIIIiIIQQQQQQIIIIIIIIIIQ"),
    TASK: struct.Struct("<IIIIIIQQQIIII"),
    HOLDING: struct.Struct("<IIQQIIIIQQQIIII"),
    GROUP: struct.Struct("<IIIIQQQQQddddQQ"),
    REACH: struct.Struct("<IIIIQQQQQ"),
    COUNTER: struct.Struct("<IIQ"),
    HEALTH: struct.Struct("<IIII"),
}


class DumpError(Exception):
    pass


@dataclass(frozen=True)
class Holding:
    kind: int
    flags: int
    handle: int
    context: int
    task: int
    stack: int
    bytes: int
    detail: str
    name: str


@dataclass(frozen=True)
class Memory:
    """Blocks of one stack, context and fate."""
    flags: int
    count: int
    bytes: int
    parts: int


@dataclass(frozen=True)
class Reach:
    state: int
    note: str
    threads: int
    unread: int
    blocks: int
    stopped_ns: int


@dataclass
class Dump:
    process: tuple = ()
    holdings: list = field(default_factory=list)
    tasks: list = field(default_factory=list)  # (tid, flags)
    groups: list = field(default_factory=list)  # (kind, count, bytes)
    memory: list = field(default_factory=list)  # the same, with what reaches it
    reach: Reach = None
    counters: dict = field(default_factory=dict)
    losses: list = field(default_factory=list)  # why the report is not the whole truth
    complete: bool = False

    @property
    def pid(self):
        return self.process[0]

    @property
    def parent(self):
        return self.process[1]

    @property
    def sample_bytes(self):
        """0: every block of memory is recorded."""
        return self.process[24]

    @property
    def sequence(self):
        return self.process[3]

    def fds(self):
        """Every descriptor that the dump knows of, tracked or not."""
        return {held.handle for held in self.holdings
                if held.kind in FD_KINDS and not held.flags & GONE}

    def sockets(self):
        return {held.handle for held in self.holdings
                if held.kind == KIND_SOCKET and held.handle in self.fds()}

    def fds_flagged(self, flag):
        return {held.handle for held in self.holdings
                if held.kind in FD_KINDS and held.flags & flag}

    def tids(self):
        return {tid for tid, flags in self.tasks if not flags & TASK_ENDED}


def read_records(data):
    """(type, payload) of each record; checks the header, the trailer and its CRC."""
    magic, major, _, start, order, _ = HEADER.unpack_from(data)
    if magic != MAGIC or major != 1 or order != 0x01020304:
        raise DumpError("not a dump of format 1")
    position, count = start, 0
    while position + RECORD.size <= len(data):
        kind, _, length = RECORD.unpack_from(data, position)
        payload = data[position + RECORD.size:position + RECORD.size + length]
        if len(payload) < length:
            raise DumpError(f"cut in a record of type {kind}")
        if kind == TRAILER:
            records, crc = struct.unpack_from("<QI", payload)
            if records != count or crc != zlib.crc32(data[:position]):
                raise DumpError("the trailer's count or CRC is wrong")
            yield kind, payload
            return
        yield kind, payload
        count += 1
        position += RECORD.size + (length + ALIGN - 1) // ALIGN * ALIGN
    raise DumpError("no trailer: the dump was cut")


def read_dump(path):
    dump, strings = Dump(), {0: ""}
    with open(path, "rb") as file:
        data = file.read()
    for kind, payload in read_records(data):
        if kind == STRING:
            number, size = struct.unpack_from("<II", payload)
            strings[number] = payload[8:8 + size].decode("utf-8", "replace")
        elif kind == TRAILER:
            dump.complete = True
        elif kind in LAYOUTS:
            add_record(dump, strings, kind, LAYOUTS[kind].unpack_from(payload))
    return dump


def add_record(dump, strings, kind, row):
    if kind == PROCESS:
        dump.process = row
    elif kind == TASK:
        dump.tasks.append((row[1], row[4]))
    elif kind == GROUP:
        dump.groups.append((row[0], row[4], row[5]))
        dump.memory.append(Memory(flags=row[1], count=row[4], bytes=row[5], parts=row[13]))
    elif kind == REACH:
        dump.reach = Reach(state=row[0], note=strings[row[1]], threads=row[2], unread=row[3],
                           blocks=row[4], stopped_ns=row[8])
    elif kind == COUNTER:
        dump.counters[strings[row[0]]] = row[2]
    elif kind == HEALTH and row[0]:
        dump.losses.append(strings[row[2]])
    elif kind == HOLDING:
        dump.holdings.append(Holding(kind=row[0], flags=row[1], handle=row[2], context=row[5],
                                     task=row[6], stack=row[7], bytes=row[9],
                                     detail=strings[row[12]], name=strings[row[13]]))
