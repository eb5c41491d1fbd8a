/* SPDX-License-Identifier: MIT */
/*
 * The dump format (.ctt): the one seam between the tracker and the command.
 *
 * A dump is a header, a run of self-delimiting records, and a trailer. All
 * numbers are little-endian. A record is a ctt_record header, `length` bytes
 * of payload, and zero bytes up to the next multiple of 8. The payload of
 * every record but STRING and STACK is one fixed struct, which may grow at its
 * end from one minor version to the next: a reader zero-fills what is missing,
 * ignores what it does not know, and skips record types it has never heard of.
 *
 * Texts are STRING records; other records name them by id. Id 0 is "no
 * string". A STRING or STACK always comes before the first record naming it.
 *
 * A file without a trailer was cut and is read up to the cut. The trailer's
 * CRC is that of zlib's crc32() over every byte before the trailer's record
 * header.
 *
 * Times are nanoseconds. `*_ns` is CLOCK_MONOTONIC minus the process's start
 * as the tracker saw it, unless the name says `wall` (CLOCK_REALTIME since
 * 1970). UINT64_MAX in a time field means "never", and where the field says so 0
 * does; 0 in a stack, context, task or string field means "not known".
 *
 * Minor versions: 1 added sampling (ctt_process.sample_bytes, ctt_group.sampled
 * and the fields after it). 2 added HOLDER, INJECTION, ctt_mishap.wanted
 * and ctt_process.cause. 3 added the places and the lateness of ctt_site, and
 * ctt_holding.source. 4 added REACH, what reaches memory (the last five of
 * ctt_holding_flags, ctt_group.parts), ignored contexts and ctt_process.suppressions.
 * 5 added what programs declare with libctx: tasks of their own, cleanups, kinds of their own,
 * values and deadlines of contexts, who made them, the mishaps from LOST_CANCEL on, and
 * LATE and SERIES.
 *
 * This header includes nothing of the project but the options; both sides include
 * it.
 */
#ifndef CTXTRACE_FORMAT_H
#define CTXTRACE_FORMAT_H

#include <stdint.h>

#define CTT_MAGIC        "CTXTRACE"
#define CTT_FORMAT_MAJOR 1 /* a reader refuses a larger one */
#define CTT_FORMAT_MINOR 5
#define CTT_BYTE_ORDER   0x01020304u
#define CTT_NEVER        UINT64_MAX
#define CTT_ALIGN        8u

struct ctt_header {
    char magic[8];
    uint16_t format_major;
    uint16_t format_minor;
    uint32_t header_bytes; /* records start here */
    uint32_t byte_order;   /* CTT_BYTE_ORDER as the writer stores it */
    uint32_t reserved;
};

struct ctt_record {
    uint16_t type;   /* enum ctt_type */
    uint16_t flags;  /* none defined yet: 0 */
    uint32_t length; /* payload bytes, padding not counted */
};

enum ctt_type {
    CTT_STRING = 1,
    CTT_PROCESS = 2,
    CTT_OPTION = 3,
    CTT_LIMIT = 4,
    CTT_MODULE = 5,
    CTT_KIND = 6,
    CTT_STACK = 7,
    CTT_CONTEXT = 8,
    CTT_TASK = 9,
    CTT_HOLDING = 10,
    CTT_GROUP = 11,
    CTT_SITE = 12,
    CTT_MISHAP = 13,
    CTT_COUNTER = 14,
    CTT_HEALTH = 15,
    CTT_HOLDER = 16,
    CTT_INJECTION = 17,
    CTT_REACH = 18,
    CTT_LATE = 19,
    CTT_SERIES = 20,
    CTT_TRAILER = 0xffff,
};

/* CTT_STRING: the id, then the bytes (not NUL-terminated; may hold NULs). */
struct ctt_string {
    uint32_t id;
    uint32_t bytes;
    /* char text[bytes]; */
};

/* Why a dump was taken. */
enum ctt_trigger {
    CTT_TRIGGER_EXIT = 1,
    CTT_TRIGGER_SIGNAL = 2,
    CTT_TRIGGER_API = 3,
    CTT_TRIGGER_EXEC = 4,
    CTT_TRIGGER_LIMIT = 5,
    CTT_TRIGGER_PERIODIC = 6,
    CTT_TRIGGER_FATAL = 7,
    CTT_TRIGGER_RECOVERED = 8,
};

