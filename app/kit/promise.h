/* SPDX-License-Identifier: Apache-2.0
 * promise: assertions of the checks. Each check has a process of its own; the first expectation that is not met is written to its
 * parent and ends it. */
#ifndef WEIGATE_KIT_PROMISE_H
#define WEIGATE_KIT_PROMISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weigate/storage.h>

/* How the process of a check ends; 0 with PROMISE_KEPT written to its parent is the only good way. */
#define PROMISE_FAILED  1
#define PROMISE_SKIPPED 77
#define PROMISE_KEPT    "kept\n"

/* Where failures are written; -1: standard error. */
extern int promise_report_fd;
/* The last call's message, which is added to a failure; NULL without. */
extern const char *promise_said;
/* Called in place of ending the process, for test programs of another framework; does not return. NULL: _exit(). */
extern void (*promise_hook)(const char *file, int line);

/* Writes "at:", "wanted:", "got:" and ends the process. Any thread. */
_Noreturn void promise_failed(const char *file, int line, const char *wanted, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Ends the process: this check says nothing here, and why. Any thread. */
_Noreturn void promise_skipped(const char *why);

void promise_equal(intmax_t got, intmax_t wanted, bool is_equal, const char *expression, const char *file, int line);
void promise_string(const char *got, const char *wanted, bool is_equal, const char *expression, const char *file, int line);
void promise_bytes(const void *got, const void *wanted, size_t size, const char *expression, const char *file, int line);
void promise_range(uintmax_t got, uintmax_t low, uintmax_t high, const char *expression, const char *file, int line);
void promise_text(struct weigate_text got, const char *wanted, const char *expression, const char *file, int line);

#define assert_text(text, wanted) promise_text((text), (wanted), #text, __FILE__, __LINE__)

/* The names of cmocka, which unit tests use; a file of theirs includes this header behind <cmocka.h>. */
#ifndef CMOCKA_H_
#define assert_true(c)                ((c) ? (void)0 : promise_failed(__FILE__, __LINE__, #c, "that is not so"))
#define assert_false(c)               ((c) ? promise_failed(__FILE__, __LINE__, "not " #c, "it is so") : (void)0)
#define assert_null(p)                ((p) ? promise_failed(__FILE__, __LINE__, #p " is NULL", "a pointer") : (void)0)
#define assert_non_null(p)            ((p) ? (void)0 : promise_failed(__FILE__, __LINE__, #p, "NULL"))
#define assert_int_equal(a, b)        promise_equal((intmax_t)(a), (intmax_t)(b), true, #a " == " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)    promise_equal((intmax_t)(a), (intmax_t)(b), false, #a " != " #b, __FILE__, __LINE__)
#define assert_string_equal(a, b)     promise_string((a), (b), true, #a " == " #b, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) promise_string((a), (b), false, #a " != " #b, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n)  promise_bytes((a), (b), (n), #a " == " #b, __FILE__, __LINE__)
#define assert_in_range(v, low, high)                                                                                            \
  promise_range((uintmax_t)(v), (low), (high), #v " within " #low " to " #high, __FILE__, __LINE__)
#define fail_msg(...)     promise_failed(__FILE__, __LINE__, "that this works", __VA_ARGS__)
#define skip_because(why) promise_skipped(why)
#endif

#endif
