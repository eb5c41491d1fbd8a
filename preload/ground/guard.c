/* SPDX-License-Identifier: MIT */
#include "preload/ground/guard.h"

#include "preload/ground/sys.h"

bool guard_is_vfork_child(void)
{
    return sys_getpid() != self.vforker;
}
