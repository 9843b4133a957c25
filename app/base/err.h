/* SPDX-License-Identifier: Apache-2.0
 * err: why a start-up or admin step failed, as one sentence that names the place and the fix. */
#ifndef WEIGATE_BASE_ERR_H
#define WEIGATE_BASE_ERR_H

/* Longest sentence: a path (4,096 is PATH_MAX, 256 in practice) and about 200 characters of advice; longer text is cut. */
#define ERR_TEXT_BYTES 1024

struct err {
  char text[ERR_TEXT_BYTES];
};

/* Writes the sentence and returns -1, so that a failing step can `return err_set(err, …)`. err may be NULL. Any thread. */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " in front of the sentence that is there and returns -1. Any thread. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
