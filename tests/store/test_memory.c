/* SPDX-License-Identifier: Apache-2.0
 * test_memory: what the memory plugin promises beyond the contract: shared by processes, bounded, and never a SIGBUS. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"

static struct kit *kit;

static void use_options(const char *options) {
  setenv("WEIGATE_PLUGIN", TEST_PLUGIN_DIR "/memory.so", 1);
  setenv("WEIGATE_PLUGIN_OPTIONS", options, 1);
  if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 1);
}

static int setup_closed(void **state) {
  use_options("path=@DIR@/people;size=4M");
  if (kit_setup_closed(state) != 0) return -1;
  kit = *state;
  return 0;
}

static int setup(void **state) {
  if (setup_closed(state) != 0) return -1;
  kit_open(kit);
  return 0;
}

static int setup_too_large(void **state) {
  use_options("path=@DIR@/people;size=1024G");
  if (kit_setup_closed(state) != 0) return -1;
  kit = *state;
  return 0;
}

static const char *path_of(const char *suffix) {
  static char path[512];
  snprintf(path, sizeof(path), "%s/people%s", kit->directory, suffix);
  return path;
}

/* The class of a first connect; the plugin stays loaded for the teardown. */
static int try_to_connect(void) {
  struct err err = {{0}};
  struct weigate_handle *handle = NULL;
  if (plugin_load(&kit->settings, &kit->plugin, &err) != 0) fail_msg("%s", err.text);
  int class = plugin_connect(&kit->plugin, kit_call(kit), &handle);
  if (handle) plugin_disconnect(&kit->plugin, handle);
  plugin_unload(&kit->plugin);
  return class;
}

static int record_number(unsigned number) {
  char openid[16];
  snprintf(openid, sizeof(openid), "o%06u", number);
  struct weigate_person person = kit_person(openid, kit_now_us() - 1000000 + number, number + 1);
  struct weigate_event event = kit_event(openid, kit_now_us() - 1000000 + number, number + 1);
  struct weigate_signin item = {.struct_size = sizeof(item), .person = &person, .event = &event};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(item), .count = 1, .items = &item};
  struct weigate_result result = {.struct_size = sizeof(result)};
  return kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, &result);
}

/* --- room --- */

/* M04, M07 */
static void when_full_the_longest_unseen_make_room(void **state) {
  enum { COUNT = 12000 };
  (void)state;
  struct weigate_health health = {.struct_size = sizeof(health)};
  for (unsigned i = 0; i < COUNT; i++)
    if (record_number(i) != WEIGATE_OK) fail_msg("%u: %s", i, kit->call.message);
  assert_string_equal(kit_state_of(kit, "o000000"), "nobody");
  struct store_person last = kit_load(kit, "o011999");
  assert_true(last.is_found);
  assert_int_equal(last.person.login_count, 1);
  store_person_done(&last);
  assert_int_equal(kit->plugin.desc->health(kit->handle, kit_call(kit), &health), WEIGATE_OK);
  assert_int_equal(health.state, WEIGATE_UP);
  assert_in_range(health.people_estimate, 1000, COUNT - 1);
  assert_non_null(strstr(health.text, "make room"));
}

/* M02 */
static void more_than_there_is_is_an_error_at_creation(void **state) {
  (void)state;
  assert_int_equal(try_to_connect(), WEIGATE_FULL);
  assert_non_null(strstr(kit->call.message, "smaller size"));
  assert_int_not_equal(access(path_of(""), F_OK), 0);
}

static void all_its_memory_is_reserved_when_it_is_made(void **state) {
  struct stat file;
  (void)state;
  assert_int_equal(stat(path_of(""), &file), 0);
  assert_int_equal(file.st_size, 4 << 20);
  assert_true((uint64_t)file.st_blocks * 512 >= 4 << 20);
}

/* --- whose it is --- */

/* M06 */
static void its_files_are_its_users_alone(void **state) {
  static const char *const suffixes[] = {"", "-lock", "-line"};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    struct stat file;
    assert_int_equal(stat(path_of(suffixes[i]), &file), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
  }
}

