/* SPDX-License-Identifier: Apache-2.0
 * test_waits: the waiting calls against the file plugin: coroutines on a loop, batches on threads. */
#include "kit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/loop.h"

/* A loop, a pool and a store on top of the kit. */
struct rig {
  struct kit *kit;
  struct loop *loop;
  struct coro_pool *pool;
  struct store *store;
  size_t running;
};

static int rig_setup(void **state) {
  static struct rig rig;
  struct err err = {{0}};
  void *kit = NULL;
  if (kit_setup_closed(&kit) != 0) return -1;
  rig = (struct rig){.kit = kit};
  struct store_settings settings = {.plugin = rig.kit->settings, .threads = 2, .batch_max = 64, .deadline_ms = 5000};
  if (loop_new(&rig.loop, &err) != 0 || coro_pool_new(rig.loop, 600, &rig.pool, &err) != 0 ||
      store_start(rig.loop, &settings, &rig.store, &err) != 0)
    fail_msg("%s", err.text);
  *state = &rig;
  return 0;
}

static int rig_teardown(void **state) {
  struct rig *rig = *state;
  store_stop(rig->store);
  coro_pool_free(rig->pool);
  loop_free(rig->loop);
  void *kit = rig->kit;
  return kit_teardown(&kit);
}

/* One coroutine with its story. */
struct job {
  struct rig *rig;
  void (*story)(struct job *job);
  unsigned number;
  struct store_answer answer;
};

static void tell(void *arg) {
  struct job *job = arg;
  job->story(job);
  job->rig->running--;
}

static void start(struct rig *rig, struct job *job) {
  job->rig = rig;
  rig->running++;
  assert_int_equal(coro_start(rig->pool, tell, job), 0);
}

static void finish(struct rig *rig) {
  while (rig->running) loop_turn(rig->loop, 1000);
}

static void run(struct rig *rig, void (*story)(struct job *job)) {
  struct job job = {.story = story};
  start(rig, &job);
  finish(rig);
}

static void record_and_load(struct job *job) {
  int64_t now_us = kit_now_us();
  struct weigate_person person = kit_person("o1", now_us, 1);
  struct weigate_event event = kit_event("o1", now_us, 1);
  struct weigate_ticket ticket = kit_ticket("code", "k1", "done");
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person, .event = &event, .ticket = &ticket};
  struct store_answer answer;
  struct store_person found;
  store_record_wait(job->rig->store, &signin, &answer);
  assert_true(store_is_done(&answer));
  assert_int_equal(answer.item, WEIGATE_ITEM_NEW);
  store_load_wait(job->rig->store, STR(KIT_APPID), STR("o1"), WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS, &found, &answer);
  assert_true(store_is_done(&answer) && found.is_found);
  assert_text(found.person.nickname, "小明");
  assert_text(found.person.token_sealed, "sealed-bytes");
  assert_int_equal(found.person.login_count, 1);
  store_person_done(&found);
  store_load_wait(job->rig->store, STR(KIT_APPID), STR("o2"), 0, &found, &answer);
  assert_true(store_is_done(&answer) && !found.is_found);
}

static void a_recorded_person_is_loaded_again(void **state) {
  run(*state, record_and_load);
}

static void use_tickets(struct job *job) {
  struct store *store = job->rig->store;
  struct weigate_ticket first = kit_ticket("code", "c1", "mine"), second = kit_ticket("code", "c1", "other");
  struct store_ticket found;
  struct store_answer answer;
  store_claim_wait(store, &first, &found, &answer);
  assert_int_equal(answer.item, WEIGATE_ITEM_NEW);
  store_claim_wait(store, &second, &found, &answer);
  assert_int_equal(answer.item, WEIGATE_ITEM_TAKEN);
  assert_true(found.is_found && found.value_bytes == 4 && memcmp(found.value, "mine", 4) == 0);
  store_claim_wait(store, &first, &found, &answer);
  assert_int_equal(answer.item, WEIGATE_ITEM_TAKEN);
  store_ticket_put_wait(store, &second, &answer);
  assert_int_equal(answer.item, WEIGATE_ITEM_UPDATED);
  store_ticket_get_wait(store, STR("code"), STR("c1"), &found, &answer);
  assert_true(found.is_found && found.value_bytes == 5);
  store_ticket_take_wait(store, STR("code"), STR("c1"), &found, &answer);
  assert_true(found.is_found);
  store_ticket_take_wait(store, STR("code"), STR("c1"), &found, &answer);
  assert_true(store_is_done(&answer) && !found.is_found);
  assert_int_equal(answer.item, WEIGATE_ITEM_MISSING);
}

