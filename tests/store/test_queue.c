/* SPDX-License-Identifier: Apache-2.0
 * test_queue: who waits, who is taken first, and who is told no; without threads. */
#include "kit.h"

#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/scope.h"
#include "store/queue.h"

static struct loop *loop;
static struct queue *queue;
static size_t told;

static int setup(void **state) {
  struct err err = {{0}};
  (void)state;
  told = 0;
  if (loop_new(&loop, &err) != 0 || queue_new(loop, false, 1, 1, &queue, &err) != 0) fail_msg("%s", err.text);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  queue_free(queue);
  loop_free(loop);
  clock_release();
  return 0;
}

static void count_and_free(struct loop_task *task) {
  told++;
  op_free(container_of(task, struct op, done));
}

static struct op *new_op(enum op_kind kind) {
  struct weigate_ticket ticket = kit_ticket("code", "k", "");
  struct op *op = kind == OP_LOAD ? op_new_load(kit_text("a"), kit_text("o"), 0) : op_new_ticket(kind, &ticket);
  assert_non_null(op);
  op->done.run = count_and_free;
  return op;
}

static struct op *push(enum op_kind kind) {
  struct op *op = new_op(kind);
  clock_advance_ms(1);
  assert_int_equal(queue_push(queue, op), WEIGATE_OK);
  return op;
}

static size_t take(enum queue_lane lane, struct op **ops, size_t max) {
  int count = queue_take(queue, lane, 0, max, ops);
  return count > 0 ? (size_t)count : 0;
}

static void finish(struct op **ops, size_t count) {
  queue_finish(queue, ops, count);
  loop_turn(loop, 0);
}

static void a_batch_is_of_one_kind_and_the_oldest_kind_comes_first(void **state) {
  struct op *ops[8];
  (void)state;
  clock_hold(1000000, 1000);
  push(OP_CLAIM);
  push(OP_PUT);
  push(OP_CLAIM);
  push(OP_GET);
  assert_int_equal(take(QUEUE_WRITES, ops, 8), 2);
  assert_int_equal(ops[0]->kind, OP_CLAIM);
  finish(ops, 2);
  assert_int_equal(take(QUEUE_WRITES, ops, 8), 1);
  assert_int_equal(ops[0]->kind, OP_PUT);
  finish(ops, 1);
  assert_int_equal(take(QUEUE_WRITES, ops, 8), 0);
  assert_int_equal(take(QUEUE_READS, ops, 8), 1);
  finish(ops, 1);
  assert_int_equal(told, 4);
}

static void a_batch_ends_at_its_maximum(void **state) {
  struct op *ops[8];
  (void)state;
  clock_hold(1000000, 1000);
  for (int i = 0; i < 5; i++) push(OP_CLAIM);
  assert_int_equal(take(QUEUE_WRITES, ops, 3), 3);
  finish(ops, 3);
  assert_int_equal(take(QUEUE_WRITES, ops, 3), 2);
  finish(ops, 2);
}

static void loads_that_want_different_things_are_different_calls(void **state) {
  struct op *ops[8];
  (void)state;
  clock_hold(1000000, 1000);
  push(OP_LOAD);
  push(OP_LOAD)->want = WEIGATE_WANT_TOKEN;
  assert_int_equal(take(QUEUE_READS, ops, 8), 1);
  finish(ops, 1);
  assert_int_equal(take(QUEUE_READS, ops, 8), 1);
  finish(ops, 1);
}

static void too_many_are_told_that_the_store_is_busy(void **state) {
  struct op *ops[1024];
  size_t count;
  (void)state;
  clock_hold(1000000, 1000);
  for (size_t i = 0; i < 8192; i++) push(OP_CLAIM);
  struct op *one_more = new_op(OP_GET);
  assert_int_equal(queue_push(queue, one_more), WEIGATE_BUSY);
  assert_int_equal(one_more->answer.class, WEIGATE_BUSY);
  assert_string_equal(one_more->answer.message, "too many storage calls wait");
  op_free(one_more);
  while ((count = take(QUEUE_WRITES, ops, 1024)) > 0) finish(ops, count);
  assert_int_equal(told, 8192);
}