static void a_file_that_others_may_read_is_refused(void **state) {
  (void)state;
  int fd = open(path_of(""), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  assert_int_equal(fchmod(fd, 0644), 0);
  close(fd);
  assert_int_equal(try_to_connect(), WEIGATE_CONFIG);
  assert_non_null(strstr(kit->call.message, "0600"));
}

static void a_symbolic_link_is_refused(void **state) {
  (void)state;
  assert_int_equal(symlink("/dev/null", path_of("")), 0);
  assert_int_equal(try_to_connect(), WEIGATE_CONFIG);
}

/* --- damage --- */

/* M03 */
static void a_file_that_was_cut_short_is_refused(void **state) {
  (void)state;
  for (unsigned i = 0; i < 1000; i++) assert_int_equal(record_number(i), WEIGATE_OK);
  kit_close(kit);
  assert_int_equal(truncate(path_of(""), 2 << 20), 0);
  int class = try_to_connect();
  assert_true(class == WEIGATE_CORRUPT || class == WEIGATE_OK); /* OK: what was cut off held nothing */
  assert_int_equal(truncate(path_of(""), (1 << 20) + 4096), 0);
  assert_int_equal(try_to_connect(), WEIGATE_CORRUPT);
  assert_non_null(strstr(kit->call.message, "cut short"));
}

/* M03 */
static void cut_short_while_it_is_open_it_answers_no_more(void **state) {
  (void)state;
  assert_int_equal(record_number(1), WEIGATE_OK);
  assert_int_equal(truncate(path_of(""), 8192), 0);
  assert_int_equal(record_number(2), WEIGATE_CORRUPT);
}

/* M03 */
static void a_foreign_file_is_refused(void **state) {
  (void)state;
  int fd = open(path_of(""), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  assert_int_equal(ftruncate(fd, 4 << 20), 0);
  assert_int_equal(pwrite(fd, "SQLite format 3", 16, 0), 16);
  close(fd);
  assert_int_equal(try_to_connect(), WEIGATE_CORRUPT);
}

static void deleted_under_its_users_it_answers_no_more(void **state) {
  (void)state;
  assert_int_equal(unlink(path_of("")), 0);
  assert_int_equal(record_number(1), WEIGATE_CORRUPT);
  assert_non_null(strstr(kit->call.message, "restart"));
}

/* --- processes --- */

/* Runs in a child of its own, which opens its own. */
static pid_t start(void (*work)(int ready), int *ret_fd) {
  int pipes[2];
  assert_int_equal(pipe(pipes), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    close(pipes[0]);
    work(pipes[1]);
    _exit(0);
  }
  close(pipes[1]);
  *ret_fd = pipes[0];
  return pid;
}

static void write_for_ever(int ready) {
  kit_open(kit);
  for (unsigned i = 0;; i++) {
    if (record_number(i % 5000) != WEIGATE_OK) _exit(1);
    if (i == 50 && write(ready, "x", 1) != 1) _exit(1);
  }
}

/* M01, check 73 */
static void killed_writers_leave_it_whole(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    int status, fd;
    char byte;
    pid_t pid = start(write_for_ever, &fd);
    assert_int_equal(read(fd, &byte, 1), 1);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(fd);
    kit_open(kit);
    assert_int_equal(record_number(9000), WEIGATE_OK);
    for (unsigned i = 0; i < 50; i++) {
      char openid[16];
      snprintf(openid, sizeof(openid), "o%06u", i);
      struct store_person found = kit_load(kit, openid);
      assert_true(found.is_found && found.person.login_count >= 1);
      store_person_done(&found);
    }
    kit_close(kit);
  }
}

static void write_two(int ready) {
  kit_open(kit);
  if (record_number(1) != WEIGATE_OK || write(ready, "x", 1) != 1) _exit(1);
  if (record_number(2) != WEIGATE_OK || write(ready, "x", 1) != 1) _exit(1);
  kit_close(kit);
}

static void what_one_process_writes_another_reads(void **state) {
  int status, fd;
  char bytes[1];
  (void)state;
  pid_t pid = start(write_two, &fd);
  assert_int_equal(read(fd, bytes, 1), 1);
  kit_open(kit);
  assert_string_not_equal(kit_state_of(kit, "o000001"), "nobody");
  assert_int_equal(read(fd, bytes, 1), 1);
  assert_string_not_equal(kit_state_of(kit, "o000002"), "nobody");
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  close(fd);
}

/* M07 */
static void an_open_store_is_refused_in_a_forked_child(void **state) {
  int status;
  (void)state;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) _exit(record_number(1) == WEIGATE_INVALID ? 0 : 1);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
  assert_int_equal(record_number(1), WEIGATE_OK);
}

