/* SPDX-License-Identifier: Apache-2.0
 * test_bridge: calls of the store with a spool and a mirror beside it, while the plugins fail as the test wants. */
#include "spool_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"

/* Two stores of one plugin's code; they are told apart by how they are written. */
struct bridge {
  struct spool_kit *kit; /* the spool, and the first store's memory */
  struct faulty_control *second;
  char second_text[32];
  struct plugin_option second_option;
  struct store_settings settings;
  struct coro_pool *pool;
  struct store *store;
  size_t running;
};

static struct bridge *bridge;

static int setup(void **state) {
  void *kit = NULL, *other = NULL;
  struct err err = {{0}};
  bridge = calloc(1, sizeof(*bridge));
  if (!bridge || spool_kit_setup(&kit) != 0 || spool_kit_setup(&other) != 0) return -1;
  *state = other;
  bridge->kit = kit;
  bridge->second = ((struct spool_kit *)other)->control;
  bridge->settings = (struct store_settings){
      .plugin = bridge->kit->plugin, .spool = bridge->kit->settings, .threads = 2, .batch_max = 64, .deadline_ms = 300};
  bridge->settings.plugin.plugin = "faulty";
  bridge->settings.plugin.plugin_dir = TEST_PLUGIN_DIR;
  bridge->settings.plugin.options = &bridge->kit->option;
  if (coro_pool_new(bridge->kit->loop, 64, &bridge->pool, &err) != 0) fail_msg("%s", err.text);
  return 0;
}

static int teardown(void **state) {
  void *kit = bridge->kit;
  store_stop(bridge->store);
  coro_pool_free(bridge->pool);
  spool_kit_teardown(&kit);
  spool_kit_teardown(state);
  free(bridge);
  return 0;
}

static void start_store(void) {
  struct err err = {{0}};
  if (store_start(bridge->kit->loop, &bridge->settings, &bridge->store, &err) != 0) fail_msg("%s", err.text);
}

static void start_with_mirror(void) {
  struct plugin_settings *mirror = &bridge->settings.mirror;
  snprintf(bridge->second_text, sizeof(bridge->second_text), "%llu", (unsigned long long)(uintptr_t)bridge->second);
  bridge->second_option = (struct plugin_option){"control", bridge->second_text, 1};
  *mirror = bridge->settings.plugin;
  mirror->plugin = TEST_PLUGIN_DIR "/faulty.so"; /* '/' comes before 'f': claims ask it first */
  mirror->options = &bridge->second_option;
  start_store();
}

static void script(struct faulty_control *control, enum faulty_call which, int class, unsigned flags) {
  pthread_mutex_lock(&control->lock);
  control->steps[which][control->step_count[which]++] = (struct faulty_step){class, flags};
  pthread_mutex_unlock(&control->lock);
}

static unsigned writes(struct faulty_control *control, const char *key) {
  unsigned found = 0;
  pthread_mutex_lock(&control->lock);
  for (size_t i = 0; i < control->record_count; i++)
    if (strcmp(control->records[i].key, key) == 0) found = control->records[i].writes;
  pthread_mutex_unlock(&control->lock);
  return found;
}

/* --- calls in a coroutine --- */

struct job {
  void (*story)(struct job *job);
  const char *name;
  struct store_answer answer;
  struct store_ticket found;
};

static void tell(void *arg) {
  struct job *job = arg;
  job->story(job);
  bridge->running--;
}

static struct job run(void (*story)(struct job *job), const char *name) {
  static struct job job;
  job = (struct job){.story = story, .name = name};
  bridge->running++;
  assert_int_equal(coro_start(bridge->pool, tell, &job), 0);
  while (bridge->running) loop_turn(bridge->kit->loop, 1000);
  return job;
}

static void record(struct job *job) {
  struct weigate_person person = kit_person(job->name, kit_now_us(), 1);
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person};
  store_record_wait(bridge->store, &signin, &job->answer);
}

