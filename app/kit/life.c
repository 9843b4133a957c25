/* SPDX-License-Identifier: Apache-2.0
 * life: opening, closing, setting up, health, maintenance. */
#include "kit/check.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "kit/look.h"

static size_t count_entries(const char *path) {
  size_t count = 0;
  DIR *directory = opendir(path);
  assert_non_null(directory);
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

static void record_somebody(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  struct weigate_event event = kit_event("o1", kit_now_us(), 1);
  kit_record(kit, &person, &event, NULL);
}

static void defaults_alone_open_or_name_what_is_missing(void) {
  struct err err = {{0}};
  kit->settings.options_count = 0;
  if (plugin_load(&kit->settings, &kit->plugin, &err) == 0) return;
  assert_true(strlen(err.text) > 20);
}

static void opening_alone_touches_nothing(void) {
  struct err err = {{0}};
  size_t before = count_entries(kit->directory);
  assert_int_equal(plugin_load(&kit->settings, &kit->plugin, &err), 0);
  assert_int_equal(count_entries(kit->directory), before);
}

static void open_and_close(unsigned times) {
  struct look before, after;
  kit_open(kit);
  kit_close(kit);
  look_take(&before);
  for (unsigned i = 0; i < times; i++) {
    kit_open(kit);
    kit_close(kit);
  }
  look_take(&after);
  look_compare(&before, &after);
}

static void opening_and_closing_often_leaves_nothing_behind(void) {
  open_and_close(50);
}

static void opening_and_closing_a_thousand_times_leaves_nothing_behind(void) {
  open_and_close(1000);
}

/* Where the store cannot be: no such directory, no such database. */
static void a_failed_opening_leaves_nothing_behind(void) {
  struct look before, after;
  struct err err = {{0}};
  char nowhere[300];
  snprintf(nowhere, sizeof(nowhere), "%s/absent/deeper", kit->directory);
  struct kit *other = kit_new(kit->plan, nowhere, "weigate_kit_absent");
  kit_open(kit);
  look_take(&before);
  for (int i = 0; i < 20; i++) {
    struct weigate_handle *handle = NULL;
    if (plugin_load(&other->settings, &other->plugin, &err) != 0) continue;
    int class = plugin_connect(&other->plugin, kit_call(other), &handle);
    assert_int_not_equal(class, WEIGATE_OK);
    assert_true(other->call.message[0] != '\0');
    plugin_unload(&other->plugin);
  }
  look_take(&after);
  look_compare(&before, &after);
  record_somebody();
  free(other);
}

static void connecting_again_finds_everything_there(void) {
  record_somebody();
  struct weigate_handle *second = kit_connect(kit), *third = kit_connect(kit);
  assert_string_not_equal(kit_state_of(kit, "o1"), "nobody");
  plugin_disconnect(&kit->plugin, second);
  plugin_disconnect(&kit->plugin, third);
}

static void eight_processes_begin_an_empty_store_at_once(void) {
  pid_t children[8];
  int gate[2];
  assert_int_equal(pipe(gate), 0);
  for (unsigned i = 0; i < 8; i++) {
    children[i] = fork();
    if (children[i] != 0) continue;
    char byte, openid[16];
    close(gate[1]);
    if (read(gate[0], &byte, 1) != 0) _exit(2); /* until all are there */
    struct err err;
    if (plugin_load(&kit->settings, &kit->plugin, &err) != 0) _exit(3);
    if (plugin_connect(&kit->plugin, kit_call(kit), &kit->handle) != WEIGATE_OK) {
      fprintf(stderr, "%s\n", kit->call.message);
      _exit(4);
    }
    if (plugin_setup(&kit->plugin, kit->handle, kit_call(kit)) != WEIGATE_OK) {
      fprintf(stderr, "%s\n", kit->call.message);
      _exit(6);
    }
    snprintf(openid, sizeof(openid), "o%u", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), i);
    struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(person), .count = 1, .items = &person};
    struct weigate_result result = {.struct_size = sizeof(result)};
    int class = kit->plugin.desc->merge_people(kit->handle, kit_call(kit), &batch, &result);
    kit_close(kit);
    _exit(class == WEIGATE_OK && result.outcome == WEIGATE_ITEM_NEW ? 0 : 5);
  }
  close(gate[0]);
  close(gate[1]);
  for (size_t i = 0; i < 8; i++) {
    int status = 0;
    waitpid(children[i], &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
  }
  kit_open(kit);
  assert_string_not_equal(kit_state_of(kit, "o7"), "nobody");
}

static void two_stores_in_one_process_are_apart(void) {
  struct kit *other = kit_second();
  record_somebody();
  assert_string_equal(kit_state_of(other, "o1"), "nobody");
  assert_string_not_equal(kit_state_of(kit, "o1"), "nobody");
  kit_close(other);
  free(other);
}

static void health_says_up_and_how_many(void) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  record_somebody();
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(kit->plugin.desc->health(kit->handle, kit_call(kit), &health), WEIGATE_OK);
  assert_in_range(clock_mono_ms() - began_ms, 0, KIT_TIMEOUT_MS);
  assert_true(health.state == WEIGATE_UP || health.state == WEIGATE_DEGRADED);
  assert_int_equal(health.people_estimate, 1);
  assert_non_null(memchr(health.text, '\0', sizeof(health.text)));
}

static void a_shorter_health_is_not_written_beyond(void) {
  struct weigate_health health;
  memset(&health, 0x5a, sizeof(health));
  health.struct_size = offsetof(struct weigate_health, schema_version);
  assert_int_equal(kit->plugin.desc->health(kit->handle, kit_call(kit), &health), WEIGATE_OK);
  assert_int_equal((unsigned char)health.text[0], 0x5a);
}

static void maintenance_may_run_at_any_time(void) {
  for (int i = 0; i < 3; i++)
    assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT),
                     WEIGATE_OK);
  record_somebody();
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), 0x4000), WEIGATE_INVALID);
}

static void a_tombstone_outlives_maintenance(void) {
  struct weigate_person person = kit_person("o1", kit_now_us() - 1000, 1);
  kit_erase(kit, "o1", kit_stamp(kit_now_us(), 1));
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE), WEIGATE_OK);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_ERASED);
}

static const struct kit_check checks[] = {
    {CHECK(defaults_alone_open_or_name_what_is_missing), .numbers = "15", .is_closed = true},
    {CHECK(opening_alone_touches_nothing), .numbers = "17", .is_closed = true},
    {CHECK(opening_and_closing_often_leaves_nothing_behind), .numbers = "19", .is_closed = true},
    {CHECK(opening_and_closing_a_thousand_times_leaves_nothing_behind), .numbers = "19", .level = KIT_FULL, .is_closed = true},
    {CHECK(a_failed_opening_leaves_nothing_behind), .numbers = "20", .is_closed = true},
    {CHECK(connecting_again_finds_everything_there), .numbers = "22"},
    {CHECK(eight_processes_begin_an_empty_store_at_once), .numbers = "23", .is_closed = true},
    {CHECK(two_stores_in_one_process_are_apart), .numbers = "13"},
    {CHECK(health_says_up_and_how_many), .numbers = "95"},
    {CHECK(a_shorter_health_is_not_written_beyond)},
    {CHECK(maintenance_may_run_at_any_time)},
    {CHECK(a_tombstone_outlives_maintenance), .numbers = "64"},
};

const struct kit_chapter kit_life = {"life", checks, sizeof checks / sizeof checks[0]};
