/* SPDX-License-Identifier: MIT */
/*
 * The options, one row each: key, type, default, what it takes, help. The
 * tracker's parser, the command's --help and the README's table are all made
 * from these rows. An INT takes "LEAST MOST", a TEXT one of some words, or
 * anything (option_value.h).
 * Types: BOOL 0/1 on/off, INT, SIZE 64k 256M, TIME 500ms 3s 10m, TEXT, or
 * SIGNAL (a name with or without SIG, or a number), or WHEN (option_conditions.h).
 *
 * A key that is a word of C has another name as a variable: CTT_FIELD(key).
 */
#ifndef CTXTRACE_OPTIONS_H
#define CTXTRACE_OPTIONS_H

#define CTT_FIELD(key)                 CTT_FIELD_(CTT_FIELD_OF_##key, key)
#define CTT_FIELD_(probe, key)         CTT_SECOND(probe, key, )
#define CTT_SECOND(first, second, ...) second
#define CTT_FIELD_OF_auto              , automatic

#define CTT_OPTIONS(X)                                                                             \
    X(off, BOOL, "0", "", "load, but watch nothing")                                               \
    X(dir, TEXT, "", "", "where dumps go; given, a dump is written at every exit")                 \
    X(name, TEXT, "%e.%p.%n.ctt", "", "dump name: %e program %p pid %n number %t time %h host")    \
    X(signal, SIGNAL, "", "", "signal for a live snapshot (SIGUSR1 and SIGRTMAX-7)")               \
    X(held, TEXT, "", "all project none",                                                          \
      "at exit also tell of what is merely held: all, project, none")                              \
    X(exit, TEXT, "", "all declared",                                                              \
      "descriptors held at exit: all = warnings, declared = dropped")                              \
    X(exitcode, INT, "0", "0 255", "exit status when there are findings and the program's is 0")   \
    X(grace, TIME, "1s", "", "how long after its context's end a holding is late")                 \
    X(pile_up, INT, "16", "1 4294967295", "live holdings of one stack that count as a pile")       \
    X(growth, TIME, "10s", "",                                                                     \
      "how far apart live counts that rise must lie, to be told of while the program runs")        \
    X(suppressions, TEXT, "", "",                                                                  \
      "files of rules for what is not to be told, with commas between them")                       \
    X(builtin_rules, BOOL, "1", "",                                                                \
      "do not tell of what runtimes are known to keep for themselves")                             \
    X(project, TEXT, "", "", "glob of modules to call in-project, instead of those outside /usr")  \
    X(verbose, BOOL, "0", "", "print the one-line verdict even when there is nothing to say")      \
    X(color, TEXT, "auto", "auto always never", "colour in the exit report: auto, always, never")  \
    X(render, TIME, "3s", "", "how long exit may wait for the report's text")                      \
    X(tool, TEXT, "", "",                                                                          \
      "path of the ctxtrace command (else CTXTRACE_TOOL, else beside the library)")                \
    X(auto, WHEN, "", "",                                                                          \
      "take snapshots without being asked at fd:80%, rss:512M, every:10m, mishap (with commas)")   \
    X(children, TEXT, "follow", "follow skip", "programs that this one starts: follow or skip")    \
    X(keep, INT, "10", "0 4294967295",                                                             \
      "dumps kept per process; the first and the last always are")                                 \
    X(max_dumps, SIZE, "256M", "", "bytes of dumps kept per process")                              \
    X(max_memory, SIZE, "4G", "", "memory that the tracker may use for itself")                    \
    X(max_listed, INT, "65536", "0 4294967295",                                                    \
      "holdings of one kind listed one by one in a dump")                                          \
    X(sample, SIZE, "0", "",                                                                       \
      "record one block in so many bytes of memory, and all of that size or more; 0: every block") \
    X(exec_leaks, BOOL, "0", "", "tell of descriptors that other programs are started with")       \
    X(frees, BOOL, "0", "", "record where every block was freed, for double frees")                \
    X(reach, TEXT, "exit", "exit 1 0",                                                             \
      "judge memory by what reaches it: exit = at exit, 1 = at live snapshots, too, 0 = never")    \
    X(max_reach, SIZE, "8G", "",                                                                   \
      "memory is not judged in a process that has more of it: its page tables are copied")         \
    X(state, TEXT, "", "",                                                                         \
      "folder, best in /dev/shm, where a file keeps the tables for after a kill (report "          \
      "--recover)")                                                                                \
    X(locks, BOOL, "0", "", "follow mutexes and read-write locks, and what else threads meet at")  \
    X(stacks, BOOL, "1", "", "record where everything was acquired")                               \
    X(stack_depth, INT, "128", "0 4294967295", "frames kept of a stack")                           \
    X(unwind, TEXT, "recipes", "recipes libunwind", "unwinder: recipes or libunwind")              \
    X(verify, TEXT, "", "unwind", "unwind: run both unwinders and count differences")

#include "preload/option_conditions.h"
#include "preload/option_value.h"

#endif
