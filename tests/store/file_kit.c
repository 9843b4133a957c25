/* SPDX-License-Identifier: Apache-2.0
 * file_kit: the database itself, seen past the plugin, and calls that need not succeed. */
#include "file_kit.h"

#include <stdio.h>
#include <string.h>

struct kit *file_kit;

const char *file_path(const char *suffix) {
  static char path[512];
  snprintf(path, sizeof(path), "%s/test.db%s", file_kit->directory, suffix);
  return path;
}

sqlite3 *file_open_raw(void) {
  sqlite3 *db = NULL;
  assert_int_equal(sqlite3_open_v2(file_path(""), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
  return db;
}

void file_run_sql(sqlite3 *db, const char *sql) {
  char *why = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
}

void file_ask_text(const char *sql, char ret_text[256]) {
  sqlite3 *db = file_open_raw();
  sqlite3_stmt *ask = NULL;
  assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &ask, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
  snprintf(ret_text, 256, "%s", (const char *)sqlite3_column_text(ask, 0));
  sqlite3_finalize(ask);
  sqlite3_close(db);
}

enum weigate_item file_record(const char *openid) {
  struct weigate_person person = kit_person(openid, kit_now_us(), 1);
  struct weigate_event event = kit_event(openid, kit_now_us(), 1);
  return kit_record(file_kit, &person, &event, NULL);
}

/* The class of a record that need not succeed. */
int file_try_record(const char *openid, uint32_t timeout_ms) {
  struct weigate_person person = kit_person(openid, kit_now_us(), 1);
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = &person};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(signin), .count = 1, .items = &signin};
  struct weigate_result result = {.struct_size = sizeof(result)};
  file_kit->call = plugin_call(timeout_ms);
  return file_kit->plugin.desc->record_signins(file_kit->handle, &file_kit->call, &batch, &result);
}

int file_try_claim(const char *key, uint32_t flags, weigate_ticket_sink sink) {
  struct weigate_ticket ticket = kit_ticket("code", key, "v");
  struct weigate_tickets batch = {.struct_size = sizeof(batch), .stride = sizeof(ticket), .count = 1, .items = &ticket};
  struct weigate_result result = {.struct_size = sizeof(result)};
  ticket.flags = flags;
  return file_kit->plugin.tickets->claim(file_kit->handle, kit_call(file_kit), &batch, &result, sink, NULL);
}

static int ignore(void *context, size_t index, const struct weigate_person *person) {
  (void)context, (void)index, (void)person;
  return 0;
}

int file_try_load(void) {
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text(KIT_APPID), .openid = kit_text("o1")};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  return file_kit->plugin.desc->load_people(file_kit->handle, kit_call(file_kit), &keys, 0, ignore, NULL);
}

/* Connects; the class. */
int file_try_connect(void) {
  struct err err = {{0}};
  if (plugin_load(&file_kit->settings, &file_kit->plugin, &err) != 0) fail_msg("%s", err.text);
  return plugin_connect(&file_kit->plugin, kit_call(file_kit), &file_kit->handle);
}

void assert_file_says(const char *part) {
  if (!strstr(file_kit->call.message, part)) fail_msg("\"%s\" does not say \"%s\"", file_kit->call.message, part);
}
