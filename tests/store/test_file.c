/* SPDX-License-Identifier: Apache-2.0
 * test_file: what is particular to the file plugin: SQLite's troubles, the writers' line, what lies in the directory. */
#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static struct kit *kit;
static char path[512];

static const char *file(const char *suffix) {
  snprintf(path, sizeof(path), "%s/test.db%s", kit->directory, suffix);
  return path;
}

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

/* --- helpers --- */

/* The plugin's fsyncs land here, because this program comes first in the linker's search. */
static unsigned syncs;
int fdatasync(int fd);
int fdatasync(int fd) {
  syncs++;
  return (int)syscall(SYS_fdatasync, fd);
}
int fsync(int fd);
int fsync(int fd) {
  syncs++;
  return (int)syscall(SYS_fsync, fd);
}

static sqlite3 *open_raw(void) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open_v2(file(""), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
  return db;
}

static void run_sql(sqlite3 *db, const char *sql) {
  char *why = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
}

static void ask_text(const char *sql, char ret_text[256]) {
  sqlite3 *db = open_raw();
  sqlite3_stmt *ask = NULL;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &ask, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
  snprintf(ret_text, 256, "%s", (const char *)sqlite3_column_text(ask, 0));
  sqlite3_finalize(ask);
  sqlite3_close(db);
}

static enum weigate_item record_person(const char *openid) {
  struct weigate_person person = kit_person(openid, kit_now_us(), 1);
  struct weigate_event event = kit_event(openid, kit_now_us(), 1);
  return kit_record(kit, &person, &event, NULL);
}

/* The class of a record that need not succeed. */
static int try_record(const char *openid, uint32_t timeout_ms) {
  struct weigate_person person = kit_person(openid, kit_now_us(), 1);
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(signin), .count = 1, .items = &signin};
  struct weigate_result result = {.struct_size = sizeof(result)};
  kit->call = plugin_call(timeout_ms);
  return kit->plugin.desc->record_signins(kit->handle, &kit->call, &batch, &result);
}

static int try_claim(const char *key, uint32_t flags, weigate_ticket_sink sink) {
  struct weigate_ticket ticket = kit_ticket("code", key, "v");
  struct weigate_tickets batch = {.struct_size = sizeof(batch), .stride = sizeof(ticket), .count = 1, .items = &ticket};
  struct weigate_result result = {.struct_size = sizeof(result)};
  ticket.flags = flags;
  return kit->plugin.tickets->claim(kit->handle, kit_call(kit), &batch, &result, sink, NULL);
}

static int ignore(void *context, size_t index, const struct weigate_person *person) {
  (void)context, (void)index, (void)person;
  return 0;
}

static int try_load(void) {
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text(KIT_APPID), .openid = kit_text("o1")};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  return kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, ignore, NULL);
}

/* Connects; the class. */
static int try_connect(void) {
  struct err err = {{0}};
  if (plugin_load(&kit->settings, &kit->plugin, &err) != 0) fail_msg("%s", err.text);
  return plugin_connect(&kit->plugin, kit_call(kit), &kit->handle);
}

static void assert_says(const char *part) {
  if (!strstr(kit->call.message, part)) fail_msg("\"%s\" does not say \"%s\"", kit->call.message, part);
}

/* --- the files --- */

static void all_files_are_for_the_owner_only(void **state) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
  struct stat status;
  (void)state;
  record_person("o1");
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(stat(file(suffixes[i]), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
  }
}

static void any_sqlite_tool_reads_the_views(void **state) {
  char text[256];
  (void)state;
  record_person("o1");
  ask_text("SELECT nickname || ' ' || sex || ' ' || login_count || ' ' || login_days FROM people", text);
  assert_string_equal(text, "小明 male 1 1");
  ask_text("SELECT outcome || ' ' || (at LIKE '20__-__-__ __:__:__') || ' ' || is_snapshot FROM sign_ins", text);
  assert_string_equal(text, "signed_in 1 0");
  ask_text("PRAGMA integrity_check", text);
  assert_string_equal(text, "ok");
  ask_text("PRAGMA journal_mode", text);
  assert_string_equal(text, "wal");
}

static void the_log_does_not_grow_without_end(void **state) {
  static char raw[8000];
  struct stat status;
  (void)state;
  memset(raw, 'x', sizeof(raw));
  for (unsigned i = 0; i < 3000; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), i);
    person.raw = (struct weigate_text){raw, sizeof(raw)};
    assert_int_equal(kit_merge(kit, &person), WEIGATE_ITEM_NEW);
  }
  assert_int_equal(stat(file("-wal"), &status), 0);
  assert_in_range(status.st_size, 1, 16 * 1024 * 1024);
}

