/* SPDX-License-Identifier: Apache-2.0
 * test_frames: which bytes are a request, which are answered, which end the connection. */
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

static void assert_refused(enum frames_why why) {
  assert_int_equal(look(), FRAMES_REFUSE);
  assert_string_equal(frames_why_word(frames.why), frames_why_word(why));
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

static void add_get(uint8_t flags) {
  pairs_add_get(&pairs, "/weixin/auth");
  request_add(&bytes, 1, flags, buf_str(&pairs), STR_NONE);
}

static void a_whole_request_is_one(void **state) {
  (void)state;
  add_get(KEEP);
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.size_bytes, bytes.len);
  assert_int_equal(frames.params_count, 4);
  assert_int_equal(frames.request_id, 1);
  assert_true(frames.keep_connection);
  assert_true(frames.is_packed);
  assert_false(frames.is_odd);
}

static void the_next_request_is_left_alone(void **state) {
  (void)state;
  add_get(CLOSE);
  size_t first = bytes.len;
  add_get(KEEP);
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.size_bytes, first);
  assert_false(frames.keep_connection);
}

static void F19_a_request_cut_anywhere_is_waited_for_and_then_the_same(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/weixin/session");
  request_add(&bytes, 1, KEEP, buf_str(&pairs), STR("code=1&state=2"));
  for (size_t cut = 0; cut < bytes.len; cut++) {
    frames_start(&frames);
    assert_int_equal(look_at(cut), FRAMES_MORE);
    assert_int_equal(look(), FRAMES_REQUEST);
    assert_int_equal(frames.size_bytes, bytes.len);
    assert_int_equal(frames.params_count, 4);
  }
}

static void F19_one_byte_at_a_time_is_the_same(void **state) {
  (void)state;
  add_get(KEEP);
  for (size_t n = 0; n < bytes.len; n++) assert_int_equal(look_at(n), FRAMES_MORE);
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.params_count, 4);
}

static void pairs_may_be_spread_over_records_in_any_way(void **state) {
  (void)state;
  pair_add(&pairs, STR("NAME"), STR("value"));
  pair_add(&pairs, STR("LONG"), str_make("x", 1));
  for (size_t piece = 1; piece < pairs.len; piece++) {
    buf_clear(&bytes);
    frames_start(&frames);
    record_begin(&bytes, 7, RESPONDER, KEEP);
    for (size_t at = 0; at < pairs.len; at += piece)
      record_add(&bytes, PARAMS, 7, str_make(pairs.data + at, pairs.len - at < piece ? pairs.len - at : piece), (uint8_t)piece);
    record_add(&bytes, PARAMS, 7, STR_NONE, 0);
    record_add(&bytes, STDIN, 7, STR_NONE, 0);
    assert_int_equal(look(), FRAMES_REQUEST);
    assert_int_equal(frames.params_count, 2);
  }
}

static void F05_lengths_beyond_the_limit_are_refused(void **state) {
  static const uint8_t lengths[][8] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                       {0x80, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00},
                                       {0x00, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00},
                                       {0xff, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x01}};
  (void)state;
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    buf_clear(&bytes);
    frames_start(&frames);
    record_begin(&bytes, 1, RESPONDER, KEEP);
    record_add(&bytes, PARAMS, 1, str_make((const char *)lengths[i], 8), 0);
    assert_refused(FRAMES_BAD_PARAMS);
  }
}

static void F05_a_stream_that_ends_inside_a_pair_is_refused(void **state) {
  (void)state;
  pair_add(&pairs, STR("NAME"), STR("value"));
  for (size_t cut = 1; cut < pairs.len; cut++) {
    buf_clear(&bytes);
    frames_start(&frames);
    request_add(&bytes, 1, KEEP, str_make(pairs.data, cut), STR_NONE);
    assert_refused(FRAMES_BAD_PARAMS);
  }
}

static void F06_parameters_without_end_are_refused_at_the_limit(void **state) {
  static const char much[32768];
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  pair_add(&pairs, STR("A"), str_make(much, sizeof much));
  for (int i = 0; i < 2; i++) record_add(&bytes, PARAMS, 1, buf_str(&pairs), 0);
  assert_refused(FRAMES_TOO_LONG);
}