static void claim(struct job *job) {
  struct weigate_ticket ticket = kit_ticket("code", "c", job->name);
  store_claim_wait(bridge->store, &ticket, &job->found, &job->answer);
}

static void put(struct job *job) {
  struct weigate_ticket ticket = kit_ticket("code", "c", job->name);
  store_ticket_put_wait(bridge->store, &ticket, &job->answer);
}

static void get(struct job *job) {
  store_ticket_get_wait(bridge->store, STR("code"), STR("c"), &job->found, &job->answer);
}

static void take(struct job *job) {
  store_ticket_take_wait(bridge->store, STR("code"), STR("c"), &job->found, &job->answer);
}

static bool has_value(const struct job *job, const char *value) {
  return job->found.is_found && str_eq(str_make((const char *)job->found.value, job->found.value_bytes), str_of(value));
}

static void wait_for_write(struct faulty_control *control, const char *key) {
  uint64_t until_ms = clock_mono_ms() + 20000;
  while (writes(control, key) == 0 && clock_mono_ms() < until_ms) loop_turn(bridge->kit->loop, 10);
  assert_true(writes(control, key) >= 1);
}

/* --- tests --- */

/* D05 D07 D09: every class of trouble; conflicts have had their three repeats before. */
static void whatever_is_wrong_with_the_store_the_record_is_durable_and_arrives(void **state) {
  static const int classes[] = {WEIGATE_UNAVAILABLE, WEIGATE_TIMEOUT, WEIGATE_OUTCOME_UNKNOWN, WEIGATE_AUTH,
                                WEIGATE_CONFIG,      WEIGATE_FULL,    WEIGATE_READ_ONLY,       WEIGATE_CORRUPT,
                                WEIGATE_FAILED,      WEIGATE_INVALID, WEIGATE_SCHEMA_NEWER};
  (void)state;
  start_store();
  for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
    char name[16];
    snprintf(name, sizeof(name), "o%zu", i);
    bool is_one_record = classes[i] == WEIGATE_FAILED || classes[i] == WEIGATE_INVALID; /* refused again it would be set aside */
    for (int times = is_one_record ? 1 : 2; times > 0; times--) script(bridge->kit->control, FAULTY_WRITE, classes[i], 0);
    assert_int_equal(run(record, name).answer.class, WEIGATE_OK);
    wait_for_write(bridge->kit->control, name);
  }
  for (int i = 0; i < 4; i++) script(bridge->kit->control, FAULTY_WRITE, WEIGATE_BUSY, 0);
  assert_int_equal(run(record, "busy").answer.class, WEIGATE_OK);
  wait_for_write(bridge->kit->control, "busy");
}

static void without_a_spool_the_trouble_is_the_callers(void **state) {
  (void)state;
  bridge->settings.spool.dir = NULL;
  start_store();
  script(bridge->kit->control, FAULTY_WRITE, WEIGATE_FULL, 0);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_FULL);
}

/* P12: the first waits for its time, the others do not. */
static void a_store_that_hangs_is_left_alone_until_it_is_seen_well(void **state) {
  (void)state;
  start_store();
  script(bridge->kit->control, FAULTY_WRITE, WEIGATE_OK, FAULTY_HANGS);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(run(record, "o2").answer.class, WEIGATE_OK);
  assert_int_equal(run(record, "o3").answer.class, WEIGATE_OK);
  assert_in_range(clock_mono_ms() - began_ms, 0, 299);
  pthread_mutex_lock(&bridge->kit->control->lock);
  bridge->kit->control->released++;
  pthread_cond_broadcast(&bridge->kit->control->changed);
  pthread_mutex_unlock(&bridge->kit->control->lock);
  wait_for_write(bridge->kit->control, "o3");
}

