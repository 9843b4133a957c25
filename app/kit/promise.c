/* SPDX-License-Identifier: Apache-2.0
 * promise: what was wanted and what came, as lines that the runner prints. Any thread of a check's process. */
#include "kit/promise.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

/* Two values of 200 bytes each, and words around them. */
#define REPORT_BYTES 2048
#define VALUE_BYTES  200

int promise_report_fd = -1;
const char *promise_said;
void (*promise_hook)(const char *file, int line);

/* Without the way to the sources. */
static const char *short_name(const char *file) {
  const char *app = strstr(file, "app/kit/");
  return app ? app : file;
}

static void add_value(struct buf *out, const char *label, const char *text, size_t size) {
  buf_addf(out, "%s: ", label);
  text_printable(out, str_make(text, size), VALUE_BYTES);
  buf_add_char(out, '\n');
}

_Noreturn static void end(struct buf *report, const char *file, int line) {
  ssize_t written = write(promise_report_fd < 0 ? STDERR_FILENO : promise_report_fd, report->data, report->len);
  (void)written;
  if (promise_hook) promise_hook(file, line);
  _exit(PROMISE_FAILED);
}

void promise_failed(const char *file, int line, const char *wanted, const char *format, ...) {
  char got[VALUE_BYTES * 3];
  struct buf report;
  va_list args;
  va_start(args, format);
  vsnprintf(got, sizeof got, format, args);
  va_end(args);
  buf_init(&report, REPORT_BYTES);
  buf_addf(&report, "at: %s:%d\n", short_name(file), line);
  add_value(&report, "wanted", wanted, strlen(wanted));
  add_value(&report, "got", got, strlen(got));
  if (promise_said && promise_said[0]) add_value(&report, "the plugin said", promise_said, strlen(promise_said));
  end(&report, file, line);
}

void promise_skipped(const char *why) {
  ssize_t written = write(promise_report_fd < 0 ? STDERR_FILENO : promise_report_fd, why, strlen(why));
  (void)written;
  _exit(PROMISE_SKIPPED);
}

void promise_equal(intmax_t got, intmax_t wanted, bool is_equal, const char *expression, const char *file, int line) {
  if ((got == wanted) == is_equal) return;
  promise_failed(file, line, expression, "%" PRIdMAX ", not %" PRIdMAX "%s", got, wanted, is_equal ? "" : " again");
}

void promise_string(const char *got, const char *wanted, bool is_equal, const char *expression, const char *file, int line) {
  if (got && wanted && (strcmp(got, wanted) == 0) == is_equal) return;
  promise_failed(file, line, expression, "\"%.200s\"%s%.200s%s", got ? got : "NULL", is_equal ? ", not \"" : "",
                 is_equal && wanted ? wanted : "", is_equal ? "\"" : "");
}

void promise_bytes(const void *got, const void *wanted, size_t size, const char *expression, const char *file, int line) {
  if (memcmp(got, wanted, size) == 0) return;
  size_t at = 0;
  while (((const char *)got)[at] == ((const char *)wanted)[at]) at++;
  promise_failed(file, line, expression, "another byte at %zu of %zu", at, size);
}

void promise_range(uintmax_t got, uintmax_t low, uintmax_t high, const char *expression, const char *file, int line) {
  if (got >= low && got <= high) return;
  promise_failed(file, line, expression, "%" PRIuMAX ", not %" PRIuMAX " to %" PRIuMAX, got, low, high);
}

void promise_text(struct weigate_text got, const char *wanted, const char *expression, const char *file, int line) {
  if (got.size == strlen(wanted) && (got.size == 0 || memcmp(got.bytes, wanted, got.size) == 0)) return;
  promise_failed(file, line, expression, "\"%.*s\", not \"%.200s\"", got.size > 200 ? 200 : (int)got.size,
                 got.size ? got.bytes : "", wanted);
}