/* --- syncing --- */

static void a_record_is_synced_and_a_claim_is_not(void **state) {
  (void)state;
  record_person("o1");
  syncs = 0;
  record_person("o2");
  assert_in_range(syncs, 1, 4);
  syncs = 0;
  assert_int_equal(try_claim("c1", 0, NULL), WEIGATE_OK);
  assert_int_equal(syncs, 0);
  assert_int_equal(try_claim("c2", WEIGATE_TICKET_DURABLE, NULL), WEIGATE_OK);
  assert_in_range(syncs, 1, 4);
  syncs = 0;
  record_person("o3");
  assert_in_range(syncs, 1, 4);
}

/* --- refusals at the door --- */

static void a_missing_directory_is_named(void **state) {
  struct err err = {{0}};
  (void)state;
  kit->options[0].value = "/nonexistent/weigate/x.db";
  assert_int_equal(plugin_load(&kit->settings, &kit->plugin, &err), -1);
  assert_non_null(strstr(err.text, "the directory /nonexistent/weigate: No such file or directory; make it"));
}

static void a_relative_path_is_refused(void **state) {
  struct err err = {{0}};
  (void)state;
  kit->options[0].value = "x.db";
  assert_int_equal(plugin_load(&kit->settings, &kit->plugin, &err), -1);
  assert_non_null(strstr(err.text, "path = x.db is not an absolute path"));
}

/* check 24 */
static void a_newer_schema_is_not_touched(void **state) {
  char version[256];
  (void)state;
  record_person("o1");
  kit_close(kit);
  sqlite3 *db = open_raw();
  run_sql(db, "PRAGMA user_version = 99");
  sqlite3_close(db);
  assert_int_equal(try_connect(), WEIGATE_SCHEMA_NEWER);
  assert_says("schema version 99, this plugin knows 1");
  ask_text("SELECT user_version || ' ' || (SELECT count(*) FROM person) FROM pragma_user_version", version);
  assert_string_equal(version, "99 1");
}

static void the_database_of_another_application_is_refused(void **state) {
  char mode[256];
  (void)state;
  sqlite3 *db = open_raw();
  run_sql(db, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  sqlite3_close(db);
  assert_int_equal(try_connect(), WEIGATE_CONFIG);
  assert_says("another application");
  kit_close(kit);
  ask_text("PRAGMA journal_mode", mode);
  assert_string_equal(mode, "delete");
}

/* D22, check 76 */
static void what_is_no_database_is_corrupt_and_not_empty(void **state) {
  static const char text[] =
      "This is a letter, and not a database of any kind at all; it is longer than a hundred bytes, so that it "
      "cannot be taken for an empty file.";
  (void)state;
  int fd = open(file(""), O_WRONLY | O_CREAT, 0600);
  assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
  close(fd);
  assert_int_equal(try_connect(), WEIGATE_CORRUPT);
  assert_says("restore it from a copy");
}

/* D22, check 76 */
static void a_damaged_page_is_corrupt_and_not_empty(void **state) {
  static char noise[4096];
  struct stat status;
  (void)state;
  for (unsigned i = 0; i < 200; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    record_person(openid);
  }
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_COMPACT), WEIGATE_OK);
  kit_close(kit);
  assert_int_equal(stat(file(""), &status), 0);
  int fd = open(file(""), O_WRONLY);
  memset(noise, 0xa7, sizeof(noise));
  for (off_t at = 4096; at < status.st_size; at += 4096) assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
  close(fd);
  int class = try_connect();
  if (class == WEIGATE_OK) class = try_load();
  assert_int_equal(class, WEIGATE_CORRUPT);
}

