/* SPDX-License-Identifier: MIT */
/*
 * What GLib's GCancellable does of what workload_ctx does, by the same names and with the same
 * output: `workload_glib NAME COUNT`.
 */
#include <gio/gio.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void nothing(GCancellable *unused, gpointer data)
{
    (void)unused, (void)data;
}

static void make_cancel(long count)
{
    for (long i = 0; i < count; i++) {
        GCancellable *request = g_cancellable_new();
        g_cancellable_cancel(request);
        g_object_unref(request);
    }
}

static void connect_and_not(long count)
{
    for (long i = 0; i < count; i++) {
        GCancellable *request = g_cancellable_new();
        gulong handle = g_cancellable_connect(request, G_CALLBACK(nothing), NULL, NULL);
        g_cancellable_disconnect(request, handle);
        g_cancellable_cancel(request);
        g_object_unref(request);
    }
}

static const struct {
    const char *name;
    void (*run)(long count);
} workloads[] = {{"cancelled", make_cancel}, {"connect", connect_and_not}};

int main(int argc, char **argv)
{
    long count = argc == 3 ? atol(argv[2]) : 0;
    for (size_t i = 0; count > 0 && i < sizeof workloads / sizeof *workloads; i++) {
        if (strcmp(workloads[i].name, argv[1]) != 0)
            continue;
        workloads[i].run(1);
        double start = now_ns();
        workloads[i].run(count);
        printf("%.2f\n", (now_ns() - start) / (double)count);
        return 0;
    }
    fprintf(stderr, "usage: workload_glib cancelled|connect COUNT\n");
    return 64;
}
