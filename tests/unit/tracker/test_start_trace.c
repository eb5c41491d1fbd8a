/* SPDX-License-Identifier: MIT */
/* Which TRACEPARENT counts, however it is cut or spoilt. */
#include "tests/unit/tracker/unit.h"

#include <stdlib.h>
#include <string.h>

#include "preload/facts/start_trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define GOOD  "00-" TRACE "-00f067aa0ba902b7-01"

/* A copy of its own, so that a sanitizer sees who reads past its end. */
static void read_copy(const char *text, size_t length)
{
    char *copy = malloc(length + 1);

    assert_non_null(copy);
    memcpy(copy, text, length);
    copy[length] = '\0';
    start_trace_read(copy);
    free(copy);
}

static void what_is_none(void **state)
{
    static const char *const wrong[] = {
        "",
        "req-12345",
        "ff-" TRACE "-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00_" TRACE "-00f067aa0ba902b7-01",
        GOOD "-more",
        GOOD "x",
        "01-" TRACE "-00f067aa0ba902b7-01more",
    };

    start_trace_read(NULL);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        read_copy(wrong[i], strlen(wrong[i]));
    for (size_t length = 0; length < strlen(GOOD); length++)
        read_copy(GOOD, length);
    assert_null(start_trace_id());
}

/* The first that counts is kept: after it nothing is read any more. */
static void what_is_one(void **state)
{
    read_copy("cc-" TRACE "-00f067aa0ba902b7-09-what-is-to-come",
              strlen("cc-" TRACE "-00f067aa0ba902b7-09-what-is-to-come"));
    assert_string_equal(start_trace_id(), TRACE);
    read_copy("00-11111111111111111111111111111111-00f067aa0ba902b7-01", strlen(GOOD));
    assert_string_equal(start_trace_id(), TRACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_none),
        cmocka_unit_test(what_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
