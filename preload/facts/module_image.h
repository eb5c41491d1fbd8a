/* SPDX-License-Identifier: MIT */
/*
 * A module's own headers in memory: its segments, unwind tables and build-id.
 * Only module.c uses this, and only for a module that is loaded.
 */
#ifndef FACTS_MODULE_IMAGE_H
#define FACTS_MODULE_IMAGE_H

#include <link.h>

#include "preload/facts/module.h"

typedef ElfW(Ehdr) elf_ehdr;
typedef ElfW(Phdr) elf_phdr;
typedef ElfW(Nhdr) elf_nhdr;

/* The program headers of what is mapped at [start, end), or NULL. */
const elf_phdr *image_headers(uintptr_t start, uintptr_t end, size_t *ret_count);

/* The next header of a type after `after` (NULL: the first), or NULL. */
const elf_phdr *image_header(const struct module *m, uint32_t type, const elf_phdr *after);

/* The loaded segment that holds [at, at + bytes) with at least `flags`. */
const elf_phdr *image_segment(const struct module *m, uintptr_t at, size_t bytes, uint32_t flags);

void image_learn_eh(struct module *m, const uint8_t *hdr);
void image_learn_build_id(struct module *m);

#endif
