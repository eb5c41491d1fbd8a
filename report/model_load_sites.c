/* SPDX-License-Identifier: MIT */
/*
 * Records on what one stack's acquisitions have come to. See model_load.h.
 */
#include "model_load.h"

#include <stdlib.h>
#include <string.h>

static int place_order(const void *a, const void *b)
{
    uint64_t left = ((const struct place *)a)->count, right = ((const struct place *)b)->count;

    return left < right ? 1 : left > right ? -1 : 0;
}

static void load_places(const struct load *load, const struct ctt_site *in, struct site *site)
{
    for (size_t i = 0; i < CTT_SITE_PLACES; i++) {
        struct stack *stack = stack_of(load, in->released_at[i].stack);

        if (stack && in->released_at[i].count)
            site->places[site->place_count++] = (struct place){stack, in->released_at[i].count};
        else
            site->elsewhere += in->released_at[i].count;
    }
    qsort(site->places, site->place_count, sizeof(site->places[0]), place_order);
    site->elsewhere += in->released_elsewhere;
}

void model_load_site(struct load *load, const void *fixed)
{
    const struct ctt_site *in = fixed;
    struct site_key key = {in->stack, in->kind};
    struct site *site;

    HASH_FIND(hh, load->model->sites, &key, sizeof(key), site);
    if (site) {
        load->model->strange_records++;
        return;
    }
    site = pool_alloc(load->model->pool, sizeof(*site));
    site->key = key;
    site->acquired = in->acquired;
    site->released = in->released;
    site->acquired_bytes = in->acquired_bytes;
    site->released_stack = stack_of(load, in->released_stack);
    load_places(load, in, site);
    site->late = in->late;
    site->late_longest_ns = in->late_longest_ns;
    site->late_mean_ns = in->late ? in->late_total_ns / in->late : 0;
    HASH_ADD(hh, load->model->sites, key, sizeof(site->key), site);
}

void model_load_holder(struct load *load, const void *fixed)
{
    const struct ctt_holder *in = fixed;
    struct holder *holder = pool_alloc(load->model->pool, sizeof(*holder));

    holder->error = in->error;
    holder->kind = in->kind;
    holder->stack = stack_of(load, in->stack);
    holder->count = in->count;
    holder->bytes = in->bytes;
    holder->at_ns = in->at_ns;
    DL_APPEND(load->model->holders, holder);
}

static struct course *course_add(struct load *load, uint32_t stack, uint32_t kind)
{
    struct course *course = pool_alloc(load->model->pool, sizeof(*course));

    course->key = (struct site_key){stack, kind};
    DL_APPEND(load->model->courses, course);
    return course;
}

void model_load_late(struct load *load, const void *fixed)
{
    const struct ctt_late *in = fixed;

    course_add(load, in->stack, in->kind)->lateness = (const struct ctt_late *)memcpy(
        pool_alloc(load->model->pool, sizeof(*in)), in, sizeof(*in));
}

void model_load_series(struct load *load, const void *fixed)
{
    const struct ctt_series *in = fixed;

    if (in->count > CTT_SERIES_POINTS) {
        load->model->strange_records++;
        return;
    }
    course_add(load, in->stack, in->kind)->series = (const struct ctt_series *)memcpy(
        pool_alloc(load->model->pool, sizeof(*in)), in, sizeof(*in));
}

void model_link_sites(struct model *model)
{
    const struct course *course;

    DL_FOREACH (model->courses, course) {
        struct site *site;

        HASH_FIND(hh, model->sites, &course->key, sizeof(course->key), site);
        if (!site ||
            (course->lateness ? (const void *)site->lateness : (const void *)site->series)) {
            model->strange_records++;
            continue;
        }
        if (course->lateness)
            site->lateness = course->lateness;
        else
            site->series = course->series;
    }
}
