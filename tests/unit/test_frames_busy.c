/* SPDX-License-Identifier: Apache-2.0
 * test_frames_busy: what arrives while a request is being answered, and how a whole one is packed for libfcgi. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fcgi/frames.h"
#include "records.h"

static const struct frames_limits limits = {65536 * 3, 65536, 256, 65536};
static struct buf bytes, pairs;
static struct frames frames;

static int start(void **state) {
  (void)state;
  buf_init(&bytes, 1 << 20);
  buf_init(&pairs, 1 << 20);
  frames_start(&frames);
  return 0;
}

static int finish(void **state) {
  (void)state;
  buf_done(&bytes);
  buf_done(&pairs);
  return 0;
}

/* Looks at the first n bytes in a copy of exactly that size, so that a sanitizer sees every read beyond them. */
static enum frames_verdict look_at(size_t n) {
  uint8_t *copy = test_malloc(n ? n : 1);
  if (n) memcpy(copy, bytes.data, n);
  frames_look(&frames, copy, n, &limits);
  test_free(copy);
  return frames.verdict;
}

static enum frames_verdict look(void) {
  return look_at(bytes.len);
}

static struct str answer(void) {
  return str_make((const char *)frames.answer, frames.answer_bytes);
}

static void assert_ended(uint16_t id, int protocol_status) {
  int ended;
  struct buf out;
  buf_init(&out, 100);
  answer_read(answer(), id, &out, &ended);
  assert_int_equal(ended, protocol_status);
  buf_done(&out);
}

static void packing_leaves_only_what_libfcgi_reads_right(void **state) {
  struct buf packed;
  struct frames again;
  (void)state;
  buf_init(&packed, 65536);
  pairs_add_get(&pairs, "/");
  record_add(&bytes, BEGIN, 1, STR("\0\1\1\0\0\0\0\0"), 9);
  record_add(&bytes, GET_VALUES, 0, STR(""), 0);
  record_add(&bytes, PARAMS, 2, STR(""), 0);
  record_add(&bytes, PARAMS, 1, buf_str(&pairs), 3);
  record_add(&bytes, PARAMS, 1, STR(""), 7);
  record_add(&bytes, PARAMS, 1, STR(""), 0);
  record_add(&bytes, 200, 1, STR("x"), 0);
  record_add(&bytes, STDIN, 1, STR("body"), 4);
  record_add(&bytes, STDIN, 1, STR(""), 255);
  while (look() == FRAMES_ANSWER) continue;
  assert_int_equal(frames.verdict, FRAMES_REQUEST);
  request_add(&packed, 1, KEEP, buf_str(&pairs), STR("body"));
  assert_int_equal(frames_pack(&frames, (uint8_t *)bytes.data), packed.len);
  assert_memory_equal(bytes.data, packed.data, packed.len);
  frames_start(&again);
  frames_look(&again, (const uint8_t *)packed.data, packed.len, &limits);
  assert_true(again.is_packed);
  buf_done(&packed);
}

static void look_busy(void) {
  frames_look_busy(&frames, (const uint8_t *)bytes.data, bytes.len, 1);
}

static void F13_an_abort_while_busy_is_seen(void **state) {
  (void)state;
  record_add(&bytes, ABORT, 1, STR(""), 8);
  look_busy();
  assert_int_equal(frames.verdict, FRAMES_ANSWER);
  assert_int_equal(frames.why, FRAMES_ABORTED);
  assert_int_equal(frames.size_bytes, bytes.len);
  assert_ended(1, 0);
}

static void F12_another_begin_while_busy_is_refused_politely(void **state) {
  (void)state;
  record_begin(&bytes, 2, RESPONDER, KEEP);
  look_busy();
  assert_int_equal(frames.verdict, FRAMES_ANSWER);
  assert_ended(2, 1);
}

static void the_next_request_with_the_same_id_waits_while_busy(void **state) {
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  look_busy();
  assert_int_equal(frames.verdict, FRAMES_MORE);
}

static void F16_more_body_than_promised_is_dropped_while_busy(void **state) {
  (void)state;
  record_add(&bytes, STDIN, 1, STR("more"), 0);
  look_busy();
  assert_int_equal(frames.verdict, FRAMES_ANSWER);
  assert_int_equal(frames.why, FRAMES_STRAY);
  assert_int_equal(frames.answer_bytes, 0);
}

static void rubbish_while_busy_is_refused(void **state) {
  (void)state;
  buf_add_text(&bytes, "GET /");
  look_busy();
  assert_int_equal(frames.verdict, FRAMES_REFUSE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(packing_leaves_only_what_libfcgi_reads_right),      TEST(F13_an_abort_while_busy_is_seen),
      TEST(F12_another_begin_while_busy_is_refused_politely),  TEST(the_next_request_with_the_same_id_waits_while_busy),
      TEST(F16_more_body_than_promised_is_dropped_while_busy), TEST(rubbish_while_busy_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
