/* SPDX-License-Identifier: MIT */
/* A C function between a throw and its catch (defer_thrown.cpp). */
#include <ctxtrace.h>

#include <stdio.h>

void call_between(void (*fn)(void));

static void tell(void *word)
{
    puts(word);
}

void call_between(void (*fn)(void))
{
    ctx_defer(tell, (void *)"C");
    fn();
}