static void claims_are_agreed_here_while_the_store_is_away(void **state) {
  (void)state;
  start_store();
  script(bridge->kit->control, FAULTY_WRITE, WEIGATE_FULL, 0);
  assert_int_equal(run(claim, "first").answer.item, WEIGATE_ITEM_NEW);
  struct job second = run(claim, "second");
  assert_int_equal(second.answer.item, WEIGATE_ITEM_TAKEN);
  assert_true(has_value(&second, "first"));
  struct job looked = run(get, "");
  assert_true(has_value(&looked, "first"));
}

static void a_claim_that_the_store_cannot_decide_is_agreed_here(void **state) {
  (void)state;
  start_store();
  script(bridge->kit->control, FAULTY_WRITE, WEIGATE_FAILED, 0);
  assert_int_equal(run(claim, "first").answer.item, WEIGATE_ITEM_NEW);
  assert_int_equal(run(claim, "second").answer.item, WEIGATE_ITEM_TAKEN);
}

static void what_was_put_in_an_outage_is_found_before_it_is_delivered(void **state) {
  (void)state;
  start_store();
  for (int i = 0; i < 60; i++) script(bridge->kit->control, FAULTY_WRITE, WEIGATE_FULL, 0);
  assert_int_equal(run(put, "value").answer.class, WEIGATE_OK);
  struct job looked = run(get, "");
  assert_true(has_value(&looked, "value"));
  struct job taken = run(take, "");
  assert_true(has_value(&taken, "value"));
  assert_false(run(take, "").found.is_found);
}

static void a_claim_has_to_win_in_both_stores(void **state) {
  (void)state;
  start_with_mirror();
  assert_int_equal(run(claim, "first").answer.item, WEIGATE_ITEM_NEW);
  assert_int_equal(writes(bridge->kit->control, "code:c"), 1);
  assert_int_equal(writes(bridge->second, "code:c"), 1);
  pthread_mutex_lock(&bridge->second->lock);
  bridge->second->record_count = 0; /* as if that store had never heard of it */
  pthread_mutex_unlock(&bridge->second->lock);
  struct job second = run(claim, "second");
  assert_int_equal(second.answer.item, WEIGATE_ITEM_TAKEN);
  assert_true(has_value(&second, "first"));
}

static void the_store_whose_name_comes_first_is_asked_first(void **state) {
  (void)state;
  start_with_mirror();
  assert_int_equal(run(claim, "first").answer.item, WEIGATE_ITEM_NEW);
  size_t before = bridge->kit->control->calls[FAULTY_WRITE];
  assert_int_equal(run(claim, "second").answer.item, WEIGATE_ITEM_TAKEN);
  assert_int_equal(bridge->kit->control->calls[FAULTY_WRITE], before); /* lost in the mirror already */
}

/* Q16 */
static void of_two_stores_only_the_one_that_failed_gets_it_again(void **state) {
  (void)state;
  start_with_mirror();
  script(bridge->second, FAULTY_WRITE, WEIGATE_FULL, 0);
  assert_int_equal(run(record, "o1").answer.class, WEIGATE_OK);
  wait_for_write(bridge->second, "o1");
  assert_int_equal(writes(bridge->kit->control, "o1"), 1);
  assert_int_equal(writes(bridge->second, "o1"), 1);
}

#define BRIDGE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
  if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
  const struct CMUnitTest tests[] = {
      BRIDGE(whatever_is_wrong_with_the_store_the_record_is_durable_and_arrives),
      BRIDGE(without_a_spool_the_trouble_is_the_callers),
      BRIDGE(a_store_that_hangs_is_left_alone_until_it_is_seen_well),
      BRIDGE(claims_are_agreed_here_while_the_store_is_away),
      BRIDGE(a_claim_that_the_store_cannot_decide_is_agreed_here),
      BRIDGE(what_was_put_in_an_outage_is_found_before_it_is_delivered),
      BRIDGE(a_claim_has_to_win_in_both_stores),
      BRIDGE(the_store_whose_name_comes_first_is_asked_first),
      BRIDGE(of_two_stores_only_the_one_that_failed_gets_it_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
