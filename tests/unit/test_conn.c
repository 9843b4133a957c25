/* SPDX-License-Identifier: Apache-2.0
 * test_conn: one connection at a time, in every temper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peers.h"

/* --- usual life ------------------------------------------------------------------------------------------------------------ */

static void a_connection_is_kept_when_asked_for(void **state) {
  int fd = dial();
  (void)state;
  for (uint16_t i = 1; i <= 50; i++) {
    say_request(fd, i, KEEP);
    assert_open(fd);
    assert_int_equal(count_ended(i), 1);
  }
  assert_int_equal(handled_count, 50);
  assert_int_equal(reactor_connections_count(reactor), 1);
  close(fd);
  turn();
  assert_int_equal(reactor_connections_count(reactor), 0);
}

static void a_connection_is_closed_when_asked_for(void **state) {
  int fd = dial();
  (void)state;
  say_request(fd, 1, CLOSE);
  assert_closed(fd);
  assert_int_equal(count_ended(1), 1);
  close(fd);
}

static void a_body_is_read_to_its_end(void **state) {
  int ended, fd = dial();
  struct buf out;
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), STR("a body"));
  say(fd, buf_str(&request));
  assert_open(fd);
  buf_init(&out, 1000);
  answer_read(buf_str(&answer), 1, &out, &ended);
  assert_string_equal(buf_text(&out), REPLY "a body");
  buf_done(&out);
  close(fd);
}

static void F19_a_request_in_two_parts_is_answered_the_same(void **state) {
  struct buf whole;
  (void)state;
  buf_init(&whole, 10000);
  request_add(&whole, 1, CLOSE, buf_str(&pairs), STR("x"));
  for (size_t cut = 1; cut < whole.len; cut++) {
    int fd = dial();
    buf_clear(&answer);
    say(fd, str_make(whole.data, cut));
    assert_int_equal(answer.len, 0);
    say(fd, str_from(buf_str(&whole), cut));
    assert_closed(fd);
    assert_int_equal(count_ended(1), 1);
    close(fd);
  }
  buf_done(&whole);
}

static void F19_a_request_sent_byte_by_byte_is_answered(void **state) {
  int fd = dial();
  (void)state;
  for (int i = 0; i < 40; i++) pair_add(&pairs, STR("HTTP_X_FILLER"), STR("nothing that anybody would ever want to read"));
  request_add(&request, 1, KEEP, buf_str(&pairs), STR("x"));
  for (size_t i = 0; i < request.len; i++) {
    assert_int_equal(send(fd, request.data + i, 1, MSG_NOSIGNAL | MSG_DONTWAIT), 1);
    loop_turn(loop, 0);
  }
  assert_open(fd);
  assert_int_equal(count_ended(1), 1);
  close(fd);
}

static void requests_that_arrive_together_are_answered_in_turn(void **state) {
  int fd = dial();
  (void)state;
  for (int i = 0; i < 100; i++) request_add(&request, 1, KEEP, buf_str(&pairs), STR_NONE);
  say(fd, buf_str(&request));
  assert_open(fd);
  assert_int_equal(count_ended(1), 100);
  close(fd);
}

/* --- while a request is answered elsewhere --------------------------------------------------------------------------------- */

static void *reply_elsewhere(void *arg) {
  char body[] = "from another thread";
  fcgi_reply(arg, STR(REPLY), STR(body));
  memset(body, 0, sizeof body);
  return NULL;
}

static void a_reply_may_come_from_another_thread(void **state) {
  int ended, fd = dial();
  pthread_t thread;
  struct buf out;
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  assert_int_equal(pthread_create(&thread, NULL, reply_elsewhere, waiting[--waiting_count]), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_open(fd);
  buf_init(&out, 1000);
  answer_read(buf_str(&answer), 1, &out, &ended);
  assert_string_equal(buf_text(&out), REPLY "from another thread");
  assert_int_equal(reactor_requests_count(reactor), 0);
  buf_done(&out);
  close(fd);
}

static void F13_an_abort_is_answered_at_once_and_the_connection_goes_on(void **state) {
  int fd = dial();
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  assert_false(fcgi_is_gone(waiting[0]));
  buf_clear(&request);
  record_add(&request, ABORT, 1, STR(""), 0);
  say(fd, buf_str(&request));
  assert_open(fd);
  assert_true(fcgi_is_gone(waiting[0]));
  assert_int_equal(count_ended(1), 1);
  answers_at_once = true;
  say_request(fd, 2, KEEP);
  assert_open(fd);
  assert_int_equal(count_ended(2), 1);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_open(fd);
  assert_int_equal(count_ended(1), 1);
  assert_int_equal(reactor_requests_count(reactor), 0);
  close(fd);
}

static void an_abort_right_behind_a_request_keeps_it_from_the_handler(void **state) {
  int fd = dial();
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), STR_NONE);
  record_add(&request, ABORT, 1, STR(""), 0);
  say(fd, buf_str(&request));
  assert_open(fd);
  assert_int_equal(handled_count, 0);
  assert_int_equal(count_ended(1), 1);
  assert_int_equal(reactor_requests_count(reactor), 0);
  close(fd);
}

