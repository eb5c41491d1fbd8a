/* SPDX-License-Identifier: MIT */
/*
 * What libc keeps for itself from its first use on (a buffer of stdio, the locale, the time
 * zone, name services) is not the request's that happened to come first; what libc hands out
 * is (strdup, asprintf, getline).
 */
#include <ctxtrace.h>

#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char *volatile kept[4];

static void *work(void *nothing)
{
    return nothing;
}

static void use_libc(void)
{
    time_t now = time(NULL);
    struct addrinfo *addresses = NULL;
    pthread_t thread;

    puts("served");
    setlocale(LC_ALL, "");
    localtime(&now);
    setenv("A_NEW_VARIABLE", "1", 1);
    getpwuid(0);
    strerror(12345);
    if (getaddrinfo("localhost", "80", NULL, &addresses) == 0)
        freeaddrinfo(addresses);
    if (pthread_create(&thread, NULL, work, NULL) == 0)
        pthread_join(thread, NULL);
}

__attribute__((noinline)) static char *make_line(void)
{
    FILE *file = fopen("/etc/passwd", "r");
    char *line = NULL;
    size_t size = 0;

    if (file && getline(&line, &size, file) < 0)
        puts("empty");
    if (file)
        fclose(file);
    return line;
}

__attribute__((noinline)) static char *make_text(int number)
{
    char *text = NULL;

    if (asprintf(&text, "request %d", number) < 0)
        return NULL;
    return text;
}

__attribute__((noinline)) static void serve(void)
{
    use_libc();
    kept[0] = strdup("a name");
    kept[1] = make_text(1);
    kept[2] = make_line();
    kept[3] = malloc(10);
#ifdef FIXED
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        free(kept[i]);
#endif
}

int main(void)
{
    CTX_OWNED ctx_t *request = ctx_with_name(NULL, "request");

    CTX_SCOPE(request)
    serve();
    return 0;
}