struct ctt_process {
    uint32_t pid;
    uint32_t ppid;
    uint32_t uid;
    uint32_t sequence;      /* 1, 2, ... within this process */
    uint32_t trigger;       /* enum ctt_trigger */
    int32_t exit_code;      /* trigger exit: the status; else -1 */
    uint32_t signal;        /* trigger signal or fatal: its number */
    uint32_t granule;       /* bytes per slot of the memory ledger */
    uint64_t start_wall_ns; /* when the tracker started in this process */
    uint64_t start_ticks;   /* field 22 of /proc/PID/stat: with pid, an identity */
    uint64_t taken_wall_ns; /* when this snapshot began */
    uint64_t uptime_ns;     /* the same moment, on the clock of every *_ns */
    uint64_t mark_ns;       /* the last `ctxtrace mark`; CTT_NEVER if none */
    uint64_t tracker_bytes; /* memory that the tracker itself has mapped */
    uint32_t exe;           /* strings from here on */
    uint32_t name;          /* short name (comm) */
    uint32_t argv;          /* NUL-separated */
    uint32_t cwd;
    uint32_t host;
    uint32_t kernel; /* uname -sr */
    uint32_t libc;   /* "glibc 2.36" */
    uint32_t arch;
    uint32_t tool_version;
    uint32_t trace_id; /* TRACEPARENT at start, when there was one */
    /* Mean of the bytes of memory from one sample to the next; 0: every block. */
    uint64_t sample_bytes;
    uint32_t cause; /* string: what was met, of a snapshot that nobody asked for */
    /* String: lines of LeakSanitizer's suppressions that the program has for it. */
    uint32_t suppressions;
};

enum ctt_origin {
    CTT_ORIGIN_DEFAULT = 0,
    CTT_ORIGIN_CONF = 1,
    CTT_ORIGIN_ENV = 2,
    CTT_ORIGIN_FLAG = 3,
};

/* One option as it was in force. */
struct ctt_option {
    uint32_t key;
    uint32_t value;
    uint32_t origin; /* enum ctt_origin */
    uint32_t reserved;
};

/* One limit and how far it is used: "nofile", "as", "stack", "rss", ... */
struct ctt_limit {
    uint32_t name;
    uint32_t unit; /* string: "fds", "bytes" */
    uint64_t used; /* CTT_NEVER: not known */
    uint64_t soft; /* CTT_NEVER: unlimited */
    uint64_t hard;
};

enum ctt_module_flags {
    CTT_MODULE_EXECUTABLE = 1 << 0, /* the main program */
    CTT_MODULE_TRACKER = 1 << 1,    /* ourselves */
    CTT_MODULE_LIBC = 1 << 2,
    CTT_MODULE_UNLOADED = 1 << 3, /* gone at snapshot time */
    CTT_MODULE_VDSO = 1 << 4,
    CTT_MODULE_LOADER = 1 << 5,
};

/* A file mapped as code. `bias` is what ELF calls the load address: a pc's
 * address in the file's own terms is pc - bias. */
struct ctt_module {
    uint32_t id;
    uint32_t flags;
    uint64_t start; /* [start, end) covers the module's mappings */
    uint64_t end;
    uint64_t bias;
    uint32_t path;                /* string */
    uint32_t build_id;            /* string, lower-case hex */
    uint32_t loaded_generation;   /* counts dlclose calls: when it was first seen */
    uint32_t unloaded_generation; /* 0: still loaded */
};

/* Kinds describe themselves: a command shows kinds newer than itself. */
struct ctt_kind {
    uint32_t id;
    uint32_t name; /* string: "fd", "socket", "memory", ... */
    uint32_t unit; /* string: "", "bytes" */
    uint32_t reserved;
};

