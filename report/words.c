/* SPDX-License-Identifier: MIT */
/*
 * The tables behind words.h.
 */
#include "words.h"

#include <stddef.h>

#include "preload/format.h"

#define WORD_OF(table, number) word_of(table, sizeof(table) / sizeof((table)[0]), number)

static const char *word_of(const char *const *table, size_t count, uint32_t number)
{
    return number < count && table[number] ? table[number] : "unknown";
}

const char *kind_word(uint32_t kind)
{
    static const char *const words[] = {
        [CTT_KIND_FD] = "fd",         [CTT_KIND_SOCKET] = "socket",
        [CTT_KIND_STREAM] = "stream", [CTT_KIND_DIR] = "dir",
        [CTT_KIND_PIPE] = "pipe",     [CTT_KIND_EVENT] = "event",
        [CTT_KIND_MEMORY] = "memory", [CTT_KIND_MAPPING] = "mapping",
        [CTT_KIND_THREAD] = "thread", [CTT_KIND_PROCESS] = "process",
        [CTT_KIND_TIMER] = "timer",   [CTT_KIND_MODULE] = "module",
        [CTT_KIND_LOCK] = "lock",     [CTT_KIND_CONTEXT] = "context",
        [CTT_KIND_HANDLE] = "handle", [CTT_KIND_KEY] = "key",
        [CTT_KIND_IPC] = "ipc",       [CTT_KIND_CLEANUP] = "cleanup",
        [CTT_KIND_TASK] = "task",
    };

    return WORD_OF(words, kind);
}

const char *trigger_word(uint32_t trigger)
{
    static const char *const words[] = {
        [CTT_TRIGGER_EXIT] = "exit",   [CTT_TRIGGER_SIGNAL] = "signal",
        [CTT_TRIGGER_API] = "api",     [CTT_TRIGGER_EXEC] = "exec",
        [CTT_TRIGGER_LIMIT] = "limit", [CTT_TRIGGER_PERIODIC] = "periodic",
        [CTT_TRIGGER_FATAL] = "fatal", [CTT_TRIGGER_RECOVERED] = "recovered",
    };

    return WORD_OF(words, trigger);
}

const char *context_kind_word(uint32_t kind)
{
    static const char *const words[] = {
        [CTT_CONTEXT_PROCESS] = "process",
        [CTT_CONTEXT_THREAD] = "thread",
        [CTT_CONTEXT_CTX] = "ctx",
        [CTT_CONTEXT_SCOPE] = "scope",
    };

    return WORD_OF(words, kind);
}

const char *state_word(uint32_t state)
{
    static const char *const words[] = {
        [CTT_STATE_ACTIVE] = "active",     [CTT_STATE_CANCELLED] = "cancelled",
        [CTT_STATE_DEADLINE] = "deadline", [CTT_STATE_OK] = "ok",
        [CTT_STATE_ERROR] = "error",       [CTT_STATE_ABANDONED] = "abandoned",
    };

    return WORD_OF(words, state);
}

const char *state_phrase(uint32_t state)
{
    static const char *const phrases[] = {
        [CTT_STATE_ACTIVE] = "active",
        [CTT_STATE_CANCELLED] = "cancelled",
        [CTT_STATE_DEADLINE] = "deadline exceeded",
        [CTT_STATE_OK] = "ended",
        [CTT_STATE_ERROR] = "ended in error",
        [CTT_STATE_ABANDONED] = "LOST CANCEL",
    };

    return WORD_OF(phrases, state);
}

const char *cut_phrase(uint32_t cut)
{
    static const char *const phrases[CTT_CUT_COUNT] = {
        [CTT_CUT_NONE] = "complete",
        [CTT_CUT_DEPTH] = "deeper than the option stack_depth",
        [CTT_CUT_NO_MODULE] = "called from code in no module (JIT)",
        [CTT_CUT_NO_CFI] = "the module has no unwind information here",
        [CTT_CUT_RULE] = "an unwind rule that cannot be compiled",
        [CTT_CUT_BOUNDS] = "the next frame lies outside the known stack",
        [CTT_CUT_FULL] = "the recipe table is full",
    };

    return WORD_OF(phrases, cut);
}

const char *mishap_word(uint32_t id)
{
    static const char *const words[] = {
        [CTT_MISHAP_DOUBLE_CLOSE] = "double-close",
        [CTT_MISHAP_DOUBLE_FREE] = "double-free",
        [CTT_MISHAP_LIMIT] = "limit-hit",
        [CTT_MISHAP_CLOSED_BEHIND_OWNER] = "closed-behind-owner",
        [CTT_MISHAP_FAILED_CLOSE] = "failed-close",
        [CTT_MISHAP_UNLOCKED_FREE] = "unlocked-free",
        [CTT_MISHAP_UNLOCKED_FOREIGN] = "unlocked-foreign",
        [CTT_MISHAP_DESTROYED_LOCKED] = "destroyed-locked",
        [CTT_MISHAP_FREED_LOCKED] = "freed-locked",
        [CTT_MISHAP_PASSED_ON] = "passed-on",
        [CTT_MISHAP_FOREIGN_RELEASE] = "foreign-release",
        [CTT_MISHAP_IGNORED_FD] = "ignored-fd",
        [CTT_MISHAP_IGNORED_POINTER] = "ignored-pointer",
        [CTT_MISHAP_IGNORED_COUNT] = "ignored-count",
        [CTT_MISHAP_IGNORED_THREAD] = "ignored-thread",
        [CTT_MISHAP_FAILED_WRITE] = "failed-write",
        [CTT_MISHAP_LOST_CANCEL] = "lost-cancel",
        [CTT_MISHAP_CLEANUP_SKIPPED] = "cleanup-skipped",
        [CTT_MISHAP_WAITGROUP_NEGATIVE] = "waitgroup-negative",
        [CTT_MISHAP_WAITGROUP_REUSED] = "waitgroup-reused",
        [CTT_MISHAP_WAITGROUP_DESTROYED] = "waitgroup-destroyed",
        [CTT_MISHAP_WAITGROUP_UNDONE] = "waitgroup-undone",
        [CTT_MISHAP_POP_ORDER] = "pop-order",
        [CTT_MISHAP_POP_ELSEWHERE] = "pop-elsewhere",
        [CTT_MISHAP_LEFT_ATTACHED] = "left-attached",
        [CTT_MISHAP_CONTEXT_RELEASED] = "context-released",
        [CTT_MISHAP_RELEASE_ORDER] = "release-order",
        [CTT_MISHAP_NOT_HELD] = "not-held",
        [CTT_MISHAP_OUTCOME] = "outcome",
        [CTT_MISHAP_RECOVERED_NONE] = "not-recovered",
    };

    return WORD_OF(words, id);
}

