/* SPDX-License-Identifier: MIT */
/*
 * A holding: one resource not yet given back, as the descriptor table and the
 * key table keep it. (Memory has a smaller record of its own: ledger.h.)
 *
 * `live` is 0 or a number that no other acquisition of this slot had. A writer
 * fills the other fields while `live` is 0 and publishes it last; whoever
 * exchanges it back to 0 owns the release. A reader copies the fields between
 * two reads of `live` and believes the copy only when both gave the same
 * number, not 0: so a snapshot beside running threads tells of nothing that
 * was not held (hazards.md E16).
 */
#ifndef FACTS_HOLDING_H
#define FACTS_HOLDING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "preload/format.h"
#include "preload/ground/mirror.h"

/* What kind of descriptor: a row is a name in the report. */
#define HOLDING_DETAILS(X)                                                                         \
    X(NONE, "")                                                                                    \
    X(FILE, "file")                                                                                \
    X(TCP, "tcp")                                                                                  \
    X(UDP, "udp")                                                                                  \
    X(UNIX, "unix")                                                                                \
    X(NETLINK, "netlink")                                                                          \
    X(SOCKET, "socket")                                                                            \
    X(PIPE_READ, "pipe, read end")                                                                 \
    X(PIPE_WRITE, "pipe, write end")                                                               \
    X(EPOLL, "epoll")                                                                              \
    X(EVENTFD, "eventfd")                                                                          \
    X(TIMERFD, "timerfd")                                                                          \
    X(SIGNALFD, "signalfd")                                                                        \
    X(INOTIFY, "inotify")                                                                          \
    X(FANOTIFY, "fanotify")                                                                        \
    X(PIDFD, "pidfd")                                                                              \
    X(IO_URING, "io_uring")                                                                        \
    X(MEMFD, "memfd")                                                                              \
    X(PTY, "pty")                                                                                  \
    X(DUP, "dup")                                                                                  \
    X(TEMPORARY, "temporary file")                                                                 \
    X(DIRECTORY, "directory")                                                                      \
    X(POPEN, "popen")                                                                              \
    X(ANONYMOUS, "anonymous")                                                                      \
    X(SYSV, "System V shared memory")                                                              \
    X(SHM, "shm")                                                                                  \
    X(MQ, "mq")                                                                                    \
    X(FORK, "fork")                                                                                \
    X(VFORK, "vfork")                                                                              \
    X(SPAWN, "posix_spawn")                                                                        \
    X(PTHREAD, "pthread")                                                                          \
    X(ADDRINFO, "addresses of a host")                                                             \
    X(IFADDRS, "addresses of interfaces")                                                          \
    X(IFNAMES, "names of interfaces")                                                              \
    X(REGEX, "regular expression")                                                                 \
    X(WORDS, "expanded words")                                                                     \
    X(LOCALE, "locale")                                                                            \
    X(ICONV, "conversion")                                                                         \
    X(CATALOG, "message catalog")                                                                  \
    X(FILE_TREE, "file tree")                                                                      \
    X(SYSV_SHM, "System V memory")                                                                 \
    X(SYSV_SEM, "System V semaphores")                                                             \
    X(SYSV_MSG, "System V queue")                                                                  \
    X(PATHS, "paths of a pattern")                                                                 \
    X(TIMER, "timer")                                                                              \
    X(SEMAPHORE, "named semaphore")                                                                \
    X(SPAWN_ACTIONS, "file actions of a spawn")                                                    \
    X(SPAWN_ATTRIBUTES, "attributes of a spawn")                                                   \
    X(MUTEX, "mutex")                                                                              \
    X(RWLOCK, "read-write lock")                                                                   \
    X(RWLOCK_READ, "read-write lock, reading")                                                     \
    X(RWLOCK_WRITE, "read-write lock, writing")                                                    \
    X(CONDITION, "condition")                                                                      \
    X(BARRIER, "barrier")                                                                          \
    X(UNNAMED_SEMAPHORE, "semaphore")                                                              \
    X(HIDDEN_THREAD, "not by pthread_create")                                                      \
    X(LIBRARY, "library")

enum holding_detail {
#define X(name, text) DETAIL_##name,
    HOLDING_DETAILS(X)
#undef X
        DETAIL_COUNT
};

struct holding {
    _Atomic uint32_t live;
    uint8_t kind;           /* enum ctt_kind_id */
    uint8_t detail;         /* enum holding_detail */
    _Atomic uint16_t flags; /* enum ctt_holding_flags */
    uint32_t context;
    uint32_t task;
    uint32_t stack;
    uint8_t owner_kind;
    uint8_t padding[3];
    uint64_t handle;
    uint64_t owner; /* handle of the holding that this is part of */
    uint64_t acquired_ns;
    uint64_t bytes;
    _Atomic uint32_t last_task;
    _Atomic uint32_t last_used_ms;
    /* What became of the slot's last holding, kept after its release: the
     * first half of a double close. */
    uint32_t released_stack;
    uint32_t released_task;
    uint32_t released_acquired_stack;
    /* Of a descriptor whose detail is DUP: what it is a copy of, and which stack
     * acquired that. Of others left over from an earlier one. */
    uint32_t source; /* number, plus 1 */
    uint32_t source_stack;
};

/* The fields of a release, by value: what a put-back needs. */
struct holding_copy {
    uint32_t live;
    uint8_t kind, detail, owner_kind;
    uint16_t flags;
    uint32_t context, task, stack;
    uint64_t handle, owner, acquired_ns, bytes;
    uint32_t last_task, last_used_ms;
};

/* For `live`: a number that no other acquisition had. */
uint32_t holding_number(void);
/* A fresh holding of the calling task, its time and context filled in. */
struct holding_copy holding_now(enum ctt_kind_id kind, enum holding_detail detail, uint64_t handle,
                                uint32_t stack);

/* Writes the fields and publishes. Tells whether another was still live. */
bool holding_publish(struct holding *slot, const struct holding_copy *from);
/* Copies a live holding consistently; false when there is none. */
bool holding_read(const struct holding *slot, struct holding_copy *ret_copy);
/* Ends it; false when it was not live. */
bool holding_take(struct holding *slot, struct holding_copy *ret_copy);

/* In a fork child: whatever was acquired before this (clock_since_ns) is the
 * parent's. 0 in a process that was not forked while traced. */
extern _Atomic uint64_t inherited_before_ns;
/* In the child of a fork, whatever the clock said at that moment. */
extern _Atomic bool is_fork_child;

extern const char *const holding_details[DETAIL_COUNT];

/* After every change of a slot: makes the row of the state file like it. */
void holding_mirror_now(enum state_table table, uint32_t index, const struct holding *slot);
static inline void holding_mirror(enum state_table table, uint32_t index,
                                  const struct holding *slot)
{
    if (mirror_is_on())
        holding_mirror_now(table, index, slot);
}
/* The rows of DETAIL. */
void holding_mirror_details(void);

/* Notes a use by the calling task. last_used_ms is milliseconds since the
 * tracker's start plus 1; 0 is "never". */
void holding_touch(struct holding *slot);

#endif