/* The kinds known today. The numbers are for ever. */
enum ctt_kind_id {
    CTT_KIND_FD = 1, /* a descriptor of a file, or of unknown sort */
    CTT_KIND_SOCKET = 2,
    CTT_KIND_STREAM = 3, /* FILE* */
    CTT_KIND_DIR = 4,    /* DIR* */
    CTT_KIND_PIPE = 5,
    CTT_KIND_EVENT = 6, /* epoll, eventfd, timerfd, signalfd, inotify, pidfd */
    CTT_KIND_MEMORY = 7,
    CTT_KIND_MAPPING = 8,
    CTT_KIND_THREAD = 9,
    CTT_KIND_PROCESS = 10,
    CTT_KIND_TIMER = 11,
    CTT_KIND_MODULE = 12,
    CTT_KIND_LOCK = 13,
    CTT_KIND_CONTEXT = 14,
    CTT_KIND_HANDLE = 15,  /* of libc's own: locale, regex, getaddrinfo's list, ... */
    CTT_KIND_KEY = 16,     /* of thread-specific data */
    CTT_KIND_IPC = 17,     /* System V: outlives the process; its family above bit 32 */
    CTT_KIND_CLEANUP = 18, /* registered with ctx_defer, not yet run; its handle is its frame's */
    CTT_KIND_TASK = 19,    /* declared with libctx: never a holding in a dump, but a finding's */
    CTT_KIND_COUNT
};
/* Kinds of the program's own (ctxtrace_acquire), each named by its CTT_KIND record. */
#define CTT_KIND_OWN_FIRST 128u
#define CTT_KIND_OWN_COUNT 64u

enum ctt_stack_flags {
    CTT_STACK_LEAF_ENTRY = 1 << 0, /* pcs[0] is the entry of the function that
                                      acquired (open64, malloc) */
    CTT_STACK_CUT = 1 << 1,        /* the walk ended early; see `cut` */
    CTT_STACK_EARLY = 1 << 2,      /* taken before the tracker had started */
    CTT_STACK_OVERFLOW = 1 << 3,   /* the stack table was full */
};

/* Why a walk ended before the outermost frame. 0 is "it did not". */
enum ctt_cut {
    CTT_CUT_NONE = 0,
    CTT_CUT_DEPTH = 1,     /* deeper than the option stack_depth */
    CTT_CUT_NO_MODULE = 2, /* pc in no loaded module (JIT) */
    CTT_CUT_NO_CFI = 3,    /* the module has no unwind rule for this pc */
    CTT_CUT_RULE = 4,      /* a rule that cannot be compiled */
    CTT_CUT_BOUNDS = 5,    /* the next frame lies outside the known stack */
    CTT_CUT_FULL = 6,      /* recipe table full */
    CTT_CUT_COUNT
};

/* CTT_STACK: then `frames` pcs, innermost first. Bits 0-47 are the address.
 * Bits 48-62 are the id of the module that it lay in when it was captured, or
 * 0 (no module: JIT code): another module may sit at that address by now, so
 * the id decides, not the address. Bit 63 marks a pc that is to be looked up
 * as it is: a signal interrupted it, or it is a function's entry. Every other
 * pc is a return address: look up pc - 1. */
struct ctt_stack {
    uint32_t id;
    uint16_t flags; /* enum ctt_stack_flags */
    uint16_t cut;   /* enum ctt_cut */
    uint32_t frames;
    uint32_t reserved;
    /* uint64_t pcs[frames]; */
};
#define CTT_PC_ADDRESS(v) ((v) & ((UINT64_C(1) << 48) - 1))
#define CTT_PC_MODULE(v)  ((uint32_t)((v) >> 48) & 0x7fffu)
#define CTT_PC_EXACT      (UINT64_C(1) << 63)

enum ctt_context_kind {
    CTT_CONTEXT_PROCESS = 1,
    CTT_CONTEXT_THREAD = 2,
    CTT_CONTEXT_CTX = 3, /* made with libctx */
    CTT_CONTEXT_SCOPE = 4,
};

enum ctt_context_state {
    CTT_STATE_ACTIVE = 0,
    CTT_STATE_CANCELLED = 1,
    CTT_STATE_DEADLINE = 2,
    CTT_STATE_OK = 3,
    CTT_STATE_ERROR = 4,
    CTT_STATE_ABANDONED = 5,
};

