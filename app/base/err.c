/* SPDX-License-Identifier: Apache-2.0
 * err: sentences about failed steps, kept by the caller; any thread. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, const char *format, ...) {
  if (!err) return -1;
  char text[ERR_TEXT_BYTES]; /* the arguments may point into err->text */
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  memcpy(err->text, text, strlen(text) + 1);
  return -1;
}

int err_prefix(struct err *err, const char *format, ...) {
  if (!err) return -1;
  char prefix[ERR_TEXT_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(prefix, sizeof prefix, format, args);
  va_end(args);
  return err_set(err, "%s: %s", prefix, err->text);
}
