/* SPDX-License-Identifier: MIT */
/*
 * The order of start and stop, and nothing more.
 *
 * The start is __libc_start_main: libc and every library are initialised, the
 * environment is there, and neither main nor the program's own constructors
 * have run. Hooks that are called before it work all the same (the real
 * functions are found on first use), and what they record is marked early.
 *
 * The end is an on_exit function. It is registered before libc registers
 * anything of the program's, so it runs after every destructor (hazards.md
 * 0.2), and it is told the exit status. The other ways out of a process are
 * hooks/exit.c, hooks/process.c (exec) and outlets/fatal.c.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "preload/books/baseline.h"
#include "preload/books/graveyard.h"
#include "preload/books/injection.h"
#include "preload/facts/context.h"
#include "preload/facts/departure.h"
#include "preload/facts/module.h"
#include "preload/facts/series.h"
#include "preload/facts/signals.h"
#include "preload/facts/stack.h"
#include "preload/facts/start_trace.h"
#include "preload/facts/suppressions.h"
#include "preload/facts/task.h"
#include "preload/facts/unwind.h"
#include "preload/facts/unwind_bounds.h"
#include "preload/ground/arena.h"
#include "preload/ground/blind.h"
#include "preload/ground/config.h"
#include "preload/ground/health.h"
#include "preload/ground/hook.h"
#include "preload/ground/notify.h"
#include "preload/ground/sample.h"
#include "preload/ground/sys.h"
#include "preload/hooks/family.h"
#include "preload/hooks/exec.h"
#include "preload/hooks/lock.h"
#include "preload/hooks/inject.h"
#include "preload/outlets/ending.h"
#include "preload/outlets/warning.h"

#define STATUS_BAD_FAULTS 64 /* EX_USAGE, as `ctxtrace run` itself gives for what it refuses */

typedef int main_function(int argc, char **argv, char **envp);
typedef int start_function(main_function *main, int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*loader_fini)(void), void *stack_end);

/* With less there would be neither tables nor a report. */
#define MEMORY_LEAST (UINT64_C(4) << 20)

start_function __libc_start_main;
HOOK(__libc_start_main);

/* Our own function, whatever the global scope says the name means. */
extern __typeof__(malloc) own_malloc;

/* Another allocator bound before us, or a sanitizer, whose allocator stands in
 * the program itself: its blocks never pass our hooks (hazards.md A12, C17). A
 * program that is not position-independent and takes malloc's address has it
 * point to a jump in itself: that is an undefined symbol with a value, and
 * leads to us. */
static bool blind_to_allocator;

static void look_for_allocators(void)
{
    void *first = dlsym(RTLD_DEFAULT, "malloc");
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    if (first == (void *)own_malloc)
        return;
    if (dladdr1(first, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
        symbol->st_shndx == SHN_UNDEF)
        return;
    blind_to_allocator = true;
    health_blind(CTT_KIND_MEMORY, "malloc belongs to the program or to a library loaded before "
                                  "the tracker");
}

/* Now, and not at the first capture: by then the program may have no descriptor
 * to spare or may have confined itself (hazards.md B7, D15), or another thread
 * of it may be about to open something, which would get another number. */
static void stack_bounds_ask(void)
{
    struct room_range stack;
    bounds_find(GUARD_FRAME(), &stack);
}

/* Every block has to be seen, or one that was acquired unseen is taken for freed. */
static void begin_graves(void)
{
    if (!config.frees)
        return;
    if (config.sample || blind_to_allocator)
        health_blind(0, "frees=1 has no effect: not every block is seen (sample=, or another "
                        "malloc)");
    else
        graves_begin();
    atomic_store(&series_are_of_memory, graves_are_kept());
}

static void choose_unwinder(void)
{
    stack_depth_limit = config.stacks ? (uint32_t)config.stack_depth : 0;
    room_set_depth(stack_depth_limit);
    if (stack_depth_limit == 0) {
        health_blind(0, "stacks=off: no places are told; double closes, piles and unreaped "
                        "children are not judged");
        return;
    }
    bool verify = strcmp(config.verify, "unwind") == 0;
    if (!verify && strcmp(config.unwind, "libunwind") != 0)
        return;
    if (unwind_use_libunwind(verify) < 0)
        health_blind(0, "libunwind.so.8 is not installed: unwind= and verify= have no effect");
}

/* Signals that were blocked for us; the program does not see the variable. */
static uint64_t shield_take(char **envp)
{
    const char *value = environment_value(envp, SIGNALS_SHIELD);
    uint64_t set = value ? text_read_hex(&value) : 0;
    if (value && *value == SIGNALS_SHIELD_MARK)
        signals_request_came();
    environment_remove(envp, SIGNALS_SHIELD);
    return set;
}

/* "PID:RULES": for the launcher's own child alone, whatever it replaces itself by, and not
 * for those that it starts, nor for whoever finds the variable in an environment. */
static bool inject(char **envp)
{
    const char *rules = environment_value(envp, INJECTION_VARIABLE);
    bool is_for_us =
        rules && text_read_u64(&rules) == (uint64_t)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0);
    bool is_understood = !is_for_us || (*rules == ':' && inject_start(rules + 1));
    if (is_for_us)
        exec_keep(environment_value(envp, INJECTION_VARIABLE) - sizeof INJECTION_VARIABLE);
    environment_remove(envp, INJECTION_VARIABLE);
    return is_understood;
}

static void start_off(void)
{
    atomic_store(&tracker_state, TRACKER_OFF);
    sample_stop();
}

static void tracker_start(char **argv, char **envp)
{
    clock_begin();
    context_begin();
    task_self();
    bool warned = environment_remove(envp, EXEC_WARNED);
    exec_own_start(envp);
    uint64_t shield = shield_take(envp);
    config_read(environment_value(envp, "CTXTRACE_OPTIONS"));
    start_trace_read(environment_value(envp, "TRACEPARENT"));
    if (config.off) {
        start_off();
        signals_unshield(shield);
        return;
    }
    arena_limit(config.max_memory > MEMORY_LEAST ? config.max_memory : MEMORY_LEAST);
    sample_begin(config.sample);
    stack_bounds_ask();
    baseline_fds();
    look_for_allocators();
    choose_unwinder();
    if (config.locks)
        lock_watch();
    begin_graves();
    if (strcmp(config.children, "skip") == 0)
        exec_skip_children(envp);
    fork_watch();
    exit_watch();
    bool injects = inject(envp);
    outlets_begin(argv, envp);
    /* Whoever asked for faults learns nothing from a run without: only the launcher's own
     * child can come here, which has not begun. */
    if (!injects) {
        warning_faults();
        sys_call(SYS_exit_group, STATUS_BAD_FAULTS, 0, 0, 0, 0, 0);
    }
    signals_unshield(shield);
    warning_options(warned);
    suppressions_ask();
    /* Unless somebody was fast enough to have it switched off already. */
    int state = atomic_load(&tracker_state);
    while (state != TRACKER_OFF &&
           !atomic_compare_exchange_weak(&tracker_state, &state, TRACKER_ON))
        ;
}

HOOK_EXPORT int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                                  void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_function *real = (start_function *)hook_real(&hook___libc_start_main);
    /* A setuid program runs with more rights than whoever asked for a report:
     * nothing is written on their behalf (C12). */
    if (getauxval(AT_SECURE))
        start_off();
    else
        tracker_start(argv, argv + argc + 1);
    departure_main_begins(GUARD_FRAME() + 2 * sizeof(void *)); /* who called us */
    return real(main, argc, argv, init, fini, loader_fini, stack_end);
}