enum ctt_context_flags {
    CTT_CONTEXT_DETACHED = 1 << 0, /* of a thread that nobody waits for */
    CTT_CONTEXT_QUIT = 1 << 1,     /* of a thread that ended by pthread_exit */
    CTT_CONTEXT_IGNORED = 1 << 2,  /* what is held in it is meant to be: its name says why */
    CTT_CONTEXT_LOST = 1 << 3,     /* not released, and nothing refers to it or to one below it */
    CTT_CONTEXT_TO_END = 1 << 4,   /* made for its end: ctx_with_cancel, ctx_with_timeout */
};

struct ctt_context {
    uint32_t id; /* 1 is the process */
    uint32_t parent;
    uint32_t kind;  /* enum ctt_context_kind */
    uint32_t state; /* enum ctt_context_state */
    uint64_t created_ns;
    uint64_t ended_ns; /* CTT_NEVER while active */
    uint32_t created_stack;
    uint32_t ended_stack;
    uint32_t name; /* strings from here on */
    uint32_t cause;
    uint32_t trace_id;
    uint32_t span_id;
    uint32_t flags;     /* enum ctt_context_flags */
    uint32_t task;      /* that made it; 0: not known */
    uint32_t value_key; /* strings: of a value that may be shown */
    uint32_t value;
    uint64_t deadline_ns; /* its own, or an ancestor's; 0: none */
    uint64_t grace_ns;    /* its own; 0: the option's */
};

enum ctt_task_flags {
    CTT_TASK_MAIN = 1 << 0,
    CTT_TASK_DETACHED = 1 << 1,
    CTT_TASK_JOINED = 1 << 2,
    CTT_TASK_ENDED = 1 << 3,
    CTT_TASK_CANCEL_SENT = 1 << 4,
    CTT_TASK_UNTRACKED = 1 << 5, /* seen only in /proc/self/task */
    CTT_TASK_HIDDEN = 1 << 6,    /* met in a hook, not made by pthread_create */
    CTT_TASK_SELF = 1 << 7,      /* the one that the snapshot was taken on */
    CTT_TASK_DECLARED = 1 << 8,  /* by the program, with libctx: a job, `thread` is at work on it */
};
/* Ids of declared tasks have this bit. */
#define CTT_TASK_DECLARED_ID (UINT32_C(1) << 31)

struct ctt_task {
    uint32_t id;
    uint32_t tid;
    uint32_t context;
    uint32_t creator; /* task id */
    uint32_t flags;   /* enum ctt_task_flags */
    uint32_t created_stack;
    uint64_t created_ns;
    uint64_t ended_ns; /* CTT_NEVER while alive */
    uint64_t wait_ns;  /* how long in `wait`; CTT_NEVER: not known */
    uint32_t name;     /* string */
    uint32_t state;    /* string: "S (sleeping)" as /proc says, "ended" */
    uint32_t wait;     /* string: "futex 0x7f...", "poll", "running" */
    uint32_t end_stack;
    uint32_t thread;     /* DECLARED: id of the task whose thread is in it; 0: none is. A thread:
                            the declared one that it is at work on, the innermost; 0: not told */
    uint32_t active;     /* the context that is active on the thread; 0: not told */
    uint32_t why;        /* string: what it says that it waits for ("waitgroup"); 0: does not */
    uint64_t object;     /* what that is */
    uint64_t blocked_ns; /* since when, as it says; 0: it does not */
    uint64_t serves;     /* DECLARED: the WaitGroup that counts it; 0: none */
    uint64_t entered_ns; /* DECLARED: when a thread first came to it; 0: none has */
};

