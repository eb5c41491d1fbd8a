/* SPDX-License-Identifier: MIT */
#include "preload/ground/notify.h"

struct notify notify;