/* D22, check 75 */
static void a_directory_that_we_may_not_write_is_told(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  assert_int_equal(chmod(kit->directory, 0755), 0);
  pid_t child = fork();
  if (child == 0) {
    struct err err = {{0}};
    if (plugin_load(&kit->settings, &kit->plugin, &err) != 0 || seteuid(65534) != 0) _exit(2);
    int class = plugin_connect(&kit->plugin, kit_call(kit), &kit->handle);
    _exit(class == WEIGATE_CONFIG && strstr(kit->call.message, "its directory must exist and be writable") ? 0 : 3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
}

/* --- replaced while open --- */

/* D25 */
static void a_replaced_database_is_noticed(void **state) {
  char aside[512];
  (void)state;
  record_person("o1");
  snprintf(aside, sizeof(aside), "%s/aside.db", kit->directory);
  assert_int_equal(rename(file(""), aside), 0);
  int fd = open(file(""), O_WRONLY | O_CREAT, 0600);
  close(fd);
  assert_int_equal(try_record("o2", 1000), WEIGATE_UNAVAILABLE);
  assert_says("deleted or replaced");
  assert_int_equal(try_load(), WEIGATE_UNAVAILABLE);
}

/* D25 */
static void a_deleted_database_is_not_begun_anew(void **state) {
  (void)state;
  struct weigate_handle *other = NULL;
  record_person("o1");
  assert_int_equal(unlink(file("")), 0);
  assert_int_equal(try_record("o2", 1000), WEIGATE_UNAVAILABLE);
  assert_int_equal(plugin_connect(&kit->plugin, kit_call(kit), &other), WEIGATE_UNAVAILABLE);
  assert_says("is gone; put it back");
  assert_int_not_equal(access(file(""), F_OK), 0);
}

/* D25 */
static void a_deleted_log_or_index_is_noticed(void **state) {
  static const char *const suffixes[] = {"-wal", "-shm"};
  (void)state;
  record_person("o1");
  for (size_t i = 0; i < 2; i++) {
    char aside[512];
    snprintf(aside, sizeof(aside), "%s/aside", kit->directory);
    assert_int_equal(rename(file(suffixes[i]), aside), 0);
    assert_int_equal(try_record("o2", 1000), WEIGATE_UNAVAILABLE);
    assert_int_equal(rename(aside, file(suffixes[i])), 0);
    assert_int_equal(try_record("o2", 1000), WEIGATE_OK);
  }
}

static void a_deleted_lock_file_is_noticed_and_healed_by_connecting_anew(void **state) {
  (void)state;
  record_person("o1");
  assert_int_equal(unlink(file("-lock")), 0);
  assert_int_equal(try_record("o2", 1000), WEIGATE_UNAVAILABLE);
  assert_says("-lock cannot be used any more");
  plugin_disconnect(&kit->plugin, kit->handle);
  kit->handle = kit_connect(kit);
  assert_int_equal(try_record("o2", 1000), WEIGATE_OK);
}

/* --- busy --- */

/* D21 */
static void a_foreign_writer_makes_us_busy_for_our_time_only(void **state) {
  (void)state;
  record_person("o1");
  sqlite3 *db = open_raw();
  run_sql(db, "BEGIN IMMEDIATE");
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(try_record("o2", 200), WEIGATE_BUSY);
  assert_in_range(clock_mono_ms() - began_ms, 150, 1000);
  assert_int_equal(try_load(), WEIGATE_OK); /* who reads does not wait */
  run_sql(db, "ROLLBACK");
  sqlite3_close(db);
  assert_int_equal(try_record("o2", 200), WEIGATE_OK);
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
    try_claim("c1", 0, NULL);
    try_claim("c1", 0, stay_inside);
    _exit(1);
  }
  assert_int_equal(read(told[0], &byte, 1), 1);
  kit_open(kit);
  uint64_t began_ms = clock_mono_ms();
  assert_int_equal(try_record("o1", 200), WEIGATE_BUSY);
  assert_says("other writers held");
  assert_in_range(clock_mono_ms() - began_ms, 150, 1000);
  assert_int_equal(try_load(), WEIGATE_OK);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  began_ms = clock_mono_ms();
  assert_int_equal(try_record("o1", 2000), WEIGATE_OK);
  assert_in_range(clock_mono_ms() - began_ms, 0, 500);
  close(told[0]);
  close(told[1]);
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
  if (try_record("after", 1000) != WEIGATE_OK) _exit(5);
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
      TEST(all_files_are_for_the_owner_only),
      TEST(any_sqlite_tool_reads_the_views),
      TEST(the_log_does_not_grow_without_end),
      TEST(a_record_is_synced_and_a_claim_is_not),
      TEST_CLOSED(a_missing_directory_is_named),
      TEST_CLOSED(a_relative_path_is_refused),
      TEST(a_newer_schema_is_not_touched),
      TEST_CLOSED(the_database_of_another_application_is_refused),
      TEST_CLOSED(what_is_no_database_is_corrupt_and_not_empty),
      TEST(a_damaged_page_is_corrupt_and_not_empty),
      TEST_CLOSED(a_directory_that_we_may_not_write_is_told),
      TEST(a_replaced_database_is_noticed),
      TEST(a_deleted_database_is_not_begun_anew),
      TEST(a_deleted_log_or_index_is_noticed),
      TEST(a_deleted_lock_file_is_noticed_and_healed_by_connecting_anew),
      TEST(a_foreign_writer_makes_us_busy_for_our_time_only),
      TEST_CLOSED(a_killed_writer_passes_its_place_on),
      TEST_CLOSED(a_full_disk_is_told_and_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