static void F07_the_257th_parameter_is_refused(void **state) {
  (void)state;
  for (int i = 0; i < 256; i++) pair_add(&pairs, STR("A"), STR(""));
  request_add(&bytes, 1, KEEP, buf_str(&pairs), STR_NONE);
  assert_int_equal(look(), FRAMES_REQUEST);
  buf_clear(&bytes);
  frames_start(&frames);
  pair_add(&pairs, STR("A"), STR(""));
  request_add(&bytes, 1, KEEP, buf_str(&pairs), STR_NONE);
  assert_refused(FRAMES_TOO_MANY);
}

static void assert_odd(struct str name, struct str value, bool is_odd) {
  buf_clear(&bytes);
  buf_clear(&pairs);
  frames_start(&frames);
  pair_add(&pairs, name, value);
  request_add(&bytes, 1, KEEP, buf_str(&pairs), STR_NONE);
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.is_odd, is_odd);
}

static void F07_F22_what_libfcgi_would_blur_is_marked(void **state) {
  (void)state;
  assert_odd(STR(""), STR("x"), true);
  assert_odd(STR("A"), STR("x\0y"), true);
  assert_odd(STR("A\0B"), STR("x"), true);
  assert_odd(STR("A=B"), STR("x"), true);
  assert_odd(STR("A"), STR("x=y"), false);
  assert_odd(STR("A"), STR(""), false);
}

static void F09_unknown_management_records_are_told_so(void **state) {
  static const uint8_t types[] = {0, 12, 99, 255};
  (void)state;
  for (size_t i = 0; i < sizeof types; i++) {
    buf_clear(&bytes);
    record_add(&bytes, types[i], 0, STR("whatever"), 3);
    assert_int_equal(look(), FRAMES_ANSWER);
    assert_int_equal(frames.size_bytes, bytes.len);
    assert_int_equal(records_count(answer(), UNKNOWN, 0), 1);
    assert_int_equal(frames.answer[8], types[i]);
  }
}

static void get_values_tells_that_connections_are_not_shared(void **state) {
  (void)state;
  pair_add(&pairs, STR("FCGI_MAX_CONNS"), STR(""));
  pair_add(&pairs, STR("FCGI_MPXS_CONNS"), STR(""));
  pair_add(&pairs, STR("FCGI_MPXS_CONNS"), STR(""));
  record_add(&bytes, GET_VALUES, 0, buf_str(&pairs), 0);
  assert_int_equal(look(), FRAMES_ANSWER);
  assert_int_equal(records_count(answer(), VALUES, 0), 1);
  assert_memory_equal(frames.answer + 8,
                      "\x0f\x01"
                      "FCGI_MPXS_CONNS0",
                      18);
  assert_int_equal(frames.answer_bytes % 8, 0);
}

static void get_values_that_do_not_add_up_are_refused(void **state) {
  (void)state;
  record_add(&bytes, GET_VALUES, 0, STR("\xff\xff\xff\xff\xff\xff\xff\xff"), 0);
  assert_refused(FRAMES_BAD_PARAMS);
}

static void F10_other_versions_are_refused_at_their_first_byte(void **state) {
  static const char versions[] = {0, 2, (char)255};
  (void)state;
  for (size_t i = 0; i < sizeof versions; i++) {
    buf_clear(&bytes);
    frames_start(&frames);
    buf_add_char(&bytes, versions[i]);
    assert_refused(FRAMES_BAD_VERSION);
  }
}

static void F10_a_malformed_begin_is_refused(void **state) {
  (void)state;
  record_begin(&bytes, 0, RESPONDER, KEEP);
  assert_refused(FRAMES_BAD_BEGIN);
  for (size_t n = 0; n < 16; n++) {
    if (n == 8) continue;
    buf_clear(&bytes);
    frames_start(&frames);
    record_add(&bytes, BEGIN, 1, str_make("\0\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0", n), 0);
    assert_refused(FRAMES_BAD_BEGIN);
  }
}

static void a_second_begin_with_the_same_id_is_refused(void **state) {
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  record_begin(&bytes, 1, RESPONDER, KEEP);
  assert_refused(FRAMES_BAD_BEGIN);
}