static void who_gave_up_waiting_is_not_taken(void **state) {
  struct op *ops[8];
  (void)state;
  clock_hold(1000000, 1000);
  struct op *first = push(OP_CLAIM), *second = push(OP_CLAIM), *third = push(OP_CLAIM);
  assert_int_equal(queue_give_up(queue, second), QUEUE_END_OURS);
  op_free(second);
  assert_int_equal(take(QUEUE_WRITES, ops, 8), 2);
  assert_ptr_equal(ops[0], first);
  assert_ptr_equal(ops[1], third);
  assert_int_equal(queue_give_up(queue, third), QUEUE_END_RUNNING);
  queue_finish(queue, ops, 2); /* frees the third itself */
  assert_int_equal(queue_give_up(queue, first), QUEUE_END_DONE);
  loop_turn(loop, 0);
  assert_int_equal(told, 1);
}

static void a_lane_that_lost_its_store_answers_for_it(void **state) {
  struct queue_counts counts;
  (void)state;
  clock_hold(1000000, 1000);
  push(OP_CLAIM);
  push(OP_PUT);
  push(OP_GET);
  queue_lane_down(queue, QUEUE_WRITES, WEIGATE_UNAVAILABLE, "no server");
  loop_turn(loop, 0);
  assert_int_equal(told, 2);
  struct op *late = new_op(OP_CLAIM);
  assert_int_equal(queue_push(queue, late), WEIGATE_UNAVAILABLE);
  assert_string_equal(late->answer.message, "no server");
  op_free(late);
  queue_count(queue, &counts);
  assert_false(counts.is_up);
  assert_int_equal(counts.reads_waiting, 1);
  queue_lane_up(queue, QUEUE_WRITES);
  queue_count(queue, &counts);
  assert_true(counts.is_up);
  struct op *ops[2];
  assert_int_equal(take(QUEUE_READS, ops, 2), 1);
  finish(ops, 1);
}

static void a_queue_that_stops_still_gives_out_what_waits(void **state) {
  struct op *ops[8];
  (void)state;
  clock_hold(1000000, 1000);
  push(OP_CLAIM);
  queue_stop(queue);
  assert_true(queue_is_stopping(queue));
  struct op *late = new_op(OP_CLAIM);
  assert_int_equal(queue_push(queue, late), WEIGATE_UNAVAILABLE);
  op_free(late);
  assert_int_equal(queue_take(queue, QUEUE_WRITES, 0, 8, ops), 1);
  finish(ops, 1);
  assert_int_equal(queue_take(queue, QUEUE_WRITES, 0, 8, ops), -1);
}

static void an_op_needs_nothing_of_its_caller(void **state) {
  char openid[8] = "o1", nickname[16] = "before";
  (void)state;
  struct weigate_person person = kit_person(openid, kit_now_us(), 1);
  struct weigate_event event = kit_event(openid, kit_now_us(), 1);
  person.nickname = kit_text(nickname);
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person, .event = &event};
  struct op *op = op_new_record(&signin);
  memset(openid, 'x', sizeof(openid));
  memset(nickname, 'x', sizeof(nickname));
  memset(&person, 0x5a, sizeof(person));
  memset(&event, 0x5a, sizeof(event));
  assert_text(op->signin.person->openid, "o1");
  assert_text(op->signin.person->nickname, "before");
  assert_text(op->signin.event->openid, "o1");
  assert_text(op->signin.event->outcome, "signed_in");
  assert_null(op->signin.ticket);
  op_free(op);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_batch_is_of_one_kind_and_the_oldest_kind_comes_first),
      TEST(a_batch_ends_at_its_maximum),
      TEST(loads_that_want_different_things_are_different_calls),
      TEST(too_many_are_told_that_the_store_is_busy),
      TEST(who_gave_up_waiting_is_not_taken),
      TEST(a_lane_that_lost_its_store_answers_for_it),
      TEST(a_queue_that_stops_still_gives_out_what_waits),
      TEST(an_op_needs_nothing_of_its_caller),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