static void C06_a_peer_that_leaves_is_noticed_and_its_reply_thrown_away(void **state) {
  int fd = dial();
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  close(fd);
  turn();
  assert_true(fcgi_is_gone(waiting[0]));
  assert_int_equal(reactor_connections_count(reactor), 0);
  assert_int_equal(reactor_requests_count(reactor), 1);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_int_equal(reactor_requests_count(reactor), 0);
  assert_serves();
}

static void F12_a_second_request_is_refused_and_the_first_unharmed(void **state) {
  int ended, fd = dial();
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  say_request(fd, 2, KEEP);
  assert_open(fd);
  answer_read(buf_str(&answer), 2, &request, &ended);
  assert_int_equal(ended, 1);
  assert_int_equal(handled_count, 1);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_open(fd);
  assert_int_equal(count_ended(1), 1);
  answers_at_once = true;
  say_request(fd, 3, KEEP);
  assert_open(fd);
  assert_int_equal(count_ended(3), 1);
  close(fd);
}

static void F12_also_when_both_arrive_together(void **state) {
  int ended, fd = dial();
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), STR_NONE);
  record_begin(&request, 2, RESPONDER, KEEP);
  say(fd, buf_str(&request));
  assert_open(fd);
  answer_read(buf_str(&answer), 2, &request, &ended);
  assert_int_equal(ended, 1);
  assert_int_equal(count_ended(1), 1);
  close(fd);
}

static void the_next_request_with_the_same_id_waits_for_the_first(void **state) {
  int fd = dial();
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  say_request(fd, 1, KEEP);
  assert_int_equal(handled_count, 1);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  turn();
  assert_int_equal(handled_count, 2);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_open(fd);
  assert_int_equal(count_ended(1), 2);
  close(fd);
}

static void a_flood_behind_a_request_is_neither_read_nor_kept(void **state) {
  static char flood[65535];
  int fd = dial();
  size_t sent = 0;
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  say_request(fd, 1, KEEP);
  buf_clear(&request);
  record_add(&request, STDIN, 1, str_make(flood, sizeof flood), 0);
  for (int i = 0; i < 200; i++) {
    ssize_t n = send(fd, request.data, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += (size_t)n;
    turn();
  }
  assert_true(sent < (size_t)1 << 20);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  close(fd);
  turn();
  assert_int_equal(reactor_connections_count(reactor), 0);
}

static void F16_more_body_than_promised_does_not_reach_the_next_request(void **state) {
  int fd = dial();
  (void)state;
  say_request(fd, 1, KEEP);
  buf_clear(&request);
  record_add(&request, STDIN, 1, STR("more"), 0);
  record_add(&request, STDIN, 1, STR(""), 0);
  say(fd, buf_str(&request));
  say_request(fd, 1, KEEP);
  assert_open(fd);
  assert_int_equal(count_ended(1), 2);
  close(fd);
}

/* --- peers that misbehave -------------------------------------------------------------------------------------------------- */

static void F09_a_flood_of_management_records_is_cut_off(void **state) {
  int fd = dial();
  (void)state;
  for (int i = 0; i < 10000; i++) record_add(&request, (uint8_t)(i % 2 ? 0 : 77), 0, STR(""), 0);
  (void)!send(fd, request.data, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
  assert_closed(fd);
  assert_in_range(records_count(buf_str(&answer), UNKNOWN, 0), 1, 64);
  close(fd);
  assert_serves();
}

static void F09_some_management_records_between_requests_are_answered(void **state) {
  int fd = dial();
  (void)state;
  for (uint16_t i = 1; i <= 20; i++) {
    buf_clear(&request);
    for (int k = 0; k < 16; k++) record_add(&request, GET_VALUES, 0, STR(""), 0);
    say(fd, buf_str(&request));
    say_request(fd, i, KEEP);
    assert_open(fd);
  }
  assert_int_equal(records_count(buf_str(&answer), VALUES, 0), 320);
  assert_int_equal(records_count(buf_str(&answer), END, -1), 20);
  close(fd);
}

static void F06_parameters_without_end_are_cut_off(void **state) {
  static char much[65528];
  int fd = dial();
  size_t sent = 0;
  bool is_closed = false;
  (void)state;
  record_begin(&request, 1, RESPONDER, KEEP);
  say(fd, buf_str(&request));
  buf_clear(&request);
  record_add(&request, PARAMS, 1, str_make(much, sizeof much), 0);
  for (int i = 0; i < 1000 && !is_closed; i++) {
    ssize_t n = send(fd, request.data, request.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    is_closed = n < 0 && errno == EPIPE;
    if (n > 0) sent += (size_t)n;
    turn();
  }
  assert_true(is_closed);
  assert_true(sent < (size_t)1 << 20);
  close(fd);
  assert_serves();
}

static void F10_rubbish_closes_the_connection(void **state) {
  int fd = dial();
  (void)state;
  say(fd, STR("GET / HTTP/1.1\r\n\r\n"));
  assert_closed(fd);
  assert_int_equal(answer.len, 0);
  close(fd);
  assert_serves();
}

static void F11_another_role_is_refused_and_a_responder_served_behind_it(void **state) {
  int ended, fd = dial();
  (void)state;
  record_begin(&request, 1, AUTHORIZER, KEEP);
  record_add(&request, PARAMS, 1, buf_str(&pairs), 0);
  record_add(&request, PARAMS, 1, STR(""), 0);
  record_add(&request, STDIN, 1, STR(""), 0);
  say(fd, buf_str(&request));
  assert_open(fd);
  answer_read(buf_str(&answer), 1, &request, &ended);
  assert_int_equal(ended, 3);
  assert_int_equal(handled_count, 0);
  say_request(fd, 2, KEEP);
  assert_open(fd);
  assert_int_equal(count_ended(2), 1);
  close(fd);
}

static void F14_a_body_cut_short_is_answered_400_without_a_wait(void **state) {
  int ended, fd = dial();
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), STR("abc"));
  request.len -= 8;
  say(fd, buf_str(&request));
  shutdown(fd, SHUT_WR);
  assert_closed(fd);
  buf_clear(&request);
  answer_read(buf_str(&answer), 1, &request, &ended);
  assert_string_equal(buf_text(&request), "Status: 400 Bad Request\r\n\r\n");
  assert_int_equal(handled_count, 0);
  close(fd);
}

static void a_peer_that_only_listens_on_still_gets_its_answer(void **state) {
  int fd = dial();
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  shutdown(fd, SHUT_WR);
  assert_open(fd);
  assert_false(fcgi_is_gone(waiting[0]));
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_closed(fd);
  assert_int_equal(count_ended(1), 1);
  close(fd);
}

static void a_body_above_the_limit_is_answered_413_and_read_away(void **state) {
  static char half[32768];
  int ended, fd = dial();
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), STR_NONE);
  request.len -= 8;
  say(fd, buf_str(&request));
  buf_clear(&request);
  record_add(&request, STDIN, 1, str_make(half, sizeof half), 0);
  for (int i = 0; i < 20; i++) say(fd, buf_str(&request));
  assert_closed(fd);
  buf_clear(&request);
  answer_read(buf_str(&answer), 1, &request, &ended);
  assert_string_equal(buf_text(&request), "Status: 413 Too Large\r\n\r\n");
  assert_int_equal(reactor_connections_count(reactor), 1);
  wait_ms(2000);
  assert_int_equal(reactor_connections_count(reactor), 0);
  close(fd);
}

