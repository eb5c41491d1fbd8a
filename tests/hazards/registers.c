/* SPDX-License-Identifier: MIT */
/*
 * A thread has six values in the registers that a callee keeps, and nowhere else, and
 * blocks. Another one looks for them between the blocked thread's stack pointer, as the
 * kernel tells it, and the end of its stack. `all` prints each function and which of the
 * six were found, as a bit mask; each is called in a process of its own.
 *
 * hazard: F3
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two */
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_MOST = 128, FAR_S = 1000, LOOKS = 2000, LOOK_US = 2000, REGISTERS = 6 };

#define MARK(n)    (UINT64_C(0x7e57000000000000) + 0x1111u * (n))
#define P(pointer) ((long)(uintptr_t)(pointer))

struct row {
    const char *name;
    void *function;
    long arguments[6];
    pthread_mutex_t *held; /* by the thread, before */
};

static struct row rows[ROWS_MOST];
static int count;

/* ---- what is waited for, and never comes ---- */

static int in[2], out[2], full[2], empty[2], listener, stuffed, epoll, files[2], a_file;
static int queue_in = -1, queue_out = -1, messages_in, messages_out, set;
static pid_t child;
static char buffer[4096], fifo[] = "fifo", locked_file[] = "locked";
static struct iovec vector = {buffer, 8}, *vectors = &vector;
static struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
static struct mmsghdr several;
static struct timespec far = {FAR_S, 0}, far_off;
static struct pollfd polled;
static struct epoll_event event;
static struct sockaddr_un place = {.sun_family = AF_UNIX};
static struct flock whole = {.l_type = F_WRLCK};
static struct sembuf step = {0, -1, 0};
static struct {
    long type;
    char text[8192];
} mail = {.type = 1};
static struct aiocb request;
static const struct aiocb *requests[] = {&request};
static sigset_t usr2, none;
static sem_t semaphore;
static pthread_mutex_t taken = PTHREAD_MUTEX_INITIALIZER, own = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_t sleeper;
static uint32_t word;
static siginfo_t info;
static int status, number;
static FILE *stream;
static fd_set set_of_in;

static void *sleep_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void fill(int fd)
{
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (write(fd, buffer, sizeof(buffer)) > 0)
        ;
    while (write(fd, buffer, 1) > 0)
        ;
    fcntl(fd, F_SETFL, 0);
}

static void prepare_descriptors(void)
{
    pipe(in);
    pipe(out);
    fill(out[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, empty);
    socketpair(AF_UNIX, SOCK_STREAM, 0, full);
    fill(full[0]);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(place.sun_path, sizeof(place.sun_path), "socket.%d", getpid());
    bind(listener, (struct sockaddr *)&place, sizeof(place));
    listen(listener, 0);
    epoll = epoll_create1(0);
    event.events = EPOLLIN;
    epoll_ctl(epoll, EPOLL_CTL_ADD, in[0], &event);
    polled = (struct pollfd){in[0], POLLIN, 0};
    FD_SET(in[0], &set_of_in);
    several.msg_hdr = message;
    a_file = open("/proc/self/exe", O_RDONLY);
    for (int i = 0; i < 2; i++)
        files[i] = open("flocked", O_RDWR | O_CREAT, 0600);
    flock(files[0], LOCK_EX);
    stuffed = open(locked_file, O_RDWR);
    stream = fdopen(in[0], "r");
    request = (struct aiocb){.aio_fildes = in[0], .aio_buf = buffer, .aio_nbytes = 1};
}

static void prepare_queues(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
    char name[32];

    snprintf(name, sizeof(name), "/registers.%d", getpid());
    queue_in = mq_open(name, O_RDWR | O_CREAT, 0600, &attributes);
    mq_unlink(name);
    queue_out = mq_open(name, O_RDWR | O_CREAT, 0600, &attributes);
    mq_unlink(name);
    if (queue_out >= 0)
        mq_send(queue_out, "full", 4, 0);
    messages_in = msgget(IPC_PRIVATE, 0600);
    messages_out = msgget(IPC_PRIVATE, 0600);
    while (msgsnd(messages_out, &mail, sizeof(mail.text), IPC_NOWAIT) == 0)
        ;
    set = semget(IPC_PRIVATE, 1, 0600);
}

static void clean_up(void)
{
    msgctl(messages_in, IPC_RMID, NULL);
    msgctl(messages_out, IPC_RMID, NULL);
    semctl(set, 0, IPC_RMID);
    kill(child, SIGKILL); /* it would hold our output open */
    unlink(place.sun_path);
}

static void prepare(void)
{
    prepare_descriptors();
    prepare_queues();
    sigemptyset(&none);
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigprocmask(SIG_BLOCK, &usr2, NULL);
    clock_gettime(CLOCK_REALTIME, &far_off);
    far_off.tv_sec += FAR_S;
    sem_init(&semaphore, 0, 0);
    pthread_mutex_lock(&taken);
    pthread_rwlock_wrlock(&written);
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&sleeper, NULL, sleep_for_ever, NULL);
    child = fork();
    if (child == 0) {
        sleep_for_ever(NULL);
    }
}

