/* SPDX-License-Identifier: MIT */
/*
 * Reference counts: a look-up returns a reference of its own, and one of its callers, the one that
 * only wants to know whether the object is there, does not give it back.
 *
 * expect: unreachable memory 1 "new_object < main" bytes=72
 */
#include <stdio.h>
#include <stdlib.h>

#include "../leaks.h"

struct object {
    int references;
    char state[68];
};

static struct object *registry;

NOINLINE static struct object *new_object(void)
{
    struct object *object = calloc(1, sizeof(*object));

    if (!object)
        exit(1);
    object->references = 1;
    return object;
}

static struct object *look_up(void)
{
    if (registry)
        registry->references++;
    return registry;
}

static void unref(struct object *object)
{
    if (object && !--object->references)
        free(object);
}

NOINLINE static int is_known(void)
{
    struct object *object = look_up();

    if (IS_FIXED)
        unref(object);
    return object != NULL;
}

int main(void)
{
    int known;

    registry = new_object();
    known = is_known();
    unref(registry);
    registry = NULL;
    printf("%d\n", known);
    return 0;
}