static void read_and_wait(int ready) {
  kit_open(kit);
  if (kit_load(kit, "o000000").is_found) _exit(1);
  if (write(ready, "x", 1) != 1) _exit(1);
  for (;;) pause();
}

/* check 89, M07 */
static void killed_readers_are_cleared_in_maintenance(void **state) {
  int status, fd;
  char byte;
  (void)state;
  pid_t pid = start(read_and_wait, &fd);
  assert_int_equal(read(fd, &byte, 1), 1);
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  close(fd);
  kit_open(kit);
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT),
                   WEIGATE_OK);
  for (unsigned i = 0; i < 3000; i++) assert_int_equal(record_number(i), WEIGATE_OK);
}

/* Long and short values, written over and over, among erasures and maintenance: nothing is lost by overwriting what is left over.
 */
static void maintenance_overwrites_nothing_that_is_alive(void **state) {
  static char long_name[WEIGATE_NICKNAME_MAX], long_raw[WEIGATE_RAW_MAX];
  (void)state;
  memset(long_name, 'n', sizeof(long_name));
  memset(long_raw, 'r', sizeof(long_raw));
  int64_t now_us = kit_now_us() - 1000000;
  for (unsigned i = 0; i < 120; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i % 40);
    struct weigate_person person = kit_person(openid, now_us + i, i + 1);
    person.nickname = (struct weigate_text){long_name, i * 83 % sizeof(long_name)};
    person.raw = (struct weigate_text){long_raw, i * 977 % sizeof(long_raw)};
    kit_record(kit, &person, NULL, NULL);
    if (i % 40 == 7) kit_erase(kit, "o3", kit_stamp(now_us + i, i));
    if (i % 20 == 19)
      assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_COMPACT), WEIGATE_OK);
  }
  kit_close(kit);
  kit_open(kit);
  for (unsigned i = 80; i < 120; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i % 40);
    struct store_person found = kit_load(kit, openid);
    if (i % 40 == 3) {
      assert_false(found.is_found);
      continue;
    }
    assert_true(found.is_found);
    assert_int_equal(found.person.nickname.size, i * 83 % sizeof(long_name));
    assert_int_equal(found.person.raw.size, i * 977 % sizeof(long_raw));
    assert_memory_equal(found.person.raw.bytes, long_raw, found.person.raw.size);
    store_person_done(&found);
  }
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void) {
  if (access(TEST_PLUGIN_DIR "/memory.so", R_OK) != 0) return 77;
  const struct CMUnitTest tests[] = {
      TEST(when_full_the_longest_unseen_make_room, setup),
      TEST(more_than_there_is_is_an_error_at_creation, setup_too_large),
      TEST(all_its_memory_is_reserved_when_it_is_made, setup),
      TEST(its_files_are_its_users_alone, setup),
      TEST(a_file_that_others_may_read_is_refused, setup_closed),
      TEST(a_symbolic_link_is_refused, setup_closed),
      TEST(a_file_that_was_cut_short_is_refused, setup),
      TEST(cut_short_while_it_is_open_it_answers_no_more, setup),
      TEST(a_foreign_file_is_refused, setup_closed),
      TEST(deleted_under_its_users_it_answers_no_more, setup),
      TEST(killed_writers_leave_it_whole, setup_closed),
      TEST(what_one_process_writes_another_reads, setup_closed),
      TEST(an_open_store_is_refused_in_a_forked_child, setup),
      TEST(killed_readers_are_cleared_in_maintenance, setup_closed),
      TEST(maintenance_overwrites_nothing_that_is_alive, setup),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
