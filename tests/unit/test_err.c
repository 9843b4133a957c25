/* SPDX-License-Identifier: Apache-2.0
 * test_err: sentences are whole, cut at their limit, and may quote themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"

static void sentence_is_kept_and_the_step_fails(void **state) {
  (void)state;
  struct err err;
  assert_int_equal(err_set(&err, "cannot open %s: %d", "/x", 7), -1);
  assert_string_equal(err.text, "cannot open /x: 7");
}

static void nobody_listening_is_allowed(void **state) {
  (void)state;
  assert_int_equal(err_set(NULL, "x"), -1);
  assert_int_equal(err_prefix(NULL, "x"), -1);
}

static void prefix_stands_in_front(void **state) {
  (void)state;
  struct err err;
  err_set(&err, "no such option");
  assert_int_equal(err_prefix(&err, "%s:%d", "weigate.conf", 3), -1);
  assert_string_equal(err.text, "weigate.conf:3: no such option");
}

static void sentence_may_quote_the_one_before(void **state) {
  (void)state;
  struct err err;
  err_set(&err, "inner");
  err_set(&err, "outer (%s)", err.text);
  assert_string_equal(err.text, "outer (inner)");
}

static void long_sentence_is_cut(void **state) {
  (void)state;
  struct err err;
  char path[3000];
  memset(path, 'x', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  err_set(&err, "%s", path);
  assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
  err_prefix(&err, "%s", path);
  assert_int_equal(strlen(err.text), ERR_TEXT_BYTES - 1);
}

static void reason_of_the_kernel_is_the_one_at_the_call(void **state) {
  (void)state;
  struct err err;
  errno = ENOENT;
  err_set(&err, "cannot open: %m");
  assert_string_equal(err.text, "cannot open: No such file or directory");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sentence_is_kept_and_the_step_fails),
      cmocka_unit_test(nobody_listening_is_allowed),
      cmocka_unit_test(prefix_stands_in_front),
      cmocka_unit_test(sentence_may_quote_the_one_before),
      cmocka_unit_test(long_sentence_is_cut),
      cmocka_unit_test(reason_of_the_kernel_is_the_one_at_the_call),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