static void a_peer_that_never_reads_is_closed(void **state) {
  static char body[60000];
  int fd = dial();
  bool is_closed = false;
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), str_make(body, sizeof body));
  for (int i = 0; i < 50 && !is_closed; i++) {
    is_closed = send(fd, request.data, request.len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EPIPE;
    turn();
  }
  assert_true(is_closed);
  close(fd);
  assert_serves();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peers_start, peers_finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_connection_is_kept_when_asked_for),
      TEST(a_connection_is_closed_when_asked_for),
      TEST(a_body_is_read_to_its_end),
      TEST(F19_a_request_in_two_parts_is_answered_the_same),
      TEST(F19_a_request_sent_byte_by_byte_is_answered),
      TEST(requests_that_arrive_together_are_answered_in_turn),
      TEST(a_reply_may_come_from_another_thread),
      TEST(F13_an_abort_is_answered_at_once_and_the_connection_goes_on),
      TEST(an_abort_right_behind_a_request_keeps_it_from_the_handler),
      TEST(C06_a_peer_that_leaves_is_noticed_and_its_reply_thrown_away),
      TEST(F12_a_second_request_is_refused_and_the_first_unharmed),
      TEST(F12_also_when_both_arrive_together),
      TEST(the_next_request_with_the_same_id_waits_for_the_first),
      TEST(a_flood_behind_a_request_is_neither_read_nor_kept),
      TEST(F16_more_body_than_promised_does_not_reach_the_next_request),
      TEST(F09_a_flood_of_management_records_is_cut_off),
      TEST(F09_some_management_records_between_requests_are_answered),
      TEST(F06_parameters_without_end_are_cut_off),
      TEST(F10_rubbish_closes_the_connection),
      TEST(F11_another_role_is_refused_and_a_responder_served_behind_it),
      TEST(F14_a_body_cut_short_is_answered_400_without_a_wait),
      TEST(a_peer_that_only_listens_on_still_gets_its_answer),
      TEST(a_body_above_the_limit_is_answered_413_and_read_away),
      TEST(a_peer_that_never_reads_is_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
