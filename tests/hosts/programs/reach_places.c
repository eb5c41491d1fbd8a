/* SPDX-License-Identifier: MIT */
/*
 * Places that keep an address: reach_places PLACE. Blocks of 400 bytes are kept there, of
 * 432 bytes are lost; says how many of each.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096
static int kept_count, lost_count;

static void *kept(void)
{
    kept_count++;
    return calloc(1, 400);
}

__attribute__((noinline)) static void lose(void)
{
    void *volatile lost = calloc(1, 432);
    lost_count += lost != NULL;
}

static void *pages(size_t count, int protection, int flags)
{
    void *at = mmap(NULL, count * PAGE, protection, flags | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static void in_mapping(void)
{
    void **arena = pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    arena[17] = kept();
}

/* Beside a block so large that libc maps it: the kernel makes one mapping of the two. */
static void beside_large_block(void)
{
    char *large = malloc(1 << 20);
    void **arena = NULL;
    for (int i = 0; i < 64 && !arena; i++) {
        char *before = large - 16 - (i + 1) * PAGE;
        void *at = mmap(before, PAGE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        arena = at == MAP_FAILED ? NULL : at;
    }
    if (arena)
        arena[3] = kept();
    static char *volatile keep;
    keep = large;
}

static void in_shared_mapping(void)
{
    void **arena = pages(4, PROT_READ | PROT_WRITE, MAP_SHARED);
    arena[PAGE / sizeof *arena * 2] = kept();
}

static void in_shared_file(void)
{
    FILE *file = tmpfile();
    if (!file || ftruncate(fileno(file), 4 * PAGE) < 0)
        return;
    /* The last page lies behind the file's end. */
    void **arena = mmap(NULL, 5 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    fclose(file);
    arena[PAGE / sizeof *arena * 2] = kept();
}

static void in_read_only_mapping(void)
{
    void **arena = pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    arena[17] = kept();
    mprotect(arena, PAGE, PROT_READ);
}

/* Four terabytes of which nobody has touched but one page. */
static void in_sparse_mapping(void)
{
    size_t words = (UINT64_C(4) << 40) / sizeof(void *);
    void **arena = mmap(NULL, words * sizeof(void *), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (arena != MAP_FAILED)
        arena[words / 2] = kept();
}

static void in_sparse_block(void)
{
    static char *volatile keep;
    size_t bytes = UINT64_C(8) << 30;
    keep = calloc(1, bytes);
    if (keep)
        *(void **)(keep + bytes / 2) = kept();
}

static void in_epoll(void)
{
    int set = epoll_create1(0), ends[2];
    for (int i = 0; i < 100; i++) {
        if (pipe(ends) < 0)
            return;
        int is_removed = i % 4 == 0;
        void *data = is_removed ? calloc(1, 432) : kept();
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
        epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
        if (is_removed)
            epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL);
        lost_count += is_removed;
    }
}

static void in_timer(void)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
    event.sigev_value.sival_ptr = kept();
    timer_create(CLOCK_MONOTONIC, &event, &timer);
}

/* A program may take from itself the right to look, until it wants to look again. */
static void sealed(int protection, int flags, int fd)
{
    void **arena = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, flags, fd, 0);
    arena[17] = kept();
    mprotect(arena, 2 * PAGE, protection);
}

static int open_file(long bytes)
{
    char name[] = "/tmp/reach.XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    return ftruncate(fd, bytes) < 0 ? -1 : fd;
}

static void in_sealed_memory(void)
{
    sealed(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    sealed(PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1);
    sealed(PROT_READ, MAP_PRIVATE, open_file(2 * PAGE));
}

/* Of sixteen gigabytes of a file nobody has touched more than a page. */
static void in_private_file(void)
{
    int fd = open_file(16l << 30);
    void **arena =
        mmap(NULL, 16ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
    arena[512 * 1000] = kept();
}

/* As libraries of coroutines have it: a block for the stack, its first page a guard. */
static void behind_a_guard(void)
{
    static void *volatile block;
    void *stack = NULL;
    if (posix_memalign(&stack, PAGE, 16 * PAGE) || mprotect(stack, PAGE, PROT_NONE))
        return;
    block = stack;
    ((void **)stack)[PAGE] = kept();
}

/* malloc has given more than was asked for: that may be used, too. */
static void in_slack(void)
{
    static uintptr_t *volatile block;
    block = malloc(2 * sizeof *block);
    if (malloc_usable_size(block) >= 3 * sizeof *block)
        block[2] = (uintptr_t)kept();
}

static void *do_nothing(void *unused)
{
    return unused;
}

/* Too large for libc to keep it: the place is anybody's. */
static void where_a_stack_was(void)
{
    const size_t bytes = 64 << 20;
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, bytes);
    pthread_create(&thread, &attributes, do_nothing, NULL);
    pthread_join(thread, NULL);
    char *place = (char *)((uintptr_t)thread & ~(uintptr_t)(PAGE - 1)) - bytes + PAGE;
    void **arena = mmap(place, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (arena != MAP_FAILED)
        arena[4096] = kept();
}

/* The process may not be looked into any more, not even by itself under another number. */
static void as_another_user(void)
{
    int set = epoll_create1(0), ends[2];
    if (pipe(ends) < 0 || (getuid() == 0 && setresuid(65534, 65534, 65534) < 0))
        return;
    prctl(PR_SET_DUMPABLE, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = kept()};
    epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event);
    in_shared_mapping();
}

static void in_tagged_pointer(void)
{
    static uintptr_t volatile tagged;
    tagged = (uintptr_t)kept() | 7;
}

static void at_the_end(void)
{
    static char *volatile end;
    end = (char *)kept() + 400;
}

static ucontext_t main_context, coroutine;
static void coroutine_body(void)
{
    void *volatile mine = kept();
    swapcontext(&coroutine, &main_context);
    free(mine);
}

static void run_coroutine(void *stack, size_t bytes)
{
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = bytes;
    makecontext(&coroutine, coroutine_body, 0);
    swapcontext(&main_context, &coroutine);
}

static void in_coroutine_of_block(void)
{
    static char *volatile stack;
    stack = malloc(16 * PAGE);
    run_coroutine(stack, 16 * PAGE);
}

static void in_coroutine_of_mapping(void)
{
    run_coroutine(pages(16, PROT_READ | PROT_WRITE, MAP_PRIVATE), 16 * PAGE);
}

static void exit_in_coroutine(void)
{
    void *volatile mine = kept();
    printf("%d %d\n", kept_count, lost_count);
    exit(mine == NULL);
}

/* On the ordinary stack what main has is still wanted. */
static void ends_in_coroutine(void)
{
    static char *volatile stack;
    void *volatile mine = kept();
    stack = malloc(64 * PAGE);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = 64 * PAGE;
    makecontext(&coroutine, exit_in_coroutine, 0);
    setcontext(&coroutine);
    free(mine);
}

static void *end_with_stale_stack(void *unused)
{
    (void)unused;
    lose();
    return NULL;
}

static void in_ended_thread(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, end_with_stale_stack, NULL);
    pthread_join(thread, NULL);
}

