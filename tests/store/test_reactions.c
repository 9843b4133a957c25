/* SPDX-License-Identifier: Apache-2.0
 * test_reactions: what the host does when a plugin fails, hangs, or does not know. */
#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"
#include "base/loop.h"
#include "faulty.h"

struct rig {
  struct faulty_control control;
  char control_text[32];
  struct plugin_option option;
  struct store_settings settings;
  struct loop *loop;
  struct coro_pool *pool;
  struct store *store;
  size_t running;
};

static struct rig *rig;

static int rig_setup(void **state) {
  struct err err = {{0}};
  (void)state;
  rig = calloc(1, sizeof(*rig));
  if (!rig) return -1;
  pthread_mutex_init(&rig->control.lock, NULL);
  pthread_cond_init(&rig->control.changed, NULL);
  snprintf(rig->control_text, sizeof(rig->control_text), "%llu", (unsigned long long)(uintptr_t)&rig->control);
  rig->option = (struct plugin_option){"control", rig->control_text, 1};
  rig->settings = (struct store_settings){
      .plugin = {.plugin = TEST_PLUGIN_DIR "/faulty.so", .options = &rig->option, .options_count = 1, .conf_file = "test.conf"},
      .threads = 2,
      .batch_max = 64,
      .deadline_ms = 300};
  if (loop_new(&rig->loop, &err) != 0 || coro_pool_new(rig->loop, 64, &rig->pool, &err) != 0) fail_msg("%s", err.text);
  return 0;
}

static int rig_teardown(void **state) {
  (void)state;
  store_stop(rig->store);
  assert_int_equal(rig->control.open_handles, 0);
  coro_pool_free(rig->pool);
  loop_free(rig->loop);
  free(rig);
  return 0;
}

static void start_store(void) {
  struct err err = {{0}};
  if (store_start(rig->loop, &rig->settings, &rig->store, &err) != 0) fail_msg("%s", err.text);
}

static void script(enum faulty_call which, int class, unsigned flags) {
  pthread_mutex_lock(&rig->control.lock);
  rig->control.steps[which][rig->control.step_count[which]++] = (struct faulty_step){class, flags};
  pthread_mutex_unlock(&rig->control.lock);
}

static void release(unsigned count) {
  pthread_mutex_lock(&rig->control.lock);
  rig->control.released += count;
  pthread_cond_broadcast(&rig->control.changed);
  pthread_mutex_unlock(&rig->control.lock);
}

static void wait_until_hanging(size_t count) {
  pthread_mutex_lock(&rig->control.lock);
  while (rig->control.hanging != count) pthread_cond_wait(&rig->control.changed, &rig->control.lock);
  pthread_mutex_unlock(&rig->control.lock);
}

static size_t calls_of(enum faulty_call which) {
  pthread_mutex_lock(&rig->control.lock);
  size_t calls = rig->control.calls[which];
  pthread_mutex_unlock(&rig->control.lock);
  return calls;
}

static void wait_for_calls(enum faulty_call which, size_t count) {
  pthread_mutex_lock(&rig->control.lock);
  while (rig->control.calls[which] < count) pthread_cond_wait(&rig->control.changed, &rig->control.lock);
  pthread_mutex_unlock(&rig->control.lock);
}

static unsigned writes_of(const char *key) {
  unsigned writes = 0;
  pthread_mutex_lock(&rig->control.lock);
  for (size_t i = 0; i < rig->control.record_count; i++)
    if (strcmp(rig->control.records[i].key, key) == 0) writes = rig->control.records[i].writes;
  pthread_mutex_unlock(&rig->control.lock);
  return writes;
}

/* --- jobs --- */

struct job {
  void (*story)(struct job *job);
  char name[16];
  struct store_answer answer;
  struct store_ticket found;
  bool is_over;
};

static void tell(void *arg) {
  struct job *job = arg;
  job->story(job);
  job->is_over = true;
  rig->running--;
}

static void start(struct job *job, void (*story)(struct job *job), const char *name) {
  *job = (struct job){.story = story};
  snprintf(job->name, sizeof(job->name), "%s", name);
  rig->running++;
  assert_int_equal(coro_start(rig->pool, tell, job), 0);
}

static void finish(void) {
  while (rig->running) loop_turn(rig->loop, 1000);
}

static void record(struct job *job) {
  struct weigate_person person = kit_person(job->name, kit_now_us(), 1);
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person};
  store_record_wait(rig->store, &signin, &job->answer);
}

