/* SPDX-License-Identifier: Apache-2.0
 * test_reactor: many connections, deadlines, limits, and leaving without losing a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peers.h"

static void TCP_serves_too(void **state) {
  (void)state;
  listen_on_tcp();
  start_reactor();
  int fd = dial();
  for (uint16_t i = 1; i <= 3; i++) {
    say_request(fd, i, KEEP);
    assert_open(fd);
    assert_int_equal(count_ended(i), 1);
  }
  close(fd);
}

/* --- deadlines ------------------------------------------------------------------------------------------------------------- */

static void F01_a_silent_connection_is_closed_at_the_head_deadline(void **state) {
  int fd = dial();
  (void)state;
  wait_ms(HEAD_DEADLINE_MS - 1);
  assert_open(fd);
  assert_serves();
  wait_ms(1);
  assert_closed(fd);
  close(fd);
}

static void F03_a_request_that_crawls_is_closed_at_the_head_deadline(void **state) {
  int fd = dial();
  (void)state;
  request_add(&request, 1, KEEP, buf_str(&pairs), STR_NONE);
  for (int i = 0; i < 5; i++) {
    say(fd, str_make(request.data + i, 1));
    assert_open(fd);
    wait_ms(999);
  }
  wait_ms(10);
  assert_closed(fd);
  assert_int_equal(handled_count, 0);
  close(fd);
}

static void a_kept_connection_outlives_the_head_deadline_but_not_the_idle_one(void **state) {
  int fd = dial();
  (void)state;
  say_request(fd, 1, KEEP);
  wait_ms(HEAD_DEADLINE_MS * 10);
  assert_open(fd);
  say_request(fd, 1, KEEP);
  wait_ms(IDLE_DEADLINE_MS - 1);
  assert_open(fd);
  wait_ms(1);
  assert_closed(fd);
  close(fd);
}

static void a_request_being_answered_has_no_deadline_here(void **state) {
  int fd = dial();
  (void)state;
  answers_at_once = false;
  say_request(fd, 1, KEEP);
  wait_ms(IDLE_DEADLINE_MS * 2);
  assert_open(fd);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_open(fd);
  assert_int_equal(count_ended(1), 1);
  close(fd);
}

/* --- how many -------------------------------------------------------------------------------------------------------------- */

static void F04_the_longest_idle_connection_makes_room(void **state) {
  int fds[65];
  (void)state;
  for (int i = 0; i < 64; i++) {
    fds[i] = dial();
    say_request(fds[i], 1, KEEP);
    wait_ms(1);
  }
  say_request(fds[0], 1, KEEP);
  assert_open(fds[0]);
  buf_clear(&answer);
  fds[64] = dial();
  say_request(fds[64], 9, KEEP);
  assert_open(fds[64]);
  assert_int_equal(count_ended(9), 1);
  assert_open(fds[0]);
  assert_closed(fds[1]);
  for (int i = 0; i < 65; i++) close(fds[i]);
}

static void connections_beyond_the_limit_wait_until_one_closes(void **state) {
  int fds[64], late;
  (void)state;
  for (int i = 0; i < 64; i++) fds[i] = dial();
  turn();
  turn();
  assert_int_equal(reactor_connections_count(reactor), 64);
  late = dial();
  say_request(late, 1, CLOSE);
  assert_open(late);
  assert_int_equal(handled_count, 0);
  close(fds[5]);
  assert_closed(late);
  assert_int_equal(count_ended(1), 1);
  for (int i = 0; i < 64; i++)
    if (i != 5) close(fds[i]);
  close(late);
}

static void F27_descriptors_above_1024_work(void **state) {
  enum { MANY = 1100 };
  static int fds[MANY];
  struct rlimit limit;
  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  if (limit.rlim_max < 3 * MANY) skip();
  limit.rlim_cur = 3 * MANY < limit.rlim_cur ? limit.rlim_cur : 3 * MANY;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  settings.connections_max = 2 * MANY;
  start_reactor();
  for (int i = 0; i < MANY; i++) {
    fds[i] = dial();
    turn();
  }
  buf_clear(&answer);
  for (int i = 0; i < MANY; i++) {
    say_request(fds[i], 1, KEEP);
    assert_open(fds[i]);
  }
  assert_int_equal(handled_count, MANY);
  for (int i = 0; i < MANY; i++) close(fds[i]);
}

