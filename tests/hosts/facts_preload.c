/* SPDX-License-Identifier: MIT */
/*
 * What a process is told about itself, written down from inside it: a preload
 * that knows nothing of ours and stands behind it, in front of libc, in the run
 * with the tracker as in the one without. Both must say the same (facts.py).
 *
 * When main begins and when the process ends by exit(), one record is added to
 * the file $FACTS_OUT: a length, then strings that each end with a NUL:
 *
 *     moment, errno, task's name, program_invocation_name and its short form,
 *     what error() puts before a message, open descriptors, number of arguments,
 *     the arguments, the environment
 *
 * One write() each, at the file's end: processes that write at once do not mix.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int main_function(int argc, char **argv, char **envp);
typedef int start_function(main_function *main, int argc, char **argv, void (*init)(void),
                           void (*fini)(void), void (*loader_fini)(void), void *stack_end);
start_function __libc_start_main;

/* Room for the words that are neither argument nor variable. */
#define SMALL_WORDS     (6 * PATH_MAX)
#define DESCRIPTORS_MAX 1024

static main_function *program_main;
static char out[PATH_MAX]; /* a copy: some programs overwrite their environment */
static char **arguments;
static int argument_count; /* sha256sum overwrites the NULL at the end */

/* ---- one record, in memory of its own: the program's heap stays as it was ---- */

struct record {
    char *begin, *at;
    size_t room;
};

static void say(struct record *record, const char *text)
{
    size_t bytes = strlen(text) + 1;
    if (bytes > record->room)
        return;
    memcpy(record->at, text, bytes);
    record->at += bytes;
    record->room -= bytes;
}

static void say_number(struct record *record, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%d", number);
    say(record, text);
}

/* Which numbers are taken: what the program got for what it opened. */
static void say_descriptors(struct record *record)
{
    char numbers[DESCRIPTORS_MAX * 5] = "";
    int length = 0;
    for (int fd = 0; fd < DESCRIPTORS_MAX; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            length += snprintf(numbers + length, sizeof numbers - (size_t)length, "%d ", fd);
    say(record, numbers);
}

static size_t bytes_of(char **words, int count)
{
    size_t bytes = 0;
    for (int i = 0; i < count; i++)
        bytes += strlen(words[i] ? words[i] : "") + 1;
    return bytes;
}

static int count_of(char **words)
{
    int count = 0;
    while (words && words[count])
        count++;
    return count;
}

static void say_words(struct record *record, char **words, int count)
{
    for (int i = 0; i < count; i++)
        say(record, words[i] ? words[i] : "");
}

static void write_out(const struct record *record)
{
    uint32_t bytes = (uint32_t)(record->at - record->begin) - (uint32_t)sizeof bytes;
    memcpy(record->begin, &bytes, sizeof bytes);
    int fd = open(out, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return;
    if (write(fd, record->begin, bytes + sizeof bytes) < 0)
        abort(); /* seen by the test as another end of the program */
    close(fd);
}

static void tell(const char *moment, int error_number, const char *prefix)
{
    char name[16 + 1] = "";
    int variable_count = count_of(environ);
    size_t bytes =
        SMALL_WORDS + bytes_of(arguments, argument_count) + bytes_of(environ, variable_count);
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return;
    struct record record = {memory, (char *)memory + sizeof(uint32_t), bytes - sizeof(uint32_t)};
    prctl(PR_GET_NAME, name);
    say(&record, moment);
    say_number(&record, error_number);
    say(&record, name);
    say(&record, program_invocation_name);
    say(&record, program_invocation_short_name);
    say(&record, prefix);
    say_descriptors(&record);
    say_number(&record, argument_count);
    say_words(&record, arguments, argument_count);
    say_words(&record, environ, variable_count);
    write_out(&record);
    munmap(memory, bytes);
}

/* ---- the two moments ---- */

/* libc's error(), with its stream turned to memory. By dlsym: git and make have
 * functions of that name, which libc's callers would get, too. */
static void ask_error(char *prefix, size_t bytes)
{
    void (*say_error)(int, int, const char *, ...) =
        (void (*)(int, int, const char *, ...))dlsym(RTLD_NEXT, "error");
    unsigned *said = dlsym(RTLD_NEXT, "error_message_count");
    FILE *stream = fmemopen(prefix, bytes, "w"), *kept = stderr;
    if (!stream || !say_error || !said)
        abort();
    stderr = stream;
    say_error(0, ENOENT, "a message");
    stderr = kept;
    fclose(stream);
    --*said;
}

/* Registered before anything of the program's: it runs after all that. */
static void at_end(void)
{
    int kept = errno;
    tell("exit", 0, ""); /* errno is chance by now */
    errno = kept;
}

static int main_after_facts(int argc, char **argv, char **envp)
{
    int kept = errno;
    static char prefix[PATH_MAX + 64];
    arguments = argv;
    argument_count = argc;
    ask_error(prefix, sizeof prefix);
    tell("start", kept, prefix);
    atexit(at_end);
    errno = kept;
    return program_main(argc, argv, envp);
}

int __libc_start_main(main_function *main, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    start_function *real = (start_function *)dlsym(RTLD_NEXT, "__libc_start_main");
    const char *path = getenv("FACTS_OUT");
    snprintf(out, sizeof out, "%s", path ? path : "");
    program_main = main;
    return real(*out ? main_after_facts : main, argc, argv, init, fini, loader_fini, stack_end);
}