static void load(struct job *job) {
  struct store_person found;
  store_load_wait(rig->store, STR(KIT_APPID), str_of(job->name), 0, &found, &job->answer);
  store_person_done(&found);
}

static void claim(struct job *job) {
  struct weigate_ticket ticket = kit_ticket("code", "c", job->name);
  store_claim_wait(rig->store, &ticket, &job->found, &job->answer);
}

static void get(struct job *job) {
  store_ticket_get_wait(rig->store, STR("code"), STR("c"), &job->found, &job->answer);
}

static void take(struct job *job) {
  store_ticket_take_wait(rig->store, STR("code"), STR("c"), &job->found, &job->answer);
}

static struct job run(void (*story)(struct job *job), const char *name) {
  static struct job job;
  start(&job, story, name);
  finish();
  return job;
}

/* --- tests --- */

/* P12 */
static void a_hanging_plugin_delays_nobody_beyond_the_deadline(void **state) {
  struct job first, second;
  (void)state;
  script(FAULTY_WRITE, WEIGATE_OK, FAULTY_HANGS);
  start_store();
  uint64_t began_ms = clock_mono_ms();
  start(&first, record, "o1");
  wait_until_hanging(1);
  start(&second, record, "o2");
  finish();
  assert_in_range(clock_mono_ms() - began_ms, 300, 2000);
  assert_int_equal(first.answer.class, WEIGATE_OUTCOME_UNKNOWN);
  assert_int_equal(second.answer.class, WEIGATE_TIMEOUT);
  release(1);
  assert_int_equal(run(record, "o3").answer.class, WEIGATE_OK);
  assert_int_equal(writes_of("o1"), 1);
  assert_int_equal(writes_of("o2"), 0);
}

static void a_hanging_writer_does_not_stop_readers(void **state) {
  struct job writer;
  (void)state;
  script(FAULTY_WRITE, WEIGATE_OK, FAULTY_HANGS);
  start_store();
  start(&writer, record, "o1");
  wait_until_hanging(1);
  assert_int_equal(run(load, "o9").answer.class, WEIGATE_OK);
  release(1);
  finish();
}

static void what_waits_while_a_write_runs_is_one_batch(void **state) {
  struct job jobs[40];
  (void)state;
  rig->settings.deadline_ms = 5000;
  script(FAULTY_WRITE, WEIGATE_OK, FAULTY_HANGS);
  start_store();
  start(&jobs[0], record, "first");
  wait_until_hanging(1);
  for (int i = 1; i < 40; i++) {
    char name[16];
    snprintf(name, sizeof(name), "o%d", i);
    start(&jobs[i], record, name);
  }
  release(1);
  finish();
  for (int i = 0; i < 40; i++) assert_int_equal(jobs[i].answer.class, WEIGATE_OK);
  assert_int_equal(calls_of(FAULTY_WRITE), 2);
  assert_int_equal(rig->control.largest_batch, 39);
}

static void an_unknown_outcome_is_sent_again_until_it_is_known(void **state) {
  (void)state;
  script(FAULTY_WRITE, WEIGATE_OUTCOME_UNKNOWN, FAULTY_DOES_IT);
  start_store();
  struct job job = run(record, "o1");
  assert_int_equal(job.answer.class, WEIGATE_OK);
  assert_int_equal(job.answer.item, WEIGATE_ITEM_DUPLICATE);
  assert_int_equal(calls_of(FAULTY_WRITE), 2);
}

static void an_unknown_outcome_stays_unknown_when_the_store_is_gone_after_it(void **state) {
  (void)state;
  start_store();
  assert_int_equal(run(record, "o0").answer.class, WEIGATE_OK);
  script(FAULTY_WRITE, WEIGATE_OUTCOME_UNKNOWN, FAULTY_DOES_IT);
  for (int i = 0; i < 60; i++) script(FAULTY_CONNECT, WEIGATE_UNAVAILABLE, 0);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OUTCOME_UNKNOWN);
}

static void a_claim_that_was_lost_knows_itself(void **state) {
  (void)state;
  script(FAULTY_WRITE, WEIGATE_OUTCOME_UNKNOWN, FAULTY_DOES_IT);
  start_store();
  assert_int_equal(run(claim, "mine").answer.item, WEIGATE_ITEM_NEW);
  assert_int_equal(run(claim, "other").answer.item, WEIGATE_ITEM_TAKEN);
  assert_int_equal(run(claim, "mine").answer.item, WEIGATE_ITEM_TAKEN);
}

