/* SPDX-License-Identifier: MIT */
/*
 * Mappings made, given back and moved by whatever name the call has: libc's, or its
 * number. Each function makes the call, once, and leaves errno as the call did.
 */
#ifndef HOOKS_MAPPING_H
#define HOOKS_MAPPING_H

#include "preload/hooks/family.h"

/* With the arguments as the kernel takes them; -1 and errno when it fails. */
typedef long mapping_call(const long a[6]);

long map_watched(struct hook *hook, const struct call_site *site, mapping_call *call,
                 const long a[6]);
long unmap_watched(struct hook *hook, const struct call_site *site, mapping_call *call,
                   const long a[6]);
long remap_watched(struct hook *hook, const struct call_site *site, mapping_call *call,
                   const long a[6]);

#endif
