/* SPDX-License-Identifier: MIT */
/*
 * Acquires, by its number, what libc has no name for, or one that came late; and calls
 * each of them also in the way that gives nothing. `--list` prints the calls. Otherwise
 * says of the one that is named which descriptors it gave ("has N"), which of its results
 * are none ("none N"), or that the machine does not allow it ("refused ERRNO").
 *
 * hazard: E4, E5
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/mount.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases.h"

#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

static int has(long fd)
{
    if (fd < 0)
        printf("refused %d\n", errno);
    else
        printf("has %ld\n", fd);
    return 0;
}

/* A number that is no descriptor, though there is none behind it either. */
static void none(long result)
{
    if (result >= 0)
        printf("none %ld\n", result);
}

static int bpf_map(void)
{
    union bpf_attr map = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
    long fd = syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map));
    union bpf_attr first = {.start_id = 0};

    has(fd);
    if (fd >= 0)
        none(syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &first, sizeof(first)));
    return 0;
}

static int bpf_program(void)
{
    static const struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0},
                                           {.code = BPF_JMP | BPF_EXIT}};
    union bpf_attr program = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                              .insn_cnt = 2,
                              .insns = (uintptr_t)code,
                              .license = (uintptr_t) "MIT"};

    return has(syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof(program)));
}

static int landlock(void)
{
    const uint64_t handled[1] = {1};

    none(syscall(SYS_landlock_create_ruleset, NULL, 0L, 1L));
    return has(syscall(SYS_landlock_create_ruleset, handled, sizeof(handled), 0L));
}

static int mount_context(void)
{
    long context = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);

    has(context);
    if (context >= 0 && syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0L) == 0)
        has(syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0L));
    return 0;
}

static int mount_picked(void)
{
    return has(syscall(SYS_fspick, AT_FDCWD, "/", FSPICK_CLOEXEC));
}

static int tree(void)
{
    return has(syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLOEXEC));
}

static int tree_with_attributes(void)
{
    return has(syscall(SYS_open_tree_attr, AT_FDCWD, "/", OPEN_TREE_CLOEXEC, NULL, 0L));
}

static int secret_memory(void)
{
    return has(syscall(SYS_memfd_secret, 0L));
}

static int fault_handler(void)
{
    return has(syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */));
}

static int performance(void)
{
    struct perf_event_attr facts = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(facts),
                                    .config = PERF_COUNT_SW_TASK_CLOCK,
                                    .exclude_kernel = 1};

    return has(syscall(SYS_perf_event_open, &facts, 0L, -1L, -1L, 0L));
}

static int fetched(void)
{
    long process = syscall(SYS_pidfd_open, getpid(), 0L);

    has(process);
    return has(syscall(SYS_pidfd_getfd, process, 1L, 0L));
}

/* ---- descriptors that arrive ---- */

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(2 * sizeof(int))];
};

static void send_two(int end)
{
    char byte = 0;
    struct iovec content = {&byte, 1};
    union control control = {.header = {CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    const int two[2] = {0, 1};

    memcpy(CMSG_DATA(&control.header), two, sizeof(two));
    if (sendmsg(end, &message, 0) != 1)
        perror("sendmsg");
}

static void say_arrived(union control *control)
{
    int two[2];

    memcpy(two, CMSG_DATA(&control->header), sizeof(two));
    has(two[0]);
    has(two[1]);
}

static int message(void)
{
    int ends[2];
    char byte;
    struct iovec content = {&byte, 1};
    union control control;
    struct msghdr message = {.msg_iov = &content,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};

    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    send_two(ends[0]);
    if (syscall(SYS_recvmsg, ends[1], &message, 0L) == 1)
        say_arrived(&control);
    return 0;
}

static int messages(void)
{
    int ends[2];
    char bytes[2];
    struct iovec contents[2] = {{bytes, 1}, {bytes + 1, 1}};
    union control controls[2];
    struct mmsghdr both[2];

    memset(both, 0, sizeof(both));
    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
    for (int i = 0; i < 2; i++) {
        send_two(ends[0]);
        both[i].msg_hdr = (struct msghdr){.msg_iov = &contents[i],
                                          .msg_iovlen = 1,
                                          .msg_control = &controls[i],
                                          .msg_controllen = sizeof(controls[i])};
    }
    if (syscall(SYS_recvmmsg, ends[1], both, 2L, 0L, NULL) == 2) {
        say_arrived(&controls[0]);
        say_arrived(&controls[1]);
    }
    return 0;
}

static const struct hazard_case cases[] = {
    {"bpf_map", bpf_map},
    {"bpf_program", bpf_program},
    {"landlock", landlock},
    {"mount_context", mount_context},
    {"mount_picked", mount_picked},
    {"tree", tree},
    {"tree_with_attributes", tree_with_attributes},
    {"secret_memory", secret_memory},
    {"fault_handler", fault_handler},
    {"performance", performance},
    {"fetched", fetched},
    {"message", message},
    {"messages", messages},
};

int main(int argc, char **argv)
{
    return RUN_CASES(cases, argc, argv);
}