static void a_take_with_unknown_outcome_is_not_repeated(void **state) {
  (void)state;
  script(FAULTY_WRITE, WEIGATE_OUTCOME_UNKNOWN, 0);
  start_store();
  assert_int_equal(run(take, "").answer.class, WEIGATE_OUTCOME_UNKNOWN);
  assert_int_equal(calls_of(FAULTY_WRITE), 1);
}

/* D07 */
static void a_busy_store_is_asked_four_times(void **state) {
  (void)state;
  rig->settings.deadline_ms = 5000;
  for (int i = 0; i < 4; i++) script(FAULTY_WRITE, WEIGATE_BUSY, 0);
  start_store();
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_BUSY);
  assert_int_equal(calls_of(FAULTY_WRITE), 4);
  script(FAULTY_WRITE, WEIGATE_BUSY, 0);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
}

static void a_lost_connection_is_made_anew_within_the_call(void **state) {
  (void)state;
  start_store();
  assert_int_equal(run(record, "o0").answer.class, WEIGATE_OK);
  wait_for_calls(FAULTY_CONNECT, 2);
  script(FAULTY_WRITE, WEIGATE_UNAVAILABLE, 0);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
  assert_int_equal(calls_of(FAULTY_CONNECT), 3);
}

static void a_store_that_is_not_there_yet_fails_calls_and_not_the_start(void **state) {
  struct store_status status;
  (void)state;
  for (int i = 0; i < 4; i++) script(FAULTY_CONNECT, WEIGATE_UNAVAILABLE, 0);
  start_store();
  struct job job = run(record, "o1");
  while (job.answer.class == WEIGATE_UNAVAILABLE) job = run(record, "o1");
  assert_int_equal(job.answer.class, WEIGATE_OK);
  wait_for_calls(FAULTY_CONNECT, 6);
  assert_int_equal(run(load, "o1").answer.class, WEIGATE_OK);
  store_status(rig->store, &status);
  assert_true(status.is_connected);
}

static void a_store_that_is_away_is_answered_for_at_once(void **state) {
  (void)state;
  rig->settings.deadline_ms = 60000;
  for (int i = 0; i < 60; i++) script(FAULTY_CONNECT, WEIGATE_AUTH, 0);
  start_store();
  wait_for_calls(FAULTY_CONNECT, 3);
  uint64_t began_ms = clock_mono_ms();
  struct job job = run(record, "o1");
  assert_int_equal(job.answer.class, WEIGATE_AUTH);
  assert_string_equal(job.answer.message, "as the test asked (4)");
  assert_in_range(clock_mono_ms() - began_ms, 0, 1000);
}

/* D11 */
static void one_poisoned_item_fails_alone(void **state) {
  struct job jobs[5];
  static const char *const names[] = {"first", "a", "b", "poison", "c"};
  (void)state;
  rig->settings.deadline_ms = 5000;
  rig->control.poison = "poison";
  script(FAULTY_WRITE, WEIGATE_OK, FAULTY_HANGS);
  start_store();
  start(&jobs[0], record, names[0]);
  wait_until_hanging(1);
  for (int i = 1; i < 5; i++) start(&jobs[i], record, names[i]);
  release(1);
  finish();
  for (int i = 0; i < 5; i++) assert_int_equal(jobs[i].answer.class, i == 3 ? WEIGATE_FAILED : WEIGATE_OK);
}

static void a_damaged_store_is_told_from_an_empty_one(void **state) {
  (void)state;
  for (int i = 0; i < 60; i++) script(FAULTY_CONNECT, i < 2 ? WEIGATE_OK : WEIGATE_CORRUPT, 0);
  script(FAULTY_READ, WEIGATE_CORRUPT, 0);
  start_store();
  wait_for_calls(FAULTY_CONNECT, 2);
  assert_int_equal(run(load, "o1").answer.class, WEIGATE_CORRUPT);
  wait_for_calls(FAULTY_CONNECT, 3);
  assert_int_equal(run(load, "o1").answer.class, WEIGATE_CORRUPT);
}

static void a_full_store_keeps_its_connection(void **state) {
  struct store_status status;
  (void)state;
  start_store();
  wait_for_calls(FAULTY_CONNECT, 2);
  script(FAULTY_WRITE, WEIGATE_FULL, 0);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_FULL);
  store_status(rig->store, &status);
  assert_int_equal(status.last_class, WEIGATE_FULL);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
  assert_int_equal(calls_of(FAULTY_CONNECT), 2);
}