const char *mishap_phrase(uint32_t id)
{
    static const char *const phrases[] = {
        [CTT_MISHAP_UNLOCKED_FREE] = "unlocked though it was not locked",
        [CTT_MISHAP_UNLOCKED_FOREIGN] = "unlocked by a thread that had not locked it",
        [CTT_MISHAP_DESTROYED_LOCKED] = "was to be destroyed while it was locked",
        [CTT_MISHAP_FREED_LOCKED] = "freed while it was locked",
        [CTT_MISHAP_IGNORED_FD] = "-1 was used as a descriptor after a call for one had failed",
        [CTT_MISHAP_IGNORED_COUNT] = "-1 was written as a count after a read had failed",
        [CTT_MISHAP_IGNORED_THREAD] = "was used though its start had failed",
        [CTT_MISHAP_FAILED_CLOSE] = "was closed, but not all that was written has arrived",
        [CTT_MISHAP_FAILED_WRITE] = "was to be written to",
        [CTT_MISHAP_LOST_CANCEL] = "lost its last reference, and had never been ended",
        [CTT_MISHAP_CLEANUP_SKIPPED] = "was registered, and its frame is gone",
        [CTT_MISHAP_WAITGROUP_NEGATIVE] = "was done more often than was added",
        [CTT_MISHAP_WAITGROUP_REUSED] = "was added to while others wait for its end",
        [CTT_MISHAP_WAITGROUP_DESTROYED] = "was destroyed while some were not done",
        [CTT_MISHAP_WAITGROUP_UNDONE] = "was waited for until a context ended, and is not done",
        [CTT_MISHAP_POP_ORDER] = "was popped out of order",
        [CTT_MISHAP_POP_ELSEWHERE] = "was popped on another thread than it was pushed on",
        [CTT_MISHAP_LEFT_ATTACHED] = "was still pushed when its thread ended",
        [CTT_MISHAP_CONTEXT_RELEASED] = "was used after its last release",
        [CTT_MISHAP_RELEASE_ORDER] = "was given back, and held was what depends on it",
        [CTT_MISHAP_NOT_HELD] = "was given back, and was not held",
        [CTT_MISHAP_OUTCOME] = "was given back otherwise than its context ended",
        [CTT_MISHAP_RECOVERED_NONE] = "failed, and nothing recovered it",
    };

    return id < sizeof(phrases) / sizeof(phrases[0]) ? phrases[id] : NULL;
}

const char *health_word(uint32_t status)
{
    static const char *const words[] = {
        [CTT_HEALTH_FULL] = "full",
        [CTT_HEALTH_DEGRADED] = "degraded",
        [CTT_HEALTH_INCONCLUSIVE] = "inconclusive",
    };

    return WORD_OF(words, status);
}

const char *reach_state_word(uint32_t state)
{
    static const char *const words[] = {
        [CTT_REACH_NONE] = "not_judged",
        [CTT_REACH_JUDGED] = "judged",
        [CTT_REACH_DOUBTFUL] = "doubtful",
    };

    return WORD_OF(words, state);
}

static const struct {
    uint32_t flag;
    const char *word, *phrase;
} reach_rows[REACH_WORDS] = {
    {CTT_HOLDING_LOST, "lost", "lost"},
    {CTT_HOLDING_LOST_PART, "lost_part", "lost with another"},
    {CTT_HOLDING_INSIDE, "inside", "reached by its middle"},
    {CTT_HOLDING_REACHED, "reached", "reached"},
};

unsigned reach_number(uint32_t flags)
{
    unsigned number = 0;

    while (number < REACH_WORDS && !(flags & reach_rows[number].flag))
        number++;
    return number;
}

const char *reach_word(unsigned number)
{
    return number < REACH_WORDS ? reach_rows[number].word : NULL;
}

const char *reach_phrase(unsigned number)
{
    return number < REACH_WORDS ? reach_rows[number].phrase : NULL;
}

const char *origin_word(uint32_t origin)
{
    static const char *const words[] = {
        [CTT_ORIGIN_DEFAULT] = "default",
        [CTT_ORIGIN_CONF] = "conf",
        [CTT_ORIGIN_ENV] = "env",
        [CTT_ORIGIN_FLAG] = "flag",
    };

    return WORD_OF(words, origin);
}