enum ctt_holding_flags {
    CTT_HOLDING_INHERITED = 1 << 0, /* from fork or exec: never blamed */
    CTT_HOLDING_UNTRACKED = 1 << 1, /* the kernel shows it, no hook saw it */
    CTT_HOLDING_OWNED = 1 << 2,     /* part of `owner` (the fd of a FILE) */
    CTT_HOLDING_CLOEXEC = 1 << 3,
    CTT_HOLDING_ENDED = 1 << 4,          /* thread or child ended, not yet collected */
    CTT_HOLDING_DETACHED = 1 << 5,       /* thread: needs no join; child: auto-reaped */
    CTT_HOLDING_USED_ELSEWHERE = 1 << 6, /* another task used it since its
                                            owner's context ended */
    CTT_HOLDING_IGNORED = 1 << 7,
    CTT_HOLDING_LIBC_ONLY = 1 << 8, /* known only to libc's own list */
    CTT_HOLDING_STDIO = 1 << 9,     /* fds 0-2 or what stands on them */
    CTT_HOLDING_GONE = 1 << 10,     /* the ledger has it, the kernel does not:
                                       closed by a way that no hook saw */
    CTT_HOLDING_EARLY = 1 << 11,    /* acquired before the tracker started */
    CTT_HOLDING_REAPLESS = 1 << 12, /* child: SIGCHLD ignored or SA_NOCLDWAIT */
    CTT_HOLDING_PART = 1 << 13,     /* acquired with its owner: not counted apart */
    CTT_HOLDING_SENT = 1 << 14,     /* a copy went to another process (SCM_RIGHTS) */

    /* Memory that was judged by what reaches it has one of these four. */
    CTT_HOLDING_REACHED = 1 << 15,
    CTT_HOLDING_INSIDE = 1 << 16,    /* reached, by pointers into its middle alone */
    CTT_HOLDING_LOST = 1 << 17,      /* no root reaches it (D17), and nothing lost does but,
                                        maybe, what it refers to itself: a ring */
    CTT_HOLDING_LOST_PART = 1 << 18, /* reached only through one that is lost */
    CTT_HOLDING_RING = 1 << 19,      /* with LOST: such a ring */
};

/* One resource listed by itself. */
struct ctt_holding {
    uint32_t kind; /* enum ctt_kind_id */
    uint32_t flags;
    uint64_t handle; /* fd number, pointer, tid or pid */
    uint64_t owner;  /* handle of the holding that this one is part of */
    uint32_t owner_kind;
    uint32_t context;
    uint32_t task;
    uint32_t stack;
    uint64_t acquired_ns;
    uint64_t bytes;
    uint64_t last_used_ns; /* coarse; CTT_NEVER: no hook saw a use */
    uint32_t last_task;
    uint32_t detail;       /* string: "tcp", "epoll", "file", "memfd", ... */
    uint32_t name;         /* string: path, or what /proc says of it */
    uint32_t peer;         /* string: "10.0.0.1:80" for a connected socket */
    uint32_t source;       /* descriptor that it was duplicated from, plus 1; 0: none */
    uint32_t source_stack; /* which acquired that one */
};

/*
 * Memory, aggregated by kind x stack x context. `count` and `bytes` are of what is
 * recorded. Of these, `sampled` blocks stand for others: what is estimated to be
 * held is more by `more_count` and `more_bytes`, which are right on average with
 * these variances. All five are 0 where every block is recorded.
 */
struct ctt_group {
    uint32_t kind;
    uint32_t flags; /* as ctt_holding */
    uint32_t context;
    uint32_t stack;
    uint64_t count;
    uint64_t bytes;
    uint64_t oldest_ns;
    uint64_t newest_ns;
    uint64_t sampled;
    double more_count; /* IEEE 754, little-endian */
    double more_bytes;
    double count_variance;
    double bytes_variance; /* in bytes squared */
    uint64_t parts;        /* LOST: blocks that are reached only through these, */
    uint64_t parts_bytes;
};

enum ctt_reach_state {
    CTT_REACH_NONE = 0,     /* not judged; `note` says why */
    CTT_REACH_JUDGED = 1,   /* at one moment, with the registers of all threads */
    CTT_REACH_DOUBTFUL = 2, /* something was not read: what is lost may not be */
};

/* How memory was judged by what reaches it; one where that was to be done. */
struct ctt_reach {
    uint32_t state; /* enum ctt_reach_state */
    uint32_t note;  /* string */
    uint32_t threads;
    uint32_t threads_unread; /* of these: of which not all registers could be read */
    uint64_t blocks;
    uint64_t bytes;      /* of blocks */
    uint64_t root_bytes; /* read to begin with: globals, stacks, mappings */
    uint64_t time_ns;    /* all of it, beside the running program */
    uint64_t stopped_ns; /* of this: running threads stood still */
};

#define CTT_SITE_PLACES 4

