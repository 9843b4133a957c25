/* SPDX-License-Identifier: Apache-2.0
 * test_file: what is particular to the file plugin: what lies in its directory, what it syncs, which databases it refuses. */
#include "file_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* --- the files --- */

static void all_files_are_for_the_owner_only(void **state) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
  struct stat status;
  (void)state;
  file_record("o1");
  for (size_t i = 0; i < 4; i++) {
    assert_int_equal(stat(file_path(suffixes[i]), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
  }
}

static void any_sqlite_tool_reads_the_views(void **state) {
  char text[256];
  (void)state;
  file_record("o1");
  file_ask_text("SELECT nickname || ' ' || sex || ' ' || login_count || ' ' || login_days FROM people", text);
  assert_string_equal(text, "小明 male 1 1");
  file_ask_text("SELECT outcome || ' ' || (at LIKE '20__-__-__ __:__:__') || ' ' || is_snapshot FROM sign_ins", text);
  assert_string_equal(text, "signed_in 1 0");
  file_ask_text("PRAGMA integrity_check", text);
  assert_string_equal(text, "ok");
  file_ask_text("PRAGMA journal_mode", text);
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
  assert_int_equal(stat(file_path("-wal"), &status), 0);
  assert_in_range(status.st_size, 1, 16 * 1024 * 1024);
}

/* --- syncing --- */

static void a_record_is_synced_and_a_claim_is_not(void **state) {
  (void)state;
  file_record("o1");
  syncs = 0;
  file_record("o2");
  assert_in_range(syncs, 1, 4);
  syncs = 0;
  assert_int_equal(file_try_claim("c1", 0, NULL), WEIGATE_OK);
  assert_int_equal(syncs, 0);
  assert_int_equal(file_try_claim("c2", WEIGATE_TICKET_DURABLE, NULL), WEIGATE_OK);
  assert_in_range(syncs, 1, 4);
  syncs = 0;
  file_record("o3");
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
  file_record("o1");
  kit_close(kit);
  sqlite3 *db = file_open_raw();
  file_run_sql(db, "PRAGMA user_version = 99");
  sqlite3_close(db);
  assert_int_equal(file_try_connect(), WEIGATE_SCHEMA_NEWER);
  assert_file_says("schema version 99, this plugin knows 1");
  file_ask_text("SELECT user_version || ' ' || (SELECT count(*) FROM person) FROM pragma_user_version", version);
  assert_string_equal(version, "99 1");
}

static void the_database_of_another_application_is_refused(void **state) {
  char mode[256];
  (void)state;
  sqlite3 *db = file_open_raw();
  file_run_sql(db, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  sqlite3_close(db);
  assert_int_equal(file_try_connect(), WEIGATE_CONFIG);
  assert_file_says("another application");
  kit_close(kit);
  file_ask_text("PRAGMA journal_mode", mode);
  assert_string_equal(mode, "delete");
}

/* D22, check 76 */
static void what_is_no_database_is_corrupt_and_not_empty(void **state) {
  static const char text[] =
      "This is a letter, and not a database of any kind at all; it is longer than a hundred bytes, so that it "
      "cannot be taken for an empty file.";
  (void)state;
  int fd = open(file_path(""), O_WRONLY | O_CREAT, 0600);
  assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
  close(fd);
  assert_int_equal(file_try_connect(), WEIGATE_CORRUPT);
  assert_file_says("restore it from a copy");
}

/* D22, check 76 */
static void a_damaged_page_is_corrupt_and_not_empty(void **state) {
  static char noise[4096];
  struct stat status;
  (void)state;
  for (unsigned i = 0; i < 200; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    file_record(openid);
  }
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_COMPACT), WEIGATE_OK);
  kit_close(kit);
  assert_int_equal(stat(file_path(""), &status), 0);
  int fd = open(file_path(""), O_WRONLY);
  memset(noise, 0xa7, sizeof(noise));
  for (off_t at = 4096; at < status.st_size; at += 4096) assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
  close(fd);
  int class = file_try_connect();
  if (class == WEIGATE_OK) class = file_try_load();
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
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
