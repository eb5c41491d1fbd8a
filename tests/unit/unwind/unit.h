/* SPDX-License-Identifier: MIT */
/* What every unit test of the unwinder begins with. */
#ifndef UNIT_UNWIND_UNIT_H
#define UNIT_UNWIND_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