/* ---- the table ---- */

#define ROW(f, ...)                                                                                \
    rows[count++] = (struct row)                                                                   \
    {                                                                                              \
        .name = #f, .function = (void *)f, .arguments = { __VA_ARGS__ }                            \
    }
#define ROW_AS(label, f, ...)                                                                      \
    rows[count++] = (struct row)                                                                   \
    {                                                                                              \
        .name = label, .function = (void *)f, .arguments = { __VA_ARGS__ }                         \
    }
#define ROW_HELD(f, ...)                                                                           \
    rows[count++] = (struct row)                                                                   \
    {                                                                                              \
        .name = #f, .function = (void *)f, .arguments = {__VA_ARGS__}, .held = &own                \
    }

static void list_transfers(void)
{
    ROW(read, in[0], P(buffer), 8);
    ROW(readv, in[0], P(vectors), 1);
    ROW(write, out[1], P(buffer), 8);
    ROW(writev, out[1], P(vectors), 1);
    ROW(recv, empty[0], P(buffer), 8, 0);
    ROW(recvfrom, empty[0], P(buffer), 8, 0, 0, 0);
    ROW(recvmsg, empty[0], P(&message), 0);
    ROW(recvmmsg, empty[0], P(&several), 1, 0, 0);
    ROW(send, full[0], P(buffer), sizeof(buffer), 0);
    ROW(sendto, full[0], P(buffer), sizeof(buffer), 0, 0, 0);
    ROW(sendmsg, full[0], P(&message), 0);
    ROW(sendmmsg, full[0], P(&several), 1, 0);
    ROW(sendfile, full[0], a_file, 0, 4096);
    ROW(splice, in[0], 0, out[1], 0, 8, 0);
    ROW(tee, in[0], out[1], 8, 0);
    ROW(vmsplice, out[1], P(vectors), 1, 0);
    ROW(accept, listener, 0, 0);
    ROW(accept4, listener, 0, 0, 0);
    ROW(connect, full[0], P(&place), sizeof(place));
}

static void list_waits(void)
{
    ROW(poll, P(&polled), 1, -1);
    ROW(ppoll, P(&polled), 1, 0, 0);
    ROW(select, in[0] + 1, P(&set_of_in), 0, 0, 0);
    ROW(pselect, in[0] + 1, P(&set_of_in), 0, 0, 0, 0);
    ROW(epoll_wait, epoll, P(&event), 1, -1);
    ROW(epoll_pwait, epoll, P(&event), 1, -1, 0);
    ROW(pause, 0);
    ROW(sigsuspend, P(&none));
    ROW(sigwait, P(&usr2), P(&number));
    ROW(sigwaitinfo, P(&usr2), P(&info));
    ROW(sigtimedwait, P(&usr2), P(&info), P(&far));
    ROW(nanosleep, P(&far), 0);
    ROW(clock_nanosleep, CLOCK_MONOTONIC, 0, P(&far), 0);
    ROW(usleep, 900000000);
    ROW(sleep, FAR_S);
    ROW(thrd_sleep, P(&far), 0);
    ROW(wait, P(&status));
    ROW(waitpid, child, P(&status), 0);
    ROW(wait3, P(&status), 0, 0);
    ROW(wait4, child, P(&status), 0, 0);
    ROW(waitid, P_PID, child, P(&info), WEXITED);
    ROW(system, P("exec sleep 2 > /dev/null 2>&1"));
    ROW(pclose, 0);
    ROW(aio_suspend, P(requests), 1, 0);
}

