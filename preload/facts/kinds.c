/* SPDX-License-Identifier: MIT */
#include "preload/facts/kinds.h"

#include <stddef.h>

const struct kind_row kind_rows[] = {
    {CTT_KIND_FD, "fd", ""},
    {CTT_KIND_SOCKET, "socket", ""},
    {CTT_KIND_STREAM, "stream", ""},
    {CTT_KIND_DIR, "dir", ""},
    {CTT_KIND_PIPE, "pipe", ""},
    {CTT_KIND_EVENT, "event", ""},
    {CTT_KIND_MEMORY, "memory", "bytes"},
    {CTT_KIND_MAPPING, "mapping", "bytes"},
    {CTT_KIND_THREAD, "thread", ""},
    {CTT_KIND_PROCESS, "process", ""},
    {CTT_KIND_TIMER, "timer", ""},
    {CTT_KIND_MODULE, "module", ""},
    {CTT_KIND_LOCK, "lock", ""},
    {CTT_KIND_CONTEXT, "context", ""},
    {CTT_KIND_HANDLE, "handle", ""},
    {CTT_KIND_KEY, "key", ""},
    {CTT_KIND_IPC, "ipc", ""},
    {CTT_KIND_CLEANUP, "cleanup", ""},
    {CTT_KIND_TASK, "task", ""},
    {0, NULL, NULL},
};

const char *kind_name(uint32_t kind)
{
    for (size_t i = 0; kind_rows[i].name; i++)
        if (kind_rows[i].id == kind)
            return kind_rows[i].name;
    return NULL;
}
