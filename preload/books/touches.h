/* SPDX-License-Identifier: MIT */
/*
 * What a resource of the program's own went through, in the program's words: the first and
 * the last few hints of ctxtrace_touch. Kept by the acquisition's number (holding.h), so
 * that the next one at the same address begins with none.
 */
#ifndef BOOKS_TOUCHES_H
#define BOOKS_TOUCHES_H

#include <stdint.h>

#include "preload/facts/holding.h"
#include "preload/ground/sys.h"

#define TOUCHES_KEPT     4u /* of the first, and of the last */
#define TOUCH_HINT_BYTES 24u

/* Counted where there is no room. */
void touch_note(const struct holding_copy *holding, const char *hint);
/* "opened > query > ... 12 more ... > commit"; nothing where there are none. */
void touches_tell(uint32_t live, struct text *text);

#endif