static void F11_other_roles_are_told_so(void **state) {
  static const uint16_t roles[] = {0, AUTHORIZER, FILTER, 9, 0x0101};
  (void)state;
  for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
    buf_clear(&bytes);
    frames_start(&frames);
    record_begin(&bytes, 5, roles[i], i % 2 ? KEEP : CLOSE);
    assert_int_equal(look(), FRAMES_ANSWER);
    assert_ended(5, 3);
    assert_int_equal(frames.size_bytes, bytes.len);
    assert_int_equal(frames.then_close, i % 2 == 0);
  }
}

static void F12_a_second_request_is_refused_and_the_first_unharmed(void **state) {
  (void)state;
  pairs_add_get(&pairs, "/");
  record_begin(&bytes, 1, RESPONDER, KEEP);
  record_begin(&bytes, 2, RESPONDER, KEEP);
  record_add(&bytes, PARAMS, 1, buf_str(&pairs), 0);
  record_add(&bytes, PARAMS, 2, STR(""), 0);
  record_add(&bytes, PARAMS, 1, STR(""), 0);
  record_add(&bytes, STDIN, 2, STR("other"), 5);
  record_add(&bytes, STDIN, 1, STR(""), 0);
  assert_int_equal(look(), FRAMES_ANSWER);
  assert_ended(2, 1);
  assert_int_equal(frames.size_bytes, 0);
  for (int strays = 0; strays < 2; strays++) {
    assert_int_equal(look(), FRAMES_ANSWER);
    assert_int_equal(frames.why, FRAMES_STRAY);
    assert_int_equal(frames.answer_bytes, 0);
  }
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.size_bytes, bytes.len);
  assert_int_equal(frames.request_id, 1);
  assert_false(frames.is_packed);
}

static void F13_an_abort_before_the_end_is_answered_and_everything_dropped(void **state) {
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  record_add(&bytes, PARAMS, 1, STR("\1\1A="), 0);
  record_add(&bytes, ABORT, 1, STR(""), 0);
  assert_int_equal(look(), FRAMES_ANSWER);
  assert_int_equal(frames.why, FRAMES_ABORTED);
  assert_int_equal(frames.size_bytes, bytes.len);
  assert_false(frames.then_close);
  assert_ended(1, 0);
  buf_clear(&bytes);
  add_get(KEEP);
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.params_count, 4);
}

static void F13_an_abort_in_the_body_closes_what_was_not_to_be_kept(void **state) {
  (void)state;
  request_add(&bytes, 1, CLOSE, STR_NONE, STR("half"));
  bytes.len -= 8;
  record_add(&bytes, ABORT, 1, STR(""), 0);
  assert_int_equal(look(), FRAMES_ANSWER);
  assert_true(frames.then_close);
  assert_ended(1, 0);
}

static void F18_the_largest_record_with_padding_is_read_right(void **state) {
  static char value[65535 - 8]; /* lengths of 1 and 4 bytes, a name of 3 */
  (void)state;
  memset(value, 'v', sizeof value);
  record_begin(&bytes, 1, RESPONDER, KEEP);
  pair_add(&pairs, STR("BIG"), str_make(value, sizeof value));
  assert_int_equal(pairs.len, 65535);
  record_add(&bytes, PARAMS, 1, buf_str(&pairs), 255);
  record_add(&bytes, PARAMS, 1, STR(""), 255);
  buf_clear(&pairs);
  for (int i = 0; i < 65535; i++) buf_add_char(&pairs, 'b');
  record_add(&bytes, STDIN, 1, buf_str(&pairs), 255);
  record_add(&bytes, STDIN, 1, STR(""), 255);
  assert_int_equal(look(), FRAMES_REQUEST);
  assert_int_equal(frames.size_bytes, bytes.len);
  assert_false(frames.is_packed);
}

static void streams_out_of_order_are_refused(void **state) {
  static const uint8_t types[] = {STDIN, DATA, STDOUT, STDERR, END};
  (void)state;
  for (size_t i = 0; i < sizeof types; i++) {
    buf_clear(&bytes);
    frames_start(&frames);
    record_begin(&bytes, 1, RESPONDER, KEEP);
    record_add(&bytes, types[i], 1, STR("x"), 0);
    assert_refused(FRAMES_BAD_ORDER);
  }
}

