/* SPDX-License-Identifier: Apache-2.0
 * text_time: RFC 3339 with microseconds; any thread. */
#include "base/text_time.h"

#include <stdio.h>

#define SECOND_US INT64_C(1000000)
/* Seconds since 1970 with at most as many digits as the year 9999 has. */
#define UNIX_MAX_S UINT64_C(253402300799)

void text_time_format(char to[TEXT_TIME_BYTES], int64_t at_us) {
  int64_t fraction = (at_us % SECOND_US + SECOND_US) % SECOND_US;
  text_rfc3339(to, (at_us - fraction) / SECOND_US);
  size_t n = strlen(to) - 1; /* over the Z */
  snprintf(to + n, TEXT_TIME_BYTES - n, ".%06uZ", (unsigned)fraction);
}

/* Exactly `digits` digits off the front, as a number up to max. */
static int take_number(struct str *rest, size_t digits, uint64_t max, int64_t *ret_number) {
  uint64_t number;
  if (rest->n < digits || text_parse_u64(str_make(rest->p, digits), max, &number) != 0) return -1;
  *ret_number = (int64_t)number;
  *rest = str_from(*rest, digits);
  return 0;
}

static int take_char(struct str *rest, const char *one_of) {
  if (rest->n == 0 || !strchr(one_of, rest->p[0]) || rest->p[0] == '\0') return -1;
  int found = (unsigned char)rest->p[0];
  *rest = str_from(*rest, 1);
  return found;
}

static int64_t days_in(int64_t year, int64_t month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && is_leap);
}

/* Days since 1970-01-01; a year begins in March here, so that the leap day is its last. */
static int64_t count_days(int64_t year, int64_t month, int64_t day) {
  int64_t from_march = month > 2 ? month - 3 : month + 9, y = month > 2 ? year : year - 1;
  int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * from_march + 2) / 5 + day - 1 - 719468;
}

static int take_date(struct str *rest, int64_t *ret_days) {
  int64_t year, month, day;
  if (take_number(rest, 4, 9999, &year) != 0 || take_char(rest, "-") < 0 || take_number(rest, 2, 12, &month) != 0 ||
      take_char(rest, "-") < 0 || take_number(rest, 2, 31, &day) != 0)
    return -1;
  if (month < 1 || day < 1 || day > days_in(year, month)) return -1;
  *ret_days = count_days(year, month, day);
  return 0;
}

static int take_clock(struct str *rest, int64_t *ret_us) {
  int64_t hour, minute, second, fraction = 0, unit = SECOND_US;
  if (take_number(rest, 2, 23, &hour) != 0 || take_char(rest, ":") < 0 || take_number(rest, 2, 59, &minute) != 0 ||
      take_char(rest, ":") < 0 || take_number(rest, 2, 59, &second) != 0)
    return -1;
  if (rest->n > 0 && rest->p[0] == '.') {
    *rest = str_from(*rest, 1);
    if (rest->n == 0 || rest->p[0] < '0' || rest->p[0] > '9') return -1;
    for (; unit > 1 && rest->n > 0 && rest->p[0] >= '0' && rest->p[0] <= '9'; *rest = str_from(*rest, 1))
      fraction += (rest->p[0] - '0') * (unit /= 10);
  }
  *ret_us = ((hour * 60 + minute) * 60 + second) * SECOND_US + fraction;
  return 0;
}

static int take_offset(struct str *rest, int64_t *ret_us) {
  int64_t hours, minutes;
  int sign = take_char(rest, "Zz+-");
  *ret_us = 0;
  if (sign == 'Z' || sign == 'z') return 0;
  if (sign < 0 || take_number(rest, 2, 23, &hours) != 0 || take_char(rest, ":") < 0 || take_number(rest, 2, 59, &minutes) != 0)
    return -1;
  *ret_us = (hours * 60 + minutes) * 60 * SECOND_US * (sign == '-' ? -1 : 1);
  return 0;
}

int text_time_parse(struct str text, int64_t *ret_us) {
  int64_t days, clock_us = 0, offset_us = 0;
  uint64_t unix_s;
  if (text_parse_u64(text, UNIX_MAX_S, &unix_s) == 0) {
    *ret_us = (int64_t)unix_s * SECOND_US;
    return 0;
  }
  if (take_date(&text, &days) != 0) return -1;
  if (text.n > 0 && (take_char(&text, "Tt ") < 0 || take_clock(&text, &clock_us) != 0 || take_offset(&text, &offset_us) != 0))
    return -1;
  if (text.n > 0) return -1;
  *ret_us = days * 86400 * SECOND_US + clock_us - offset_us;
  return 0;
}