static void tickets_are_claimed_put_got_and_taken(void **state) {
  run(*state, use_tickets);
}

static void count_ticket(void *arg, const struct weigate_ticket *ticket) {
  (void)ticket;
  ++*(size_t *)arg;
}

static void scan_all(struct job *job) {
  struct store_answer answer;
  uint64_t cursor = 0, before;
  size_t count = 0;
  for (unsigned i = 0; i < 600; i++) {
    char key[16];
    snprintf(key, sizeof(key), "k%u", i);
    struct weigate_ticket ticket = kit_ticket("revoke", key, "");
    store_ticket_put_wait(job->rig->store, &ticket, &answer);
    assert_true(store_is_done(&answer));
  }
  do {
    before = cursor;
    store_ticket_scan_wait(job->rig->store, STR("revoke"), &cursor, count_ticket, &count, &answer);
    assert_true(store_is_done(&answer));
  } while (cursor != before);
  assert_int_equal(count, 600);
}

static void a_scan_that_repeats_until_its_cursor_stands_still_sees_all(void **state) {
  run(*state, scan_all);
}

static void claim_same(struct job *job) {
  char value[16];
  snprintf(value, sizeof(value), "%u", job->number);
  struct weigate_ticket ticket = kit_ticket("code", "same", value);
  store_claim_wait(job->rig->store, &ticket, NULL, &job->answer);
}

static void of_many_claims_at_once_one_wins(void **state) {
  struct rig *rig = *state;
  static struct job jobs[500];
  size_t wins = 0;
  for (unsigned i = 0; i < 500; i++) {
    jobs[i] = (struct job){.story = claim_same, .number = i};
    start(rig, &jobs[i]);
  }
  finish(rig);
  for (size_t i = 0; i < 500; i++) {
    assert_true(store_is_done(&jobs[i].answer));
    wins += jobs[i].answer.item == WEIGATE_ITEM_NEW;
  }
  assert_int_equal(wins, 1);
}

static void record_own(struct job *job) {
  char openid[16];
  snprintf(openid, sizeof(openid), "o%u", job->number);
  struct weigate_person person = kit_person(openid, kit_now_us(), job->number);
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person};
  store_record_wait(job->rig->store, &signin, &job->answer);
  memset(openid, 'x', sizeof(openid));
}

static void many_records_at_once_are_all_stored(void **state) {
  struct rig *rig = *state;
  static struct job jobs[500];
  struct store_status status;
  for (unsigned i = 0; i < 500; i++) {
    jobs[i] = (struct job){.story = record_own, .number = i};
    start(rig, &jobs[i]);
  }
  finish(rig);
  for (size_t i = 0; i < 500; i++) assert_int_equal(jobs[i].answer.item, WEIGATE_ITEM_NEW);
  store_status(rig->store, &status);
  assert_true(status.is_connected && status.has_tickets);
  assert_int_equal(status.writes_waiting + status.reads_waiting + status.in_flight, 0);
  assert_string_equal(status.plugin, "file");
}

static void record_bad(struct job *job) {
  struct weigate_person good = kit_person("o1", kit_now_us(), 1), bad = good;
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &bad};
  struct store_answer answer;
  bad.sex = 9;
  store_record_wait(job->rig->store, &signin, &answer);
  assert_true(store_is_done(&answer));
  assert_int_equal(answer.item, WEIGATE_ITEM_REJECTED);
  assert_string_equal(answer.field, "sex");
}

static void a_refused_item_names_its_field(void **state) {
  run(*state, record_bad);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_recorded_person_is_loaded_again, rig_setup, rig_teardown),
      cmocka_unit_test_setup_teardown(tickets_are_claimed_put_got_and_taken, rig_setup, rig_teardown),
      cmocka_unit_test_setup_teardown(a_scan_that_repeats_until_its_cursor_stands_still_sees_all, rig_setup, rig_teardown),
      cmocka_unit_test_setup_teardown(of_many_claims_at_once_one_wins, rig_setup, rig_teardown),
      cmocka_unit_test_setup_teardown(many_records_at_once_are_all_stored, rig_setup, rig_teardown),
      cmocka_unit_test_setup_teardown(a_refused_item_names_its_field, rig_setup, rig_teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