static void list_threads(void)
{
    ROW(sem_wait, P(&semaphore));
    ROW(sem_timedwait, P(&semaphore), P(&far_off));
    ROW(sem_clockwait, P(&semaphore), CLOCK_REALTIME, P(&far_off));
    ROW(pthread_join, (long)sleeper, 0);
    ROW(pthread_timedjoin_np, (long)sleeper, 0, P(&far_off));
    ROW(pthread_clockjoin_np, (long)sleeper, 0, CLOCK_REALTIME, P(&far_off));
    ROW(thrd_join, (long)sleeper, 0);
    ROW(pthread_barrier_wait, P(&barrier));
    ROW(pthread_mutex_lock, P(&taken));
    ROW(pthread_mutex_timedlock, P(&taken), P(&far_off));
    ROW(pthread_mutex_clocklock, P(&taken), CLOCK_REALTIME, P(&far_off));
    ROW(mtx_lock, P(&taken));
    ROW(mtx_timedlock, P(&taken), P(&far_off));
    ROW(pthread_rwlock_rdlock, P(&written));
    ROW(pthread_rwlock_wrlock, P(&written));
    ROW(pthread_rwlock_timedrdlock, P(&written), P(&far_off));
    ROW(pthread_rwlock_timedwrlock, P(&written), P(&far_off));
    ROW_HELD(pthread_cond_wait, P(&never), P(&own));
    ROW_HELD(pthread_cond_timedwait, P(&never), P(&own), P(&far_off));
    ROW_HELD(pthread_cond_clockwait, P(&never), P(&own), CLOCK_REALTIME, P(&far_off));
    ROW_HELD(cnd_wait, P(&never), P(&own));
    ROW_HELD(cnd_timedwait, P(&never), P(&own), P(&far_off));
}

static void list_files(void)
{
    ROW(open, P(fifo), O_RDONLY);
    ROW(open64, P(fifo), O_RDONLY);
    ROW(openat, AT_FDCWD, P(fifo), O_RDONLY);
    ROW(fopen, P(fifo), P("r"));
    ROW(flock, files[1], LOCK_EX);
    ROW(lockf, stuffed, F_LOCK, 0);
    ROW(lockf64, stuffed, F_LOCK, 0);
    ROW(fcntl, stuffed, F_SETLKW, P(&whole));
    ROW(fcntl64, stuffed, F_OFD_SETLKW, P(&whole));
    ROW(msgrcv, messages_in, P(&mail), 8, 0, 0);
    ROW(msgsnd, messages_out, P(&mail), sizeof(mail.text), 0);
    ROW(semop, set, P(&step), 1);
    ROW(semtimedop, set, P(&step), 1, P(&far));
    if (queue_in >= 0) {
        ROW(mq_receive, queue_in, P(buffer), 8, 0);
        ROW(mq_timedreceive, queue_in, P(buffer), 8, 0, P(&far_off));
        ROW(mq_send, queue_out, P(buffer), 8, 0);
        ROW(mq_timedsend, queue_out, P(buffer), 8, 0, P(&far_off));
    }
    ROW_AS("syscall futex", syscall, SYS_futex, P(&word), 0, 0, 0, 0);
    ROW_AS("syscall read", syscall, SYS_read, in[0], P(buffer), 8);
    ROW_AS("syscall poll", syscall, SYS_poll, P(&polled), 1, -1);
    ROW_AS("syscall wait4", syscall, SYS_wait4, child, 0, 0, 0);
    ROW_AS("syscall waitid", syscall, SYS_waitid, P_PID, child, P(&info), WEXITED, 0);
    ROW_AS("syscall flock", syscall, SYS_flock, files[1], LOCK_EX);
    /* These have no hook. */
    ROW(fgetc, P(stream));
    ROW(fgets, P(buffer), 8, P(stream));
    ROW(fread, P(buffer), 1, 8, P(stream));
}

/* ---- the blocked thread ---- */

static struct {
    _Atomic int tid;
    _Atomic bool ready, came_back;
    const struct row *row;
    uintptr_t high;
} blocked;

__attribute__((noreturn, used)) static void come_back(void)
{
    atomic_store(&blocked.came_back, true);
    for (;;)
        syscall(SYS_pause);
}

