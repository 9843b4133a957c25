/* SPDX-License-Identifier: Apache-2.0
 * contract_life: opening, closing, health, and good manners in a process that is not one's own. */
#include "kit.h"

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

static struct kit *kit;

static int setup(void **state) {
  if (kit_setup(state) != 0) return -1;
  kit = *state;
  return 0;
}

static int setup_closed(void **state) {
  if (kit_setup_closed(state) != 0) return -1;
  kit = *state;
  return 0;
}

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

/* check 8 */
static void an_unknown_extension_is_null(void **state) {
  (void)state;
  if (!kit->plugin.desc->extension) return;
  assert_null(kit->plugin.desc->extension("weigate.tickets.v"));
  assert_null(kit->plugin.desc->extension("weigate.tickets.v1x"));
  assert_null(kit->plugin.desc->extension(""));
  assert_null(kit->plugin.desc->extension("nothing"));
}

/* check 15 */
static void defaults_alone_open_or_name_what_is_missing(void **state) {
  struct err err = {{0}};
  (void)state;
  kit->settings.options_count = 0;
  if (plugin_load(&kit->settings, &kit->plugin, &err) == 0) return;
  assert_true(strlen(err.text) > 20);
}

/* check 17 */
static void opening_alone_touches_nothing(void **state) {
  struct err err = {{0}};
  (void)state;
  size_t before = count_entries(kit->directory);
  assert_int_equal(plugin_load(&kit->settings, &kit->plugin, &err), 0);
  assert_int_equal(count_entries(kit->directory), before);
}

/* check 19 */
static void opening_and_closing_often_leaves_nothing_behind(void **state) {
  (void)state;
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

/* check 22 */
static void connecting_again_finds_everything_there(void **state) {
  (void)state;
  record_somebody();
  struct weigate_handle *second = kit_connect(kit), *third = kit_connect(kit);
  assert_string_not_equal(kit_state_of(kit, "o1"), "nobody");
  plugin_disconnect(&kit->plugin, second);
  plugin_disconnect(&kit->plugin, third);
}

/* check 23 */
static void eight_processes_begin_an_empty_store_at_once(void **state) {
  pid_t children[8];
  int gate[2];
  (void)state;
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

/* check 13 */
static void two_stores_in_one_process_are_apart(void **state) {
  (void)state;
  void *made = NULL;
  assert_int_equal(kit_setup(&made), 0);
  struct kit *other = made;
  record_somebody();
  assert_string_equal(kit_state_of(other, "o1"), "nobody");
  assert_string_not_equal(kit_state_of(kit, "o1"), "nobody");
  kit_teardown(&made);
}

/* check 6: a later host has a longer struct; what lies behind the known part is none of the plugin's business. */
static void a_longer_host_works(void **state) {
  static struct {
    struct weigate_host known;
    uint8_t later[128];
  } host;
  (void)state;
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

/* check 95 */
static void health_says_up_and_how_many(void **state) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  (void)state;
  record_somebody();
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(kit->plugin.desc->health(kit->handle, kit_call(kit), &health), WEIGATE_OK);
  assert_in_range(clock_mono_ms() - began_ms, 0, KIT_TIMEOUT_MS);
  assert_true(health.state == WEIGATE_UP || health.state == WEIGATE_DEGRADED);
  assert_int_equal(health.people_estimate, 1);
  assert_non_null(memchr(health.text, '\0', sizeof(health.text)));
}

static void a_shorter_health_is_not_written_beyond(void **state) {
  struct weigate_health health;
  (void)state;
  memset(&health, 0x5a, sizeof(health));
  health.struct_size = offsetof(struct weigate_health, schema_version);
  assert_int_equal(kit->plugin.desc->health(kit->handle, kit_call(kit), &health), WEIGATE_OK);
  assert_int_equal((unsigned char)health.text[0], 0x5a);
}

static void maintenance_may_run_at_any_time(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++)
    assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT),
                     WEIGATE_OK);
  record_somebody();
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), 0x4000), WEIGATE_INVALID);
}

/* check 64 */
static void a_tombstone_outlives_maintenance(void **state) {
  (void)state;
  struct weigate_person person = kit_person("o1", kit_now_us() - 1000, 1);
  kit_erase(kit, "o1", kit_stamp(kit_now_us(), 1));
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE), WEIGATE_OK);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_ERASED);
}

/* check 97 */
static void the_process_is_left_as_it_was(void **state) {
  char before[4096], after[4096], *where;
  sigset_t blocked_before, blocked_after;
  (void)state;
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

/* check 98 */
static void every_descriptor_is_closed_on_exec(void **state) {
  bool was_open[1024];
  (void)state;
  for (int fd = 0; fd < 1024; fd++) was_open[fd] = fcntl(fd, F_GETFD) >= 0;
  kit_open(kit);
  record_somebody();
  for (int fd = 0; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !was_open[fd]) assert_true(flags & FD_CLOEXEC);
  }
}

/* check 99 */
static void messages_hold_nothing_about_people(void **state) {
  (void)state;
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text("wxCanary77"), .openid = kit_text("oCanary77\xff")};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  assert_int_equal(kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, NULL, NULL), WEIGATE_INVALID);
  assert_true(kit->call.message[0] != '\0');
  assert_null(strstr(kit->call.message, "Canary77"));
}

#define TEST(name)        cmocka_unit_test_setup_teardown(name, setup, kit_teardown)
#define TEST_CLOSED(name) cmocka_unit_test_setup_teardown(name, setup_closed, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_unknown_extension_is_null),
      TEST_CLOSED(defaults_alone_open_or_name_what_is_missing),
      TEST_CLOSED(opening_alone_touches_nothing),
      TEST_CLOSED(opening_and_closing_often_leaves_nothing_behind),
      TEST(connecting_again_finds_everything_there),
      TEST_CLOSED(eight_processes_begin_an_empty_store_at_once),
      TEST(two_stores_in_one_process_are_apart),
      TEST_CLOSED(a_longer_host_works),
      TEST(health_says_up_and_how_many),
      TEST(a_shorter_health_is_not_written_beyond),
      TEST(maintenance_may_run_at_any_time),
      TEST(a_tombstone_outlives_maintenance),
      TEST_CLOSED(the_process_is_left_as_it_was),
      TEST_CLOSED(every_descriptor_is_closed_on_exec),
      TEST(messages_hold_nothing_about_people),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
