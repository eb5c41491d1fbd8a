/* SPDX-License-Identifier: MIT */
/*
 * What libc takes for itself and keeps: names of errors that do not exist, user and host entries,
 * time zones, locales, conversions, long formats. In main and in a thread that ends.
 *
 * expect: nothing
 */
#include <grp.h>
#include <iconv.h>
#include <locale.h>
#include <netdb.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../leaks.h"

static void convert(void)
{
    iconv_t conversion = iconv_open("UTF-16", "UTF-8");
    char in[] = "text", out[64], *from = in, *to = out;
    size_t left = 4, room = sizeof(out);

    if (conversion == (iconv_t)-1)
        return;
    iconv(conversion, &from, &left, &to, &room);
    iconv_close(conversion);
}

static void *use_libc(void *unused)
{
    time_t now = 1700000000;
    locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
    char text[512];

    keep(strerror(12345));
    keep(strsignal(1234));
    keep(getpwuid(0));
    keep(getpwnam("nobody"));
    keep(getgrgid(0));
    keep(gethostbyname("127.0.0.1"));
    keep(getservbyname("http", "tcp"));
    keep(localtime(&now));
    keep(ctime(&now));
    snprintf(text, sizeof(text), "%.300f", 1.0 / 3);
    freelocale(locale);
    convert();
    return unused;
}

int main(void)
{
    pthread_t worker;

    setlocale(LC_ALL, "");
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    use_libc(NULL);
    if (pthread_create(&worker, NULL, use_libc, NULL) || pthread_join(worker, NULL))
        return 1;
    puts("libc keeps some of it");
    return 0;
}