/* The marks are immediates: they are in no memory that is looked at. */
static void call_with_marks(void *function, const long *a)
{
    __asm__ volatile("movq %[function], %%r11\n\t movq %[a], %%rax\n\t"
                     "movq (%%rax), %%rdi\n\t movq 8(%%rax), %%rsi\n\t"
                     "movq 16(%%rax), %%rdx\n\t movq 24(%%rax), %%rcx\n\t"
                     "movq 32(%%rax), %%r8\n\t movq 40(%%rax), %%r9\n\t"
                     "andq $-16, %%rsp\n\t subq $64, %%rsp\n\t movq $0, (%%rsp)\n\t"
                     "movabsq %[m0], %%rbx\n\t movabsq %[m1], %%rbp\n\t"
                     "movabsq %[m2], %%r12\n\t movabsq %[m3], %%r13\n\t"
                     "movabsq %[m4], %%r14\n\t movabsq %[m5], %%r15\n\t"
                     "xorl %%eax, %%eax\n\t call *%%r11\n\t"
                     "call come_back"
                     :
                     : [function] "m"(function), [a] "m"(a), [m0] "i"(MARK(0)), [m1] "i"(MARK(1)),
                       [m2] "i"(MARK(2)), [m3] "i"(MARK(3)), [m4] "i"(MARK(4)), [m5] "i"(MARK(5))
                     : "memory");
}

static void *block(void *unused)
{
    const struct row *row = blocked.row;
    pthread_attr_t attributes;
    void *low;
    size_t bytes;

    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &low, &bytes);
    blocked.high = (uintptr_t)low + bytes;
    if (row->held)
        pthread_mutex_lock(row->held);
    if (row->function == (void *)aio_suspend)
        aio_read(&request);
    atomic_store(&blocked.tid, gettid());
    atomic_store(&blocked.ready, true);
    call_with_marks(row->function, row->arguments);
    return unused;
}

/* ---- who looks ---- */

/* The stack pointer of a thread in a system call; 0: it runs. */
static uintptr_t pointer_of(int tid)
{
    char path[64], line[256] = "";
    unsigned long sp = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", tid);
    file = fopen(path, "r");
    if (file && fgets(line, sizeof(line), file))
        sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %lx", &sp);
    if (file)
        fclose(file);
    return sp;
}

/* Once it is at the same place twice. */
static uintptr_t settled_pointer(void)
{
    uintptr_t before = 0, now;

    for (int i = 0; i < LOOKS && !atomic_load(&blocked.came_back); i++, before = now) {
        usleep(LOOK_US);
        now = atomic_load(&blocked.ready) ? pointer_of(atomic_load(&blocked.tid)) : 0;
        if (now && now == before)
            return now;
    }
    return 0;
}

static int marks_from(uintptr_t sp)
{
    int found = 0;

    for (uintptr_t at = sp & ~(uintptr_t)7; at + 8 <= blocked.high; at += 8)
        for (int i = 0; i < REGISTERS; i++)
            if (*(const uint64_t *)at == MARK(i))
                found |= 1 << i;
    return found;
}

/* In a process of its own. The backlog of a listener is full once one connection waits. */
static void look_at(int index)
{
    pthread_t thread;
    uintptr_t sp;
    char line[96];

    prepare();
    list_transfers();
    list_waits();
    list_threads();
    list_files();
    if (index >= count)
        clean_up(), _exit(1);
    blocked.row = &rows[index];
    if (blocked.row->function == (void *)connect) {
        connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&place, sizeof(place));
        rows[index].arguments[0] = socket(AF_UNIX, SOCK_STREAM, 0);
    }
    if (blocked.row->function == (void *)pclose)
        rows[index].arguments[0] = P(popen("exec sleep 2 > /dev/null 2>&1", "w"));
    pthread_create(&thread, NULL, block, NULL);
    sp = settled_pointer();
    if (sp)
        snprintf(line, sizeof(line), "%s: %d\n", blocked.row->name, marks_from(sp));
    else
        snprintf(line, sizeof(line), "%s: does not block\n", blocked.row->name);
    (void)!write(STDOUT_FILENO, line, strlen(line));
    clean_up();
    _exit(0);
}

int main(int argc, char **argv)
{
    int held = open(locked_file, O_RDWR | O_CREAT, 0600), ended = 0;

    mkfifo(fifo, 0600);
    if (argc > 1)
        lockf(held, F_LOCK, 0); /* against the others */
    for (int index = 0; argc > 1 && ended == 0; index++) {
        pid_t looker = fork();
        if (looker == 0)
            look_at(index);
        if (looker < 0 || waitpid(looker, &ended, 0) < 0)
            return 1;
    }
    return WIFEXITED(ended) && WEXITSTATUS(ended) <= 1 ? 0 : 2;
}
