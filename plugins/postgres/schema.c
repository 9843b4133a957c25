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
  int class = ask_number(handle, call, "SELECT (to_regclass('weigate.schema_migration') IS NOT NULL)::integer", &is_there);
  if (class != WEIGATE_OK || !is_there) return class;
  return ask_number(handle, call, "SELECT coalesce(max(version), 0) FROM weigate.schema_migration", ret_version);
}

static int refuse_newer(struct weigate_call *call, int64_t version) {
  snprintf(
      call->message, sizeof(call->message),
      "the database has schema version %lld, made by a later weigate; this plugin knows %zu: nothing is written, install that "
      "version",
      (long long)version, schema_count);
  return WEIGATE_SCHEMA_NEWER;
}

int schema_check(struct weigate_handle *handle, struct weigate_call *call) {
  int64_t version = 0;
  int class = read_version(handle, call, &version);
  if (class != WEIGATE_OK || version == (int64_t)schema_count) return class;
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
#define TAKE_TURNS "SET LOCAL lock_timeout = '3s'; SELECT pg_advisory_xact_lock(1464292180, 1)"

/* One file, unless somebody else was faster. */
static int apply(struct weigate_handle *handle, struct weigate_call *call, size_t number) {
  int64_t version = 0;
  int class = run(handle, call, TAKE_TURNS, NULL);
  if (class == WEIGATE_OK) class = read_version(handle, call, &version);
  if (class == WEIGATE_OK && version == (int64_t)number - 1) class = run(handle, call, schema_migrations[number - 1].sql, NULL);
  if (class == WEIGATE_OK && version > (int64_t)schema_count) class = refuse_newer(call, version);
  return class;
}

/* Roles may have been made since the files were applied. Only who owns the functions can give rights; others leave them as they
 * are. */
static int grant_roles(struct weigate_handle *handle, struct weigate_call *call) {
  struct question question = {.sql = TAKE_TURNS
                              "; SELECT string_agg(role_name, ', ') FILTER (WHERE NOT is_there) FROM weigate.grant_roles()",
                              .doing = "give the roles their rights"};
  PGresult *result = NULL;
  int64_t may = 0;
  int class = ask_number(handle, call, "SELECT has_function_privilege('weigate.grant_roles()', 'EXECUTE')::integer", &may);
  if (class != WEIGATE_OK || !may) return class;
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

int schema_setup(struct weigate_handle *handle, struct weigate_call *call) {
  int class = handle_enter(handle, call);
  for (size_t i = 1; i <= schema_count && class == WEIGATE_OK; i++) {
    class = run(handle, call, "BEGIN", "BEGIN");
    if (class == WEIGATE_OK) class = apply(handle, call, i);
    if (class == WEIGATE_OK)
      class = run(handle, call, "COMMIT", "COMMIT");
    else
      handle_drop(handle); /* the server undoes what was begun */
  }
  if (class == WEIGATE_OK) class = grant_roles(handle, call);
  handle->is_schema_good = false;
  return class;
}
