/* SPDX-License-Identifier: Apache-2.0
 * test_file_trouble: the file plugin when its files are taken away, others write, writers are killed, the disk is full. */
#include "file_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static struct kit *kit;

static int setup(void **state) {
  if (kit_setup(state) != 0) return -1;
  kit = file_kit = *state;
  return 0;
}

static int setup_closed(void **state) {
  if (kit_setup_closed(state) != 0) return -1;
  kit = file_kit = *state;
  return 0;
}

/* --- replaced while open --- */

/* D25 */
static void a_replaced_database_is_noticed(void **state) {
  char aside[512];
  (void)state;
  file_record("o1");
  snprintf(aside, sizeof(aside), "%s/aside.db", kit->directory);
  assert_int_equal(rename(file_path(""), aside), 0);
  int fd = open(file_path(""), O_WRONLY | O_CREAT, 0600);
  close(fd);
  assert_int_equal(file_try_record("o2", 1000), WEIGATE_UNAVAILABLE);
  assert_file_says("deleted or replaced");
  assert_int_equal(file_try_load(), WEIGATE_UNAVAILABLE);
}

/* D25 */
static void a_deleted_database_is_not_begun_anew(void **state) {
  (void)state;
  struct weigate_handle *other = NULL;
  file_record("o1");
  assert_int_equal(unlink(file_path("")), 0);
  assert_int_equal(file_try_record("o2", 1000), WEIGATE_UNAVAILABLE);
  assert_int_equal(plugin_connect(&kit->plugin, kit_call(kit), &other), WEIGATE_UNAVAILABLE);
  assert_file_says("is gone; put it back");
  assert_int_not_equal(access(file_path(""), F_OK), 0);
}

/* D25 */
static void a_deleted_log_or_index_is_noticed(void **state) {
  static const char *const suffixes[] = {"-wal", "-shm"};
  (void)state;
  file_record("o1");
  for (size_t i = 0; i < 2; i++) {
    char aside[512];
    snprintf(aside, sizeof(aside), "%s/aside", kit->directory);
    assert_int_equal(rename(file_path(suffixes[i]), aside), 0);
    assert_int_equal(file_try_record("o2", 1000), WEIGATE_UNAVAILABLE);
    assert_int_equal(rename(aside, file_path(suffixes[i])), 0);
    assert_int_equal(file_try_record("o2", 1000), WEIGATE_OK);
  }
}

static void a_deleted_lock_file_is_noticed_and_healed_by_connecting_anew(void **state) {
  (void)state;
  file_record("o1");
  assert_int_equal(unlink(file_path("-lock")), 0);
  assert_int_equal(file_try_record("o2", 1000), WEIGATE_UNAVAILABLE);
  assert_file_says("-lock cannot be used any more");
  plugin_disconnect(&kit->plugin, kit->handle);
  kit->handle = kit_connect(kit);
  assert_int_equal(file_try_record("o2", 1000), WEIGATE_OK);
}

/* --- busy --- */

/* D21 */
static void a_foreign_writer_makes_us_busy_for_our_time_only(void **state) {
  (void)state;
  file_record("o1");
  sqlite3 *db = file_open_raw();
  file_run_sql(db, "BEGIN IMMEDIATE");
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(file_try_record("o2", 200), WEIGATE_BUSY);
  assert_in_range(clock_mono_ms() - began_ms, 150, 1000);
  assert_int_equal(file_try_load(), WEIGATE_OK); /* who reads does not wait */
  file_run_sql(db, "ROLLBACK");
  sqlite3_close(db);
  assert_int_equal(file_try_record("o2", 200), WEIGATE_OK);
}

static int told[2];

/* Called inside of the claim's transaction: the writer's place is held now. */
static int stay_inside(void *context, size_t index, const struct weigate_ticket *found) {
  (void)context, (void)index, (void)found;
  if (write(told[1], "x", 1) != 1) _exit(1);
  for (;;) pause();
}

/* A writer of another process that never comes back: others wait their time, readers do not, and its death frees the place. */
static void a_killed_writer_passes_its_place_on(void **state) {
  char byte;
  (void)state;
#ifdef __SANITIZE_THREAD__
  skip(); /* GCC 12's knows no timed lock that finds its owner dead, and takes the later unlock for a wrong one */
#endif
  assert_int_equal(pipe(told), 0);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    kit_open(kit);
    file_try_claim("c1", 0, NULL);
    file_try_claim("c1", 0, stay_inside);
    _exit(1);
  }
  assert_int_equal(read(told[0], &byte, 1), 1);
  kit_open(kit);
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(file_try_record("o1", 200), WEIGATE_BUSY);
  assert_file_says("other writers held");
  assert_in_range(clock_mono_ms() - began_ms, 150, 1000);
  assert_int_equal(file_try_load(), WEIGATE_OK);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  began_ms = clock_mono_ms();
  assert_int_equal(file_try_record("o1", 2000), WEIGATE_OK);
  assert_in_range(clock_mono_ms() - began_ms, 0, 500);
  close(told[0]);
  close(told[1]);
}

