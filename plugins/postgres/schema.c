/* SPDX-License-Identifier: Apache-2.0
 * schema: migrations under a lock that ends with their transaction, so that it is safe through a pooler. Storage threads. */
#include "schema.h"

#include <stdio.h>
#include <string.h>

static int ask_number(struct weigate_handle *handle, struct weigate_call *call, const char *sql, int64_t *ret_number) {
  struct question question = {.sql = sql, .doing = "look at the schema"};
  PGresult *result = NULL;
  int class = handle_ask_raw(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  *ret_number = PQntuples(result) == 1 ? text_number(PQgetvalue(result, 0, 0)) : 0;
  PQclear(result);
  return WEIGATE_OK;
}

/* 0 where there are no tables yet. */
static int read_version(struct weigate_handle *handle, struct weigate_call *call, int64_t *ret_version) {
  int64_t is_there = 0;
  *ret_version = 0;
  int class =
      /* From the catalog's tables, not by name: a name that was not there before we waited may be remembered as missing. */
      ask_number(handle, call,
                 "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                 " WHERE n.nspname = 'weigate' AND c.relname = 'schema_migration'",
                 &is_there);
  if (class != WEIGATE_OK || !is_there) return class;
  return ask_number(handle, call, "SELECT coalesce(pg_catalog.max(version), 0) FROM weigate.schema_migration", ret_version);
}

static int refuse_newer(struct weigate_call *call, int64_t version) {
  snprintf(
      call->message, sizeof(call->message),
      "the database has schema version %lld, made by a later weigate; this plugin knows %zu: nothing is written, install that "
      "version",
      (long long)version, schema_count);
  return WEIGATE_SCHEMA_NEWER;
}

/* Somebody may have changed a table by hand: better found before a batch fails in its middle. */
static int check_columns(struct weigate_handle *handle, struct weigate_call *call) {
  struct question question = {.sql = "SELECT weigate.column_missing()", .doing = "look at the tables"};
  PGresult *result = NULL;
  int class = handle_ask_raw(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  if (!PQgetisnull(result, 0, 0)) {
    class = WEIGATE_CONFIG;
    snprintf(
        call->message, sizeof(call->message),
        "the column %.130s is missing or has another type: somebody changed the table by hand; nothing is written until it is as "
        "sql/*.sql made it",
        PQgetvalue(result, 0, 0));
  }
  PQclear(result);
  return class;
}

int schema_check(struct weigate_handle *handle, struct weigate_call *call) {
  int64_t version = 0;
  int class = read_version(handle, call, &version);
  if (class != WEIGATE_OK) return class;
  if (version == (int64_t)schema_count) return check_columns(handle, call);
  if (version > (int64_t)schema_count) return refuse_newer(call, version);
  if (version == 0)
    snprintf(call->message, sizeof(call->message),
             "the database has no weigate tables; run `weigatectl storage init`, or apply sql/*.sql with psql");
  else
    snprintf(
        call->message, sizeof(call->message),
        "the database has schema version %lld and this plugin needs %zu; run `weigatectl storage init`, or apply the missing "
        "files of sql/ with psql",
        (long long)version, schema_count);
  return WEIGATE_CONFIG;
}

static int run(struct weigate_handle *handle, struct weigate_call *call, const char *sql, const char *tag) {
  struct question question = {.sql = sql, .doing = "set up the schema"};
  PGresult *result = NULL;
  int class = handle_ask_raw(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  bool is_right = !tag || strcmp(PQcmdStatus(result), tag) == 0;
  PQclear(result);
  if (is_right) return WEIGATE_OK;
  /* A transaction that was aborted answers COMMIT with ROLLBACK, and with no error. */
  snprintf(call->message, sizeof(call->message), "could not set up the schema: the server rolled it back");
  return WEIGATE_FAILED;
}

/* Who sets up waits for others that do, 3 s at most; until its transaction ends. */
#define TAKE_TURNS "SET LOCAL lock_timeout = '3s'; SELECT pg_catalog.pg_advisory_xact_lock(1464292180, 1)"

#define NOTE_BYTES 160

/* What is noted behind a file: psql and we do it alike. */
static void write_note(size_t number, char note[NOTE_BYTES]) {
  snprintf(note, NOTE_BYTES, "UPDATE weigate.schema_migration SET checksum = '%s' WHERE version = %zu;\n",
           schema_migrations[number - 1].checksum, number);
}

static int apply_file(struct weigate_handle *handle, struct weigate_call *call, size_t number) {
  char note[NOTE_BYTES];
  write_note(number, note);
  int class = run(handle, call, schema_migrations[number - 1].sql, NULL);
  return class == WEIGATE_OK ? run(handle, call, note, NULL) : class;
}

/* A file that was changed after it had been applied would leave the tables as nobody knows them. */
static int check_files(struct weigate_handle *handle, struct weigate_call *call) {
  struct question question = {
      .sql = "SELECT version, checksum FROM weigate.schema_migration WHERE checksum IS NOT NULL ORDER BY version",
      .doing = "look which files were applied"};
  PGresult *result = NULL;
  int64_t version = 0;
  int class = read_version(handle, call, &version);
  if (class != WEIGATE_OK || version == 0) return class;
  class = handle_ask_raw(handle, call, &question, &result);
  for (int row = 0; class == WEIGATE_OK && row < PQntuples(result); row++) {
    size_t number = (size_t)text_number(PQgetvalue(result, row, 0));
    if (number == 0 || number > schema_count) continue;
    if (strcmp(PQgetvalue(result, row, 1), schema_migrations[number - 1].checksum) == 0) continue;
    class = WEIGATE_CONFIG;
    snprintf(call->message, sizeof(call->message),
             "the database was made with another %s.sql than this plugin holds: install the weigate that made it, or begin with "
             "an empty "
             "database",
             schema_migrations[number - 1].name);
  }
  PQclear(result);
  return class;
}

/* One file, unless somebody else was faster. */
static int apply(struct weigate_handle *handle, struct weigate_call *call, size_t number) {
  int64_t version = 0;
  int class = run(handle, call, TAKE_TURNS, NULL);
  if (class == WEIGATE_OK) class = read_version(handle, call, &version);
  if (class == WEIGATE_OK && version == (int64_t)number - 1) class = apply_file(handle, call, number);
  if (class == WEIGATE_OK && version > (int64_t)schema_count) class = refuse_newer(call, version);
  return class;
}

/* Roles may have been made since the files were applied. Only who owns the functions can give rights; others leave them as they
 * are. */
static int grant_roles(struct weigate_handle *handle, struct weigate_call *call) {
  struct question question = {
      .sql = TAKE_TURNS "; SELECT pg_catalog.string_agg(role_name, ', ') FILTER (WHERE NOT is_there) FROM weigate.grant_roles()",
      .doing = "give the roles their rights"};
  PGresult *result = NULL;
  int64_t is_due = 0;
  int class = ask_number(
      handle, call,
      "SELECT CASE WHEN pg_catalog.has_function_privilege('weigate.grant_roles()', 'EXECUTE') THEN"
      " ((SELECT value FROM weigate.store_meta WHERE name = 'grants') IS DISTINCT FROM weigate.grants_basis())::integer"
      " ELSE 0 END",
      &is_due);
  if (class != WEIGATE_OK || !is_due) return class;
  class = handle_ask_raw(handle, call, &question, &result);
  if (class != WEIGATE_OK) return class;
  if (!PQgetisnull(result, 0, 0)) {
    char line[256];
    snprintf(
        line, sizeof(line),
        "postgres: there are no roles %s; where you want them, run sql/roles.sql as a superuser, then `weigatectl storage init` "
        "again",
        PQgetvalue(result, 0, 0));
    handle->store->host.log(WEIGATE_LOG_INFO, line);
  }
  PQclear(result);
  return WEIGATE_OK;
}

static int set_up(struct weigate_handle *handle, struct weigate_call *call) {
  int class = check_files(handle, call);
  for (size_t i = 1; i <= schema_count && class == WEIGATE_OK; i++) {
    class = run(handle, call, "BEGIN", "BEGIN");
    if (class == WEIGATE_OK) class = apply(handle, call, i);
    if (class == WEIGATE_OK)
      class = run(handle, call, "COMMIT", "COMMIT");
    else
      handle_drop(handle); /* the server undoes what was begun */
  }
  return class == WEIGATE_OK ? grant_roles(handle, call) : class;
}

int schema_setup(struct weigate_handle *handle, struct weigate_call *call) {
  int class = handle_enter(handle, call);
  handle_become_admin(handle);
  if (class == WEIGATE_OK) class = set_up(handle, call);
  handle_become_service(handle);
  handle->is_schema_good = false;
  return class;
}

/* --- the plan --- */

struct plan {
  weigate_text_sink sink;
  void *context;
  bool is_enough;
};

static void print_plan(struct plan *plan, const char *text) {
  if (!plan->is_enough) plan->is_enough = plan->sink(plan->context, (struct weigate_text){text, strlen(text)}) != 0;
}

int schema_plan(struct weigate_handle *handle, struct weigate_call *call, weigate_text_sink sink, void *context) {
  struct plan plan = {.sink = sink, .context = context};
  int64_t version = 0;
  int class = handle_enter(handle, call);
  handle_become_admin(handle);
  if (class == WEIGATE_OK) class = check_files(handle, call);
  if (class == WEIGATE_OK) class = read_version(handle, call, &version);
  if (class == WEIGATE_OK && version > (int64_t)schema_count) class = refuse_newer(call, version);
  for (size_t i = (size_t)version; class == WEIGATE_OK && i < schema_count; i++) {
    char note[NOTE_BYTES];
    write_note(i + 1, note);
    if (i == (size_t)version) print_plan(&plan, "\\set ON_ERROR_STOP on\n");
    print_plan(&plan, "\n-- ");
    print_plan(&plan, schema_migrations[i].name);
    print_plan(&plan, "\nBEGIN;\n" TAKE_TURNS ";\n");
    print_plan(&plan, schema_migrations[i].sql);
    print_plan(&plan, note);
    print_plan(&plan, "COMMIT;\n");
  }
  if (class == WEIGATE_OK && version < (int64_t)schema_count) print_plan(&plan, "\nSELECT * FROM weigate.grant_roles();\n");
  handle_become_service(handle);
  return class;
}