/* P13 */
static void an_answer_beyond_the_limits_is_refused(void **state) {
  (void)state;
  start_store();
  assert_int_equal(run(claim, "x").answer.class, WEIGATE_OK);
  script(FAULTY_READ, WEIGATE_OK, FAULTY_TOO_LONG);
  struct job job = run(get, "");
  assert_int_equal(job.answer.class, WEIGATE_FAILED);
  assert_false(job.found.is_found);
  assert_int_equal(run(get, "").answer.class, WEIGATE_OK);
}

static void an_unknown_class_is_read_as_failed(void **state) {
  (void)state;
  start_store();
  script(FAULTY_READ, 77, 0);
  assert_int_equal(run(load, "o1").answer.class, WEIGATE_FAILED);
}

static void health_is_known_without_waiting(void **state) {
  struct store_status status = {0};
  (void)state;
  start_store();
  wait_for_calls(FAULTY_HEALTH, 1);
  while (status.health.state != WEIGATE_UP || status.health.text[0]) store_status(rig->store, &status);
  assert_int_equal(status.health.people_estimate, 0);
}

/* In a child, because what a hanging thread uses is left to the end of the process. */
static void a_stop_does_not_wait_for_ever(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0) {
    struct job job;
    rig->settings.deadline_ms = 100;
    script(FAULTY_WRITE, WEIGATE_OK, FAULTY_HANGS);
    start_store();
    start(&job, record, "o1");
    wait_until_hanging(1);
    finish();
    store_stop(rig->store);
    _exit(job.answer.class == WEIGATE_OUTCOME_UNKNOWN ? 0 : 1);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* Another server answers from now on, and lacks all that the old one had. */
static void fail_over(uint64_t server) {
  pthread_mutex_lock(&rig->control.lock);
  rig->control.server = server;
  memset(rig->control.records, 0, sizeof(rig->control.records));
  rig->control.record_count = 0;
  pthread_mutex_unlock(&rig->control.lock);
}

static void what_an_old_server_acknowledged_is_sent_again_to_the_new_one(void **state) {
  (void)state;
  rig->settings.threads = 1; /* health is asked right after connecting, before the first write */
  rig->control.server = 7;
  start_store();
  wait_for_calls(FAULTY_HEALTH, 1);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
  assert_int_equal(run(record, "o2").answer.class, WEIGATE_OK);
  fail_over(8);
  script(FAULTY_WRITE, WEIGATE_UNAVAILABLE, 0);
  assert_int_equal(run(record, "o3").answer.class, WEIGATE_OK);
  while (writes_of("o1") == 0 || writes_of("o2") == 0) loop_turn(rig->loop, 1000);
  assert_int_equal(writes_of("o1"), 1);
  assert_int_equal(writes_of("o2"), 1);
}

/* While it fails they are kept, and go again. */
static void sending_again_is_not_given_up(void **state) {
  (void)state;
  rig->settings.threads = 1;
  rig->control.server = 7;
  start_store();
  wait_for_calls(FAULTY_HEALTH, 1);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
  fail_over(8);
  script(FAULTY_READ, WEIGATE_UNAVAILABLE, 0);
  for (int i = 0; i < 2; i++) script(FAULTY_WRITE, WEIGATE_FULL, 0);
  run(load, "o9");
  while (writes_of("o1") == 0) loop_turn(rig->loop, 1000);
  assert_int_equal(calls_of(FAULTY_WRITE), 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_hanging_plugin_delays_nobody_beyond_the_deadline),
      TEST(a_hanging_writer_does_not_stop_readers),
      TEST(what_waits_while_a_write_runs_is_one_batch),
      TEST(an_unknown_outcome_is_sent_again_until_it_is_known),
      TEST(an_unknown_outcome_stays_unknown_when_the_store_is_gone_after_it),
      TEST(a_claim_that_was_lost_knows_itself),
      TEST(a_take_with_unknown_outcome_is_not_repeated),
      TEST(a_busy_store_is_asked_four_times),
      TEST(a_lost_connection_is_made_anew_within_the_call),
      TEST(a_store_that_is_not_there_yet_fails_calls_and_not_the_start),
      TEST(a_store_that_is_away_is_answered_for_at_once),
      TEST(one_poisoned_item_fails_alone),
      TEST(a_damaged_store_is_told_from_an_empty_one),
      TEST(a_full_store_keeps_its_connection),
      TEST(an_answer_beyond_the_limits_is_refused),
      TEST(an_unknown_class_is_read_as_failed),
      TEST(health_is_known_without_waiting),
      TEST(what_an_old_server_acknowledged_is_sent_again_to_the_new_one),
      TEST(sending_again_is_not_given_up),
      TEST(a_stop_does_not_wait_for_ever),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
