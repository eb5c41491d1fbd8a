/* SPDX-License-Identifier: MIT */
/*
 * Calls that block and neither give nor take anything: they are hooked for the frame alone,
 * which has the caller's registers on the stack for as long as the thread waits (hook.h).
 * What else blocks stands with its family.
 *
 * Not here, and so blocking with their caller's registers unseen: reading and writing by
 * streams (too many names, and too often called), pthread_once, ioctl, and what waits for a
 * disk.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

#include "preload/ground/hook.h"

#define WAITS(ret, function, params, args)                                                         \
    HOOK(function);                                                                                \
    HOOK_EXPORT ret function params                                                                \
    {                                                                                              \
        ret result;                                                                                \
        BLOCKS(result = REAL(function) args);                                                      \
        return result;                                                                             \
    }

/* clang-format off */
WAITS(int, sem_wait, (sem_t *semaphore), (semaphore))
WAITS(int, pthread_barrier_wait, (pthread_barrier_t *barrier), (barrier))
WAITS(int, sigwait, (const sigset_t *restrict set, int *restrict ret_number), (set, ret_number))
WAITS(int, flock, (int fd, int operation), (fd, operation))
WAITS(int, lockf, (int fd, int operation, off_t bytes), (fd, operation, bytes))
WAITS(int, lockf64, (int fd, int operation, off64_t bytes), (fd, operation, bytes))
WAITS(int, tcdrain, (int fd), (fd))
WAITS(ssize_t, mq_receive, (mqd_t queue, char *message, size_t bytes, unsigned *priority),
      (queue, message, bytes, priority))
WAITS(ssize_t, mq_timedreceive,
      (mqd_t queue, char *restrict message, size_t bytes, unsigned *restrict priority,
       const struct timespec *restrict limit),
      (queue, message, bytes, priority, limit))
WAITS(int, mq_send, (mqd_t queue, const char *message, size_t bytes, unsigned priority),
      (queue, message, bytes, priority))
WAITS(int, mq_timedsend,
      (mqd_t queue, const char *message, size_t bytes, unsigned priority,
       const struct timespec *limit),
      (queue, message, bytes, priority, limit))
/* clang-format on */
