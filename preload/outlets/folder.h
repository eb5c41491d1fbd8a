/* SPDX-License-Identifier: MIT */
/*
 * The dump folder: where files of ours go, and only there (hazards.md E20,
 * E21). Option dir=, else ${TMPDIR:-/tmp}/ctxtrace-UID, made with mode 0700
 * when the first file is written. A folder that belongs to somebody else is
 * not used: anybody may have put it, or a link, in a public place. The next
 * candidate is, and the report says where.
 *
 * All file operations go through a descriptor of the folder, opened for the
 * occasion.
 */
#ifndef OUTLETS_FOLDER_H
#define OUTLETS_FOLDER_H

#include <stdint.h>

#include "preload/ground/sys.h"

#define FOLDER_PATH 1024u
#define FOLDER_NAME 256u

/* At the program's start: what the environment and the current directory say
 * now. `tmpdir` may be NULL. Creates nothing. */
void folder_start(const char *tmpdir);

/* `folder` as it is now, seen from the root. */
void folder_absolute(struct text *path, const char *folder);

/* Opens the first usable candidate. A descriptor, or -errno. */
int folder_open(void);
/* Path of the one that was opened last. */
const char *folder_path(void);

/* A sentence when the last one is not what dir= asked for, else NULL. */
const char *folder_fallback(void);

/* A new file, 0600, not there before; close it with folder_commit or
 * folder_discard. */
int folder_create(int folder, const char *temporary);
/* Gives it its name. Where that is taken (an earlier process with this pid), a
 * dump gets another: `name` is changed. 0 or -errno. */
int folder_commit(int folder, const char *temporary, char name[FOLDER_NAME]);
int folder_replace(int folder, const char *temporary, const char *name);
void folder_remove(int folder, const char *name);

#endif