static void parameters_behind_their_end_are_refused_but_an_empty_record_is_not(void **state) {
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  record_add(&bytes, PARAMS, 1, STR(""), 0);
  record_add(&bytes, PARAMS, 1, STR(""), 0);
  assert_int_equal(look(), FRAMES_MORE);
  record_add(&bytes, PARAMS, 1, STR("\1\0A"), 0);
  assert_refused(FRAMES_BAD_ORDER);
}

static void a_body_above_the_limit_is_answered_413(void **state) {
  static const char half[32768];
  int ended;
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  record_add(&bytes, PARAMS, 1, STR(""), 0);
  for (int i = 0; i < 3; i++) record_add(&bytes, STDIN, 1, str_make(half, sizeof half), 0);
  assert_int_equal(look(), FRAMES_ANSWER);
  assert_true(frames.then_close);
  answer_read(answer(), 1, &pairs, &ended);
  assert_string_equal(buf_text(&pairs), "Status: 413 Too Large\r\n\r\n");
  assert_int_equal(ended, 0);
}

static void F14_a_body_cut_short_is_answered_400(void **state) {
  int ended;
  (void)state;
  request_add(&bytes, 1, KEEP, STR("\1\0A"), STR("abc"));
  bytes.len -= 8;
  assert_int_equal(look(), FRAMES_MORE);
  frames_end(&frames);
  assert_int_equal(frames.verdict, FRAMES_ANSWER);
  answer_read(answer(), 1, &pairs, &ended);
  assert_string_equal(buf_text(&pairs), "Status: 400 Bad Request\r\n\r\n");
  assert_int_equal(ended, 0);
}

static void parameters_cut_short_are_not_answered(void **state) {
  (void)state;
  record_begin(&bytes, 1, RESPONDER, KEEP);
  assert_int_equal(look(), FRAMES_MORE);
  frames_end(&frames);
  assert_int_equal(frames.verdict, FRAMES_REFUSE);
}

static void a_record_longer_than_a_request_may_be_is_refused_from_its_header(void **state) {
  (void)state;
  const struct frames_limits small = {100, 100, 10, 100};
  record_begin(&bytes, 1, RESPONDER, KEEP);
  buf_add(&bytes, "\1\4\0\1\0\x60\0\0", 8);
  frames_look(&frames, (const uint8_t *)bytes.data, bytes.len, &small);
  assert_int_equal(frames.verdict, FRAMES_REFUSE);
  assert_int_equal(frames.why, FRAMES_TOO_LONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_whole_request_is_one),
      TEST(the_next_request_is_left_alone),
      TEST(F19_a_request_cut_anywhere_is_waited_for_and_then_the_same),
      TEST(F19_one_byte_at_a_time_is_the_same),
      TEST(pairs_may_be_spread_over_records_in_any_way),
      TEST(F05_lengths_beyond_the_limit_are_refused),
      TEST(F05_a_stream_that_ends_inside_a_pair_is_refused),
      TEST(F06_parameters_without_end_are_refused_at_the_limit),
      TEST(F07_the_257th_parameter_is_refused),
      TEST(F07_F22_what_libfcgi_would_blur_is_marked),
      TEST(F09_unknown_management_records_are_told_so),
      TEST(get_values_tells_that_connections_are_not_shared),
      TEST(get_values_that_do_not_add_up_are_refused),
      TEST(F10_other_versions_are_refused_at_their_first_byte),
      TEST(F10_a_malformed_begin_is_refused),
      TEST(a_second_begin_with_the_same_id_is_refused),
      TEST(F11_other_roles_are_told_so),
      TEST(F12_a_second_request_is_refused_and_the_first_unharmed),
      TEST(F13_an_abort_before_the_end_is_answered_and_everything_dropped),
      TEST(F13_an_abort_in_the_body_closes_what_was_not_to_be_kept),
      TEST(F18_the_largest_record_with_padding_is_read_right),
      TEST(streams_out_of_order_are_refused),
      TEST(parameters_behind_their_end_are_refused_but_an_empty_record_is_not),
      TEST(a_body_above_the_limit_is_answered_413),
      TEST(F14_a_body_cut_short_is_answered_400),
      TEST(parameters_cut_short_are_not_answered),
      TEST(a_record_longer_than_a_request_may_be_is_refused_from_its_header),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