/* D23: killed in the middle of its writes, again and again; what matters to app/kit/crash.c is what is there, here the file
 * itself. */
static void a_database_stays_sound_under_kills(void **state) {
  char text[256];
  (void)state;
  for (unsigned turn = 0; turn < 10; turn++) {
    int ends[2];
    char bytes[64];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      kit_open(kit);
      for (unsigned i = 0;; i++) {
        snprintf(bytes, sizeof(bytes), "o%u.%u", turn, i);
        file_record(bytes);
        if (write(ends[1], "x", 1) != 1) _exit(1);
      }
    }
    for (unsigned left = 10 + 7 * turn; left > 0;) {
      ssize_t got = read(ends[0], bytes, left < sizeof(bytes) ? left : sizeof(bytes));
      assert_true(got > 0);
      left -= (unsigned)got;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ends[0]);
    close(ends[1]);
  }
  file_ask_text("PRAGMA integrity_check", text);
  assert_string_equal(text, "ok");
  file_ask_text("SELECT (SELECT count(*) FROM person) = (SELECT count(*) FROM event)"
                " AND (SELECT count(*) FROM person) = (SELECT value FROM meta WHERE key = 'people')",
                text);
  assert_string_equal(text, "1");
}

/* D24: SQLite before 3.51.3 may lose a page where one connection writes while another restarts the log; here both have to be
 * first in the line. */
static void checkpoints_beside_writers_harm_nothing(void **state) {
  enum { WRITERS = 3, EACH = 150 };
  pid_t children[WRITERS + 1];
  char text[256];
  (void)state;
  for (unsigned n = 0; n <= WRITERS; n++) {
    children[n] = fork();
    if (children[n] != 0) continue;
    kit_open(kit);
    for (unsigned i = 0; i < EACH; i++) {
      char openid[16];
      snprintf(openid, sizeof(openid), "o%u.%u", n, i);
      int class = n < WRITERS ? file_try_record(openid, 10000)
                              : kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_COMPACT);
      if (class != WEIGATE_OK && n < WRITERS) _exit(1);
    }
    kit_close(kit);
    _exit(0);
  }
  for (unsigned n = 0; n <= WRITERS; n++) {
    int status = 0;
    waitpid(children[n], &status, 0);
    assert_int_equal(status, 0);
  }
  file_ask_text("PRAGMA integrity_check", text);
  assert_string_equal(text, "ok");
  file_ask_text("SELECT count(*) FROM person", text);
  assert_int_equal(strtol(text, NULL, 10), WRITERS * EACH);
}

/* --- full --- */

static void write_until_full(void) {
  static char raw[8000];
  struct rlimit limit = {2 * 1024 * 1024, RLIM_INFINITY};
  int class = WEIGATE_OK;
  unsigned count = 0;
  memset(raw, 'x', sizeof(raw));
  signal(SIGXFSZ, SIG_IGN);
  kit_open(kit);
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
  while (class == WEIGATE_OK && count < 2000) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", count);
    struct weigate_person person = kit_person(openid, kit_now_us(), 1);
    struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(person), .count = 1, .items = &person};
    struct weigate_result result = {.struct_size = sizeof(result)};
    person.raw = (struct weigate_text){raw, sizeof(raw)};
    class = kit->plugin.desc->merge_people(kit->handle, kit_call(kit), &batch, &result);
    if (class == WEIGATE_OK) count++;
  }
  if (class != WEIGATE_FULL) {
    fprintf(stderr, "class %d: %s\n", class, kit->call.message);
    _exit(3);
  }
  limit.rlim_cur = RLIM_INFINITY;
  if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(4);
  if (file_try_record("after", 1000) != WEIGATE_OK) _exit(5);
  for (unsigned i = 0; i < count; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    if (strcmp(kit_state_of(kit, openid), "nobody") == 0) _exit(6);
  }
  _exit(0);
}

/* D22, check 75 */
static void a_full_disk_is_told_and_loses_nothing(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0) write_until_full();
  int status = 0;
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name)        cmocka_unit_test_setup_teardown(name, setup, kit_teardown)
#define TEST_CLOSED(name) cmocka_unit_test_setup_teardown(name, setup_closed, kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_replaced_database_is_noticed),
      TEST(a_deleted_database_is_not_begun_anew),
      TEST(a_deleted_log_or_index_is_noticed),
      TEST(a_deleted_lock_file_is_noticed_and_healed_by_connecting_anew),
      TEST(a_foreign_writer_makes_us_busy_for_our_time_only),
      TEST_CLOSED(a_killed_writer_passes_its_place_on),
      TEST_CLOSED(a_database_stays_sound_under_kills),
      TEST_CLOSED(checkpoints_beside_writers_harm_nothing),
      TEST_CLOSED(a_full_disk_is_told_and_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
