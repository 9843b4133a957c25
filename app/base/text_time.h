/* SPDX-License-Identifier: Apache-2.0
 * text_time: points in time to the microsecond as text, both ways. */
#ifndef WEIGATE_BASE_TEXT_TIME_H
#define WEIGATE_BASE_TEXT_TIME_H

#include <stdint.h>

#include "base/text.h"

/* "2026-11-22T09:33:00.123456Z" and NUL. */
#define TEXT_TIME_BYTES 32

/* Microseconds since 1970 in UTC, always with six decimals. Any thread. */
void text_time_format(char to[TEXT_TIME_BYTES], int64_t at_us);
/* RFC 3339 with up to six decimals and Z or an offset ("2026-11-22T17:33:00+08:00", a blank in place of the T too), a day alone
 * (its midnight in UTC), or seconds since 1970. -1, *ret_us untouched, for everything else and for what is no date. Any thread.
 */
int text_time_parse(struct str text, int64_t *ret_us);

#endif