static void F33_other_users_are_refused_where_a_list_is_set(void **state) {
  uint32_t uids[2] = {(uint32_t)getuid() + 1, (uint32_t)getuid() + 2};
  (void)state;
  settings.allowed_uids = uids;
  settings.allowed_uids_count = 2;
  start_reactor();
  int fd = dial();
  assert_closed(fd);
  close(fd);
  uids[1] = (uint32_t)getuid();
  assert_serves();
}

static void a_descriptor_that_does_not_listen_is_refused(void **state) {
  struct err err;
  (void)state;
  listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(reactor_new(loop, listen_fd, &settings, handle_request, NULL, &reactor, &err), -1);
  assert_non_null(strstr(err.text, "not a listening socket"));
}

/* --- leaving --------------------------------------------------------------------------------------------------------------- */

static bool is_drained;

static void note_drained(void *arg) {
  assert_ptr_equal(arg, &is_drained);
  is_drained = true;
}

static void draining_without_connections_ends_at_once(void **state) {
  (void)state;
  is_drained = false;
  reactor_drain(reactor, note_drained, &is_drained);
  assert_false(is_drained);
  turn();
  assert_true(is_drained);
}

static void draining_closes_idle_connections_and_waits_for_answers(void **state) {
  int idle = dial(), busy = dial();
  (void)state;
  say_request(idle, 1, KEEP);
  answers_at_once = false;
  say_request(busy, 7, KEEP);
  is_drained = false;
  reactor_drain(reactor, note_drained, &is_drained);
  assert_closed(idle);
  assert_open(busy);
  assert_false(is_drained);
  fcgi_reply(waiting[--waiting_count], STR(REPLY), STR_NONE);
  assert_closed(busy);
  assert_int_equal(count_ended(7), 1);
  assert_true(is_drained);
  close(idle);
  close(busy);
}

static void X05_a_request_that_has_just_arrived_is_answered_while_draining(void **state) {
  int fd = dial();
  (void)state;
  say_request(fd, 1, KEEP);
  buf_clear(&request);
  request_add(&request, 2, KEEP, buf_str(&pairs), STR_NONE);
  assert_int_equal(send(fd, request.data, request.len, MSG_NOSIGNAL), request.len);
  is_drained = false;
  reactor_drain(reactor, note_drained, &is_drained);
  assert_closed(fd);
  assert_int_equal(count_ended(2), 1);
  assert_int_equal(send(fd, request.data, request.len, MSG_NOSIGNAL), -1);
  close(fd);
}

static void X05_a_connection_just_made_may_still_ask_while_draining(void **state) {
  int fd = dial(), silent = dial();
  (void)state;
  turn();
  is_drained = false;
  reactor_drain(reactor, note_drained, &is_drained);
  turn();
  say_request(fd, 1, KEEP);
  assert_closed(fd);
  assert_int_equal(count_ended(1), 1);
  assert_open(silent);
  wait_ms(1000);
  assert_closed(silent);
  assert_true(is_drained);
  close(fd);
  close(silent);
}

#define TEST(name)       cmocka_unit_test_setup_teardown(name, peers_start, peers_finish)
#define OWN_SOCKET(name) cmocka_unit_test_setup_teardown(name, peers_prepare, peers_finish)

int main(void) {
  const struct CMUnitTest tests[] = {
      OWN_SOCKET(TCP_serves_too),
      TEST(F01_a_silent_connection_is_closed_at_the_head_deadline),
      TEST(F03_a_request_that_crawls_is_closed_at_the_head_deadline),
      TEST(a_kept_connection_outlives_the_head_deadline_but_not_the_idle_one),
      TEST(a_request_being_answered_has_no_deadline_here),
      TEST(F04_the_longest_idle_connection_makes_room),
      TEST(connections_beyond_the_limit_wait_until_one_closes),
      OWN_SOCKET(F27_descriptors_above_1024_work),
      OWN_SOCKET(F33_other_users_are_refused_where_a_list_is_set),
      OWN_SOCKET(a_descriptor_that_does_not_listen_is_refused),
      TEST(draining_without_connections_ends_at_once),
      TEST(draining_closes_idle_connections_and_waits_for_answers),
      TEST(X05_a_request_that_has_just_arrived_is_answered_while_draining),
      TEST(X05_a_connection_just_made_may_still_ask_while_draining),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
