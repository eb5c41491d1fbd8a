/* SPDX-License-Identifier: MIT */
/*
 * `defer_ends HOW` leaves a function with two cleanups in one way, and tells which of them ran
 * and how many were counted as skipped (test_defer_ends.py). Built with and without -fexceptions.
 */
#include <ctxtrace.h>

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const char *how;
static jmp_buf out;
static pthread_t main_thread;

static int is(const char *name)
{
    return strcmp(how, name) == 0;
}

static void tell(void *word)
{
    printf("ran %s\n", (char *)word);
    fflush(stdout);
}

static void tell_counts(void)
{
    struct ctxtrace_pending row;
    size_t pending = 0;
    while (ctx_defer_pending(pending, &row) == 0)
        pending++;
    printf("skipped %d, pending %zu\n", (int)ctx_counted(CTXTRACE_COUNT_CLEANUPS_SKIPPED), pending);
    fflush(stdout);
}

static void crash(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (is("abort"))
        abort();
    if (is("signal"))
        raise(SIGSEGV);
    if (is("fail"))
        ctx_fail(5, "disk %s", "full");
}

static __attribute__((noinline)) int leave(int once)
{
    ctx_defer(tell, (void *)"first");
    for (int i = 0; i < once; i++) {
        ctx_defer(tell, (void *)"second");
        crash();
        if (is("return"))
            return i;
        if (is("break"))
            break;
        if (is("goto"))
            goto end;
        if (is("longjmp"))
            longjmp(out, 1);
        if (is("exit"))
            exit(0);
        if (is("thread-exit") || is("main-exit"))
            pthread_exit(NULL);
        if (is("cancel")) {
            pthread_cancel(pthread_self());
            pthread_testcancel();
        }
        if (is("cancel-sleep")) {
            pthread_cancel(pthread_self());
            pause();
        }
    }
end:
    return 0;
}

static void *leave_in_thread(void *unused)
{
    (void)unused;
    leave(1);
    return NULL;
}

static void *tell_after_main(void *unused)
{
    (void)unused;
    pthread_join(main_thread, NULL);
    tell_counts();
    return NULL;
}

static void leave_after_try(void)
{
    CTX_TRY
    {
        ctx_defer(tell, (void *)"in the try");
    }
    CTX_RECOVER(code, cause)
    {
        puts("recovered");
    }
}

int main(int argc, char **argv)
{
    static int in_thread;
    pthread_t thread;
    how = argc > 1 ? argv[1] : "";
    in_thread = is("thread-exit") || is("cancel") || is("cancel-sleep");
    if (is("exit"))
        atexit(tell_counts);
    leave_after_try();
    if (is("main-exit")) {
        main_thread = pthread_self();
        pthread_create(&thread, NULL, tell_after_main, NULL);
    }
    if (in_thread) {
        pthread_create(&thread, NULL, leave_in_thread, NULL);
        pthread_join(thread, NULL);
    } else if (setjmp(out) == 0) {
        leave(1);
    }
    {
        ctx_defer(tell, (void *)"later");
    }
    tell_counts();
    return 0;
}