struct ctt_place {
    uint32_t stack; /* 0: none */
    uint32_t count;
};

/* What became of everything that one stack ever acquired. Where and how late is not
 * kept of memory, unless by the option frees; nor of what came before it was. */
struct ctt_site {
    uint32_t stack;
    uint32_t kind;
    uint64_t acquired;
    uint64_t released;
    uint64_t acquired_bytes;
    uint32_t released_stack; /* where the last release was; 0 not kept */
    uint32_t reserved;
    struct ctt_place released_at[CTT_SITE_PLACES]; /* the first few places */
    uint64_t released_elsewhere;                   /* at others */
    uint64_t late;                                 /* released after the context's end */
    uint64_t late_longest_ns;                      /* how long after it, at most */
    uint64_t late_total_ns;                        /* of all of these */
};

/*
 * How late what one stack acquired was given back, of those that were acquired in a context
 * which the program declared, and given back after its end (or its deadline, though nobody
 * looked). Only for stacks that have such. Bucket 0 is of all below a time of 2 to the power
 * of CTT_LATE_LOG ns; from there on each doubling has CTT_LATE_STEPS buckets of one width,
 * and the last takes in all that is longer. Those that were acquired when the context had
 * ended already (D14) are counted apart.
 */
#define CTT_LATE_LOG     20u /* about a millisecond */
#define CTT_LATE_STEPS   4u
#define CTT_LATE_BUCKETS (1u + 28u * CTT_LATE_STEPS) /* up to three days */

struct ctt_late {
    uint32_t stack;
    uint32_t kind;
    uint64_t count; /* of all buckets */
    uint64_t longest_ns;
    uint64_t acquired_after;
    uint32_t buckets[CTT_LATE_BUCKETS];
    uint32_t reserved;
};

/*
 * How many of what one stack had acquired were held, from time to time: a point is taken by
 * an acquisition of that stack, when window_ns have passed since the last. When there is no
 * room for more, every other point goes and the window is twice as long. Of memory only by
 * the option frees.
 */
#define CTT_SERIES_POINTS 16u

struct ctt_point {
    uint64_t at_ns;
    uint64_t acquired; /* until then */
    uint64_t live;
};

struct ctt_series {
    uint32_t stack;
    uint32_t kind;
    uint32_t count; /* of points */
    uint32_t reserved;
    uint64_t window_ns;
    struct ctt_point points[CTT_SERIES_POINTS]; /* oldest first */
};

enum ctt_mishap_id {
    CTT_MISHAP_DOUBLE_CLOSE = 1,        /* D19 */
    CTT_MISHAP_DOUBLE_FREE = 2,         /* D19 */
    CTT_MISHAP_LIMIT = 3,               /* D20 */
    CTT_MISHAP_CLOSED_BEHIND_OWNER = 4, /* D25 */
    CTT_MISHAP_FAILED_CLOSE = 5,
    CTT_MISHAP_UNLOCKED_FREE = 6, /* D24: it was not locked */
    CTT_MISHAP_UNLOCKED_FOREIGN = 7,
    CTT_MISHAP_DESTROYED_LOCKED = 8,
    CTT_MISHAP_FREED_LOCKED = 9,
    /* D21: handed down to another program. `stack` acquired it, `acquired_stack` started
     * the program. */
    CTT_MISHAP_PASSED_ON = 10,
    CTT_MISHAP_FOREIGN_RELEASE = 11, /* D16 */
    /* D9: what a failed call gave was used. `stack` used it, `acquired_stack` failed with
     * `error`. */
    CTT_MISHAP_IGNORED_FD = 12,      /* -1, as a descriptor */
    CTT_MISHAP_IGNORED_POINTER = 13, /* NULL: a fault near 0, at `handle` */
    CTT_MISHAP_IGNORED_COUNT = 14,   /* -1, as a count; `handle` was read */
    CTT_MISHAP_IGNORED_THREAD = 15,  /* the handle of none */
    CTT_MISHAP_FAILED_WRITE = 16,

