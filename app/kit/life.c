/* SPDX-License-Identifier: Apache-2.0
 * life: opening, closing, health, and good manners in a process that is not one's own. */
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
#include "store/host.h"

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

static void an_unknown_extension_is_null(void) {
  if (!kit->plugin.desc->extension) return;
  assert_null(kit->plugin.desc->extension("weigate.tickets.v"));
  assert_null(kit->plugin.desc->extension("weigate.tickets.v1x"));
  assert_null(kit->plugin.desc->extension(""));
  assert_null(kit->plugin.desc->extension("nothing"));
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

static void opening_and_closing_often_leaves_nothing_behind(void) {
  kit_open(kit);
  kit_close(kit);
  size_t descriptors = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
  for (int i = 0; i < 200; i++) {
    kit_open(kit);
    kit_close(kit);
  }
  assert_int_equal(count_entries("/proc/self/fd"), descriptors);
  assert_int_equal(count_entries("/proc/self/task"), threads);
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

/* A later host has a longer struct; what lies behind the known part is none of the plugin's business. */
static void a_longer_host_works(void) {
  static struct {
    struct weigate_host known;
    uint8_t later[128];
  } host;
  host.known = host_services;
  host.known.struct_size = sizeof(host);
  host.known.abi_minor = 9;
  memset(host.later, 0x5a, sizeof(host.later));
  kit_open(kit);
  void *code = dlopen(kit->plugin.path, RTLD_NOW | RTLD_LOCAL), *symbol = code ? dlsym(code, "weigate_storage_plugin_v1") : NULL;
  assert_non_null(symbol);
  weigate_storage_plugin_function entry;
  memcpy(&entry, &symbol, sizeof(entry));
  const struct weigate_storage_plugin *desc = entry(&host.known);
  assert_non_null(desc);
  assert_string_equal(desc->name, kit->plugin.desc->name);
  dlclose(code);
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

static void the_process_is_left_as_it_was(void) {
  char before[4096], after[4096], *where;
  sigset_t blocked_before, blocked_after;
  assert_non_null(getcwd(before, sizeof(before)));
  mode_t mask = umask(022);
  where = strdup(setlocale(LC_ALL, NULL));
  pthread_sigmask(SIG_SETMASK, NULL, &blocked_before);
  kit_open(kit);
  record_somebody();
  kit_close(kit);
  pthread_sigmask(SIG_SETMASK, NULL, &blocked_after);
  for (int number = 1; number < NSIG; number++)
    assert_int_equal(sigismember(&blocked_before, number), sigismember(&blocked_after, number));
  assert_string_equal(setlocale(LC_ALL, NULL), where);
  assert_int_equal(umask(mask), 022);
  assert_non_null(getcwd(after, sizeof(after)));
  assert_string_equal(before, after);
  free(where);
}

static void every_descriptor_is_closed_on_exec(void) {
  bool was_open[1024];
  for (int fd = 0; fd < 1024; fd++) was_open[fd] = fcntl(fd, F_GETFD) >= 0;
  kit_open(kit);
  record_somebody();
  for (int fd = 0; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !was_open[fd]) assert_true(flags & FD_CLOEXEC);
  }
}

static void messages_hold_nothing_about_people(void) {
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text("wxCanary77"), .openid = kit_text("oCanary77\xff")};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  assert_int_equal(kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, NULL, NULL), WEIGATE_INVALID);
  assert_true(kit->call.message[0] != '\0');
  assert_null(strstr(kit->call.message, "Canary77"));
}

static const struct kit_check checks[] = {
    {CHECK(an_unknown_extension_is_null), .numbers = "8"},
    {CHECK(defaults_alone_open_or_name_what_is_missing), .numbers = "15", .is_closed = true},
    {CHECK(opening_alone_touches_nothing), .numbers = "17", .is_closed = true},
    {CHECK(opening_and_closing_often_leaves_nothing_behind), .numbers = "19", .is_closed = true},
    {CHECK(connecting_again_finds_everything_there), .numbers = "22"},
    {CHECK(eight_processes_begin_an_empty_store_at_once), .numbers = "23", .is_closed = true},
    {CHECK(two_stores_in_one_process_are_apart), .numbers = "13"},
    {CHECK(a_longer_host_works), .numbers = "6", .is_closed = true},
    {CHECK(health_says_up_and_how_many), .numbers = "95"},
    {CHECK(a_shorter_health_is_not_written_beyond)},
    {CHECK(maintenance_may_run_at_any_time)},
    {CHECK(a_tombstone_outlives_maintenance), .numbers = "64"},
    {CHECK(the_process_is_left_as_it_was), .numbers = "97", .is_closed = true},
    {CHECK(every_descriptor_is_closed_on_exec), .numbers = "98", .is_closed = true},
    {CHECK(messages_hold_nothing_about_people), .numbers = "99"},
};

const struct kit_chapter kit_life = {"life", checks, sizeof checks / sizeof checks[0]};
