/* SPDX-License-Identifier: MIT */
/* What ELF says of itself, checked before it is believed: a module may have been
 * rewritten by any tool, or lie about its own sizes. */
#include "preload/facts/module_image.h"

#include <elf.h>

#include "preload/ground/sys.h"

#define HEADERS_SAFE  4096u /* the first page of a mapping is there if any is */
#define HEADERS_MAX   512u
#define BUILD_ID_MAX  20u
#define NOTE_ALIGN(n) (((n) + 3u) & ~UINT64_C(3))

/* The program headers, where they can be read without doubt: within the first
 * page, or (patchelf moves them) where the kernel agrees that memory is. */
const elf_phdr *image_headers(uintptr_t start, uintptr_t end, size_t *ret_count)
{
    const elf_ehdr *elf = (const elf_ehdr *)start;
    if (end - start < sizeof *elf || __builtin_memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    size_t count = elf->e_phnum;
    size_t bytes = count * sizeof(elf_phdr);
    if (elf->e_phentsize != sizeof(elf_phdr) || count == 0 || count > HEADERS_MAX ||
        elf->e_phoff > end - start || bytes > end - start - elf->e_phoff)
        return NULL;
    const elf_phdr *headers = (const elf_phdr *)(start + elf->e_phoff);
    elf_phdr probe;
    if (elf->e_phoff + bytes > HEADERS_SAFE &&
        (!sys_peek(headers, &probe, sizeof probe) ||
         !sys_peek(headers + count - 1, &probe, sizeof probe)))
        return NULL;
    *ret_count = count;
    return headers;
}

/* The loaded segment that holds [at, at + bytes) with at least `flags`. */
const elf_phdr *image_segment(const struct module *m, uintptr_t at, size_t bytes, uint32_t flags)
{
    const elf_phdr *headers = m->headers;
    for (size_t i = 0; i < m->header_count; i++) {
        uintptr_t low = m->bias + headers[i].p_vaddr;
        if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & flags) == flags && at >= low &&
            at - low < headers[i].p_memsz && headers[i].p_memsz - (at - low) >= bytes)
            return &headers[i];
    }
    return NULL;
}

const elf_phdr *image_header(const struct module *m, uint32_t type, const elf_phdr *after)
{
    const elf_phdr *headers = m->headers;
    for (size_t i = after ? (size_t)(after - headers) + 1 : 0; i < m->header_count; i++)
        if (headers[i].p_type == type)
            return &headers[i];
    return NULL;
}

void image_learn_eh(struct module *m, const uint8_t *hdr)
{
    const elf_phdr *header = image_header(m, PT_GNU_EH_FRAME, NULL);
    if (!header || !image_segment(m, (uintptr_t)hdr, header->p_memsz, PF_R))
        return;
    struct eh_view view = {.hdr = hdr, .hdr_end = hdr + header->p_memsz};
    uintptr_t frames = (uintptr_t)eh_frames(&view);
    const elf_phdr *segment = frames ? image_segment(m, frames, 1, PF_R) : NULL;
    if (!segment)
        return;
    view.low = (const uint8_t *)m->bias + segment->p_vaddr;
    view.high = view.low + segment->p_memsz;
    m->eh = view;
}

static void hex_write(char *to, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    *to = '\0';
}

/* The build-id among the notes in [at, end). */
static bool build_id_read(const uint8_t *at, const uint8_t *end, char *ret_hex)
{
    while ((size_t)(end - at) >= sizeof(elf_nhdr)) {
        elf_nhdr note;
        __builtin_memcpy(&note, at, sizeof note);
        at += sizeof note;
        uint64_t name = NOTE_ALIGN((uint64_t)note.n_namesz);
        uint64_t body = NOTE_ALIGN((uint64_t)note.n_descsz);
        if (name + body > (uint64_t)(end - at))
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof ELF_NOTE_GNU &&
            __builtin_memcmp(at, ELF_NOTE_GNU, sizeof ELF_NOTE_GNU) == 0 &&
            note.n_descsz <= BUILD_ID_MAX) {
            hex_write(ret_hex, at + name, note.n_descsz);
            return true;
        }
        at += name + body;
    }
    return false;
}

void image_learn_build_id(struct module *m)
{
    const elf_phdr *header = NULL;
    while ((header = image_header(m, PT_NOTE, header)) != NULL) {
        uintptr_t at = m->bias + header->p_vaddr;
        if (image_segment(m, at, header->p_memsz, PF_R) &&
            build_id_read((const uint8_t *)at, (const uint8_t *)at + header->p_memsz, m->build_id))
            return;
    }
}
