/* SPDX-License-Identifier: MIT */
/*
 * What /proc says of one process, and whether the tracker is in it. Identity
 * is pid and start time: a pid alone may be somebody else's by now.
 */
#ifndef REPORT_PROCESS_FACTS_H
#define REPORT_PROCESS_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACKER_SONAME "libctxtrace.so"
/* What asks for a snapshot, unless the option signal= names another. */
#define TRACKER_SIGNAL_FIRST  SIGUSR1
#define TRACKER_SIGNAL_SECOND (SIGRTMAX - 7)
#define PROCESS_NAME_ROOM     64

struct process_facts {
    pid_t pid;
    pid_t living; /* its main thread or, when that has ended, another; 0: none */
    char name[PROCESS_NAME_ROOM];
    char state; /* of `living`: 'R', 'S', … ; 'Z' or 'X' when the whole process has ended */
    uint64_t start_ticks;
    uid_t uid;                /* real */
    uid_t euid;               /* effective */
    uint64_t signals_blocked; /* of the main thread; bit N - 1 is signal N; all of them
                               * when it has ended */
    uint64_t signals_ignored;
    uint64_t signals_caught;
    int seccomp; /* 0 off, 1 strict, 2 filter; -1 not known */
};

enum tracker_presence {
    TRACKER_ABSENT,
    TRACKER_LOADED,
    TRACKER_UNKNOWN, /* its maps may not be read by us */
};

/* Returns 0, -ESRCH when there is no such process, or another negative errno. */
int process_facts_read(struct process_facts *ret, pid_t pid);
double process_uptime(const struct process_facts *facts);
/* The number of open descriptors, or -1 where we may not look. */
int process_fds_count(const struct process_facts *process);
enum tracker_presence process_tracker(const struct process_facts *process);
/* What a thread does: the kernel tells the system call of one that waits. */
enum process_doing {
    PROCESS_WAITS,
    PROCESS_SIGWAITS, /* for a signal, which it takes by hand */
    PROCESS_RUNS,
    PROCESS_REPLACES,
    PROCESS_UNKNOWN,
};
enum process_doing process_doing(pid_t tid);
/* Whether one of its threads does not block the signal. */
bool process_takes(const struct process_facts *process, int number);

/* The value of `name` in the environment that the process was started with,
 * malloc'ed; NULL when it is not set or may not be read. */
char *process_environment(const struct process_facts *process, const char *name);

/* "USR2", "SIGUSR2", "12", "RTMAX-7", "RTMIN+3". Returns 0 for none of them. */
int signal_parse(const char *text);

/* Waits until the coarse clock, that of files and of the tracker's books, has
 * gone on: two moments before and after it can be told apart. */
void tick_sit_out(void);

/* The pid that a text names, or 0. */
pid_t pid_parse(const char *text);

/* The value of `key` in a "key=value:key=value" text, the last one winning.
 * Returns false when it is not there or does not fit. */
bool option_text_find(const char *options, const char *key, char *ret_value, size_t room);

#endif