    /* What libctx notices (attach.h). `handle` is the object, `context` the one that it is about.
     */
    CTT_MISHAP_LOST_CANCEL = 17,         /* D4: `acquired_stack` made it, `stack` dropped it */
    CTT_MISHAP_CLEANUP_SKIPPED = 18,     /* D12: `acquired_stack` registered it; `stack` noticed */
    CTT_MISHAP_WAITGROUP_NEGATIVE = 19,  /* D10 */
    CTT_MISHAP_WAITGROUP_REUSED = 20,    /* added to while others wait, or before they are back */
    CTT_MISHAP_WAITGROUP_DESTROYED = 21, /* `live` were not done */
    CTT_MISHAP_WAITGROUP_UNDONE = 22,    /* a wait that its context ended: `live` were not done */
    CTT_MISHAP_POP_ORDER = 23,           /* D15 */
    CTT_MISHAP_POP_ELSEWHERE = 24,       /* on another thread than the push */
    CTT_MISHAP_LEFT_ATTACHED = 25,       /* a thread, or a task, ended with a context pushed */
    CTT_MISHAP_CONTEXT_RELEASED = 26,    /* used after its last release */
    CTT_MISHAP_RELEASE_ORDER = 27,       /* D8: `owner_kind` and `owner` depends on it, and is held;
                                            `acquired_stack` acquired that one */
    CTT_MISHAP_NOT_HELD = 28,       /* given back, and was not held; `released_stack`: before */
    CTT_MISHAP_OUTCOME = 29,        /* given back as good, in a context that ended in error */
    CTT_MISHAP_RECOVERED_NONE = 30, /* ctx_fail without a ctx_recover around it: the end */
};

/* In `live` of a CTT_MISHAP_OUTCOME: neither good nor rolled back. */
#define CTT_OUTCOME_ABANDONED 2u

/* A failed or illegal call, counted once per (id, stack, other_stack). */
struct ctt_mishap {
    uint32_t id; /* enum ctt_mishap_id */
    uint32_t kind;
    uint64_t handle; /* of the latest */
    uint64_t owner;  /* D25: the FILE* or DIR* that owned it */
    uint32_t owner_kind;
    uint32_t error; /* errno, 0 if none */
    uint32_t stack; /* of the failed or illegal call */
    uint32_t acquired_stack;
    uint32_t released_stack; /* of the earlier release */
    uint32_t context;
    uint32_t task;
    uint32_t released_task;
    uint64_t first_ns;
    uint64_t last_ns;
    uint64_t count;
    uint64_t live;  /* D20: descriptors, or threads and children, held at that moment */
    uint32_t tasks; /* the most threads there were at once, until then */
    uint32_t reserved;
    uint64_t wanted; /* D20: bytes that were asked for; 0: a call that asks for none */
};

/* Who held how much when a limit was hit for the first time (D20), by stack: the
 * largest, then all others in one row of stack 0 and kind 0. */
struct ctt_holder {
    uint32_t error; /* the errno of the failure: that of its mishap */
    uint32_t kind;
    uint32_t stack;
    uint32_t reserved;
    uint64_t count;
    uint64_t bytes;
    uint64_t at_ns;
};

/* One place from which a function was called that faults were injected into. Such a
 * dump has one record without a function first: its `rules` say what was asked for, its
 * calls and failures are all there were, with those of children that a fork has made. */
struct ctt_injection {
    uint64_t pc; /* a return address, as in a stack */
    uint64_t calls;
    uint64_t failed;
    uint32_t function; /* string */
    uint32_t error;    /* errno of the last failure */
    uint32_t stack;    /* of the last failure */
    uint32_t rules;    /* string */
};

/* One health counter. */
struct ctt_counter {
    uint32_t name;
    uint32_t reserved;
    uint64_t value;
};

enum ctt_health_status {
    CTT_HEALTH_FULL = 0,
    CTT_HEALTH_DEGRADED = 1,
    CTT_HEALTH_INCONCLUSIVE = 2,
};

/* One record at least, then one per blind spot or loss: the worst status holds. */
struct ctt_health {
    uint32_t status;   /* enum ctt_health_status */
    uint32_t blind_to; /* string: a kind's name, or 0 */
    uint32_t note;     /* string */
    uint32_t reserved;
};

struct ctt_trailer {
    uint64_t records; /* trailer not counted */
    uint32_t crc;
    uint32_t reserved;
};

#include "preload/options.h"

#endif