static void *hand_over(void *unused)
{
    (void)unused;
    static void *volatile given;
    given = kept();
    return NULL;
}

static void *give_back(void *unused)
{
    (void)unused;
    return kept();
}

/* Whoever joins the thread gets it: nobody has yet. */
static void in_result(void)
{
    static pthread_t volatile kept_thread;
    pthread_t thread;
    pthread_create(&thread, NULL, give_back, NULL);
    kept_thread = thread;
    while (pthread_kill(thread, 0) == 0 && kept_count == 0)
        usleep(1000);
    usleep(20000);
}

static void in_hand_over(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, hand_over, NULL);
    pthread_join(thread, NULL);
}

static void *know_one(void *block)
{
    (void)block;
    pause();
    return block;
}

/* The child ends by exit: what its parent lost, or what another thread of its parent's
 * alone knows, is none of its. */
static void in_parent(void)
{
    pthread_t thread;
    lose();
    fflush(stdout);
    pthread_create(&thread, NULL, know_one, kept());
    if (fork() == 0) {
        kept_count = lost_count = 0;
        usleep(20000); /* in the tick of the fork nobody knows whose a block is */
        lose();
        printf("%d %d\n", kept_count, lost_count);
        exit(0);
    }
    wait(NULL);
}

/* Two addresses, one line. */
static void by_one_line(void)
{
    // clang-format off
    lose(); lose();
    // clang-format on
}

/* ---- where not all can be known ---- */

static void kept_from_copies(void)
{
    void **arena = pages(4, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    arena[17] = kept();
    madvise(arena, 4 * PAGE, MADV_DONTFORK);
}

/* Somebody waits for the look to be over: it is given up, and nothing else is lost. */
static void hurried(void)
{
    union sigval reach = {.sival_int = 0x72656163};
    const size_t bytes = 2ul << 30;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; at < bytes; at += PAGE)
        memory[at] = 1;
    sigqueue(getpid(), SIGUSR1, reach);
    usleep(100000);
    if (setuid(getuid()) < 0)
        puts("setuid failed");
    munmap(memory, bytes);
}

static const struct place {
    const char *name;
    void (*keep)(void);
} places[] =
    {
        {"mapping", in_mapping},
        {"beside-large-block", beside_large_block},
        {"shared-mapping", in_shared_mapping},
        {"shared-file", in_shared_file},
        {"read-only-mapping", in_read_only_mapping},
        {"sparse-mapping", in_sparse_mapping},
        {"sparse-block", in_sparse_block},
        {"epoll", in_epoll},
        {"timer", in_timer},
        {"sealed-memory", in_sealed_memory},
        {"private-file", in_private_file},
        {"behind-a-guard", behind_a_guard},
        {"slack", in_slack},
        {"where-a-stack-was", where_a_stack_was},
        {"as-another-user", as_another_user},
        {"tagged-pointer", in_tagged_pointer},
        {"end", at_the_end},
        {"coroutine-of-block", in_coroutine_of_block},
        {"coroutine-of-mapping", in_coroutine_of_mapping},
        {"ends-in-coroutine", ends_in_coroutine},
        {"ended-thread", in_ended_thread},
        {"hand-over", in_hand_over},
        {"result", in_result},
        {"parent", in_parent},
},
  others[] = {
      {"kept-from-copies", kept_from_copies},
      {"hurried", hurried},
      {"by-one-line", by_one_line},
};

int main(int argc, char **argv)
{
    const size_t count = sizeof places / sizeof *places;
    for (size_t i = 0; argc == 2 && i < count + sizeof others / sizeof *others; i++) {
        const struct place *place = i < count ? &places[i] : &others[i - count];
        if (strcmp(argv[1], place->name) == 0) {
            place->keep();
            lose();
            printf("%d %d\n", kept_count, lost_count);
            return 0;
        }
    }
    for (size_t i = 0; i < count; i++)
        printf("%s\n", places[i].name);
    return 0;
}
