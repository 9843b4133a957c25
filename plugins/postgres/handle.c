/* SPDX-License-Identifier: Apache-2.0
 * handle: libpq without blocking, under our own deadline: a link that went dead is noticed by the clock and by nothing else. One
 * storage thread at a time per handle. */
#include "handle.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "fault.h"
#include "schema.h"

uint64_t handle_ms_left(const struct weigate_handle *handle) {
  uint64_t now = handle->store->host.mono_ms();
  return handle->deadline_ms > now ? handle->deadline_ms - now : 0;
}

const char *handle_number(int64_t number, char room[NUMBER_ROOM]) {
  snprintf(room, NUMBER_ROOM, "%" PRId64, number);
  return room;
}

int handle_invalid(struct weigate_call *call, const char *sentence) {
  snprintf(call->message, sizeof(call->message), "%s", sentence);
  return WEIGATE_INVALID;
}

int handle_no_memory(struct weigate_call *call) {
  snprintf(call->message, sizeof(call->message), "out of memory");
  return WEIGATE_FAILED;
}

int handle_enter(struct weigate_handle *handle, struct weigate_call *call) {
  const struct weigate_host *host = &handle->store->host;
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  handle->deadline_ms = host->mono_ms() + call->timeout_ms;
  handle->now_us = host->now_us();
  handle->is_partition_missing = false;
  if (call->timeout_ms > 0) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "there was no time left");
  return WEIGATE_TIMEOUT;
}

void handle_drop(struct weigate_handle *handle) {
  if (handle->conn) PQfinish(handle->conn);
  handle->conn = NULL;
  handle->is_schema_good = false;
}

/* True when the socket is ready, false when the time is up. */
static bool wait_for(struct weigate_handle *handle, short events) {
  for (;;) {
    struct pollfd look = {.fd = PQsocket(handle->conn), .events = events};
    uint64_t left_ms = handle_ms_left(handle);
    int n = poll(&look, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    if (n > 0 || (n < 0 && errno != EINTR)) return true;
    if (handle_ms_left(handle) == 0) return false;
  }
}

/* --- connecting --- */

/* What the admin's dsn may override stands before it, what it may not behind. The kernel gives a host up by tcp_user_timeout, so
 * that the next one of the list is tried; keepalives find a link that died while we were waiting. */
static PGconn *start_connection(const char *dsn) {
  static const char *const keywords[] = {"application_name", "target_session_attrs", "tcp_user_timeout",
                                         "keepalives_idle",  "keepalives_interval",  "keepalives_count",
                                         "dbname",           "client_encoding",      NULL};
  const char *const values[] = {"weigate", "read-write", "2000", "5", "2", "3", dsn, "UTF8", NULL};
  return PQconnectStartParams(keywords, values, 1);
}

/* libpq would print what the server remarks to stderr. */
static void ignore_notice(void *arg, const PGresult *result) {
  (void)arg, (void)result;
}

static int fail_slow_connection(struct weigate_handle *handle, struct weigate_call *call) {
  handle_drop(handle);
  snprintf(call->message, sizeof(call->message), "could not connect: the server did not answer in %u ms", call->timeout_ms);
  return WEIGATE_TIMEOUT;
}

/* Nicknames hold every character there is; a database that cannot is better found before the first emoji. */
static int check_encoding(struct weigate_handle *handle, struct weigate_call *call) {
  const char *encoding = PQparameterStatus(handle->conn, "server_encoding");
  if (!encoding || strcmp(encoding, "UTF8") == 0) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message),
           "the database has the encoding %.30s; make one with UTF8: createdb -E UTF8 -T template0", encoding);
  handle_drop(handle);
  return WEIGATE_CONFIG;
}

static int make_connection(struct weigate_handle *handle, struct weigate_call *call) {
  handle->conn = start_connection(handle->store->dsn);
  if (!handle->conn) return handle_no_memory(call);
  PQsetNoticeReceiver(handle->conn, ignore_notice, NULL);
  PQsetErrorVerbosity(handle->conn, PQERRORS_VERBOSE); /* only so does a refusal show its SQLSTATE */
  PostgresPollingStatusType state = PQstatus(handle->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    if (!wait_for(handle, state == PGRES_POLLING_READING ? POLLIN : POLLOUT)) return fail_slow_connection(handle, call);
    state = PQconnectPoll(handle->conn);
  }
  if (state == PGRES_POLLING_OK && PQsetnonblocking(handle->conn, 1) == 0) return check_encoding(handle, call);
  int class = fault_connection(handle->conn, call);
  handle_drop(handle);
  return class;
}

/* A server that was stopped since the last call has said so: that is better learned before anything is sent. */
static bool is_alive(struct weigate_handle *handle) {
  struct pollfd look = {.fd = PQsocket(handle->conn), .events = POLLIN};
  if (PQstatus(handle->conn) != CONNECTION_OK) return false;
  if (poll(&look, 1, 0) <= 0) return true;
  return PQconsumeInput(handle->conn) && PQstatus(handle->conn) == CONNECTION_OK && !PQisBusy(handle->conn);
}

int handle_reach(struct weigate_handle *handle, struct weigate_call *call) {
  if (handle->conn && !is_alive(handle)) handle_drop(handle);
  return handle->conn ? WEIGATE_OK : make_connection(handle, call);
}

/* --- asking --- */

/* The connection broke, or did not answer in time. Before all was sent the server cannot have committed; after it nobody knows.
 */
static int fail_lost(struct weigate_handle *handle, struct weigate_call *call, const struct question *question, bool is_sent,
                     bool is_late) {
  char why[200];
  snprintf(why, sizeof(why), "%s", is_late ? "the server did not answer in time" : "the connection was lost");
  if (is_late && is_sent) cancel_start(handle->conn);
  handle_drop(handle);
  snprintf(call->message, sizeof(call->message), "could not %s: %s%s", question->doing, why,
           is_sent && question->is_write ? " after it was sent" : "");
  if (is_sent && question->is_write) return WEIGATE_OUTCOME_UNKNOWN;
  return is_late ? WEIGATE_TIMEOUT : WEIGATE_UNAVAILABLE;
}

/* Sends the whole statement, taking in what comes meanwhile. WEIGATE_OK or a class. */
static int send_question(struct weigate_handle *handle, struct weigate_call *call, const struct question *question) {
  int is_begun = question->count
                     ? PQsendQueryParams(handle->conn, question->sql, question->count, NULL, question->values, NULL, NULL, 0)
                     : PQsendQuery(handle->conn, question->sql);
  if (!is_begun) return fail_lost(handle, call, question, false, false);
  for (;;) {
    int more = PQflush(handle->conn);
    if (more == 0) return WEIGATE_OK;
    if (more < 0) return fail_lost(handle, call, question, false, false);
    if (!wait_for(handle, POLLIN | POLLOUT)) return fail_lost(handle, call, question, false, true);
    if (!PQconsumeInput(handle->conn)) return fail_lost(handle, call, question, false, false);
  }
}

static bool is_error(const PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY;
}

/* Until the server is ready for the next one: a commit that fails says so after the rows. Of several results the last one counts,
 * or the first error. */
static int read_answer(struct weigate_handle *handle, struct weigate_call *call, const struct question *question,
                       PGresult **ret_result) {
  PGresult *kept = NULL;
  for (;;) {
    while (PQisBusy(handle->conn)) {
      bool is_ready = wait_for(handle, POLLIN);
      if (is_ready && PQconsumeInput(handle->conn)) continue;
      PQclear(kept);
      return fail_lost(handle, call, question, true, !is_ready);
    }
    PGresult *result = PQgetResult(handle->conn);
    if (!result) break;
    if (kept && is_error(kept)) {
      PQclear(result);
      continue;
    }
    PQclear(kept);
    kept = result;
  }
  *ret_result = kept;
  return WEIGATE_OK;
}

/* The row's month has no table yet: the only 23514 that names no constraint. */
static bool is_about_partition(const PGresult *result) {
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  return state && strcmp(state, "23514") == 0 && !PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}

int handle_ask_raw(struct weigate_handle *handle, struct weigate_call *call, const struct question *question,
                   PGresult **ret_result) {
  PGresult *result = NULL;
  int class = handle_reach(handle, call);
  if (class == WEIGATE_OK) class = send_question(handle, call, question);
  if (class == WEIGATE_OK) class = read_answer(handle, call, question, &result);
  if (class != WEIGATE_OK) return class;
  if (result && !is_error(result) && PQstatus(handle->conn) == CONNECTION_OK) {
    *ret_result = result;
    return WEIGATE_OK;
  }
  bool is_broken = !result || PQstatus(handle->conn) != CONNECTION_OK || !PQresultErrorField(result, PG_DIAG_SQLSTATE);
  class = result ? fault_result(result, call, question->doing) : WEIGATE_UNAVAILABLE;
  handle->is_partition_missing = result && is_about_partition(result);
  PQclear(result);
  if (!is_broken && class != WEIGATE_READ_ONLY && class != WEIGATE_UNAVAILABLE) return class;
  if (!is_broken) {
    handle_drop(handle); /* so that the next call looks for the primary again */
    return class;
  }
  class = fault_class(call->native[0] ? call->native + strlen("SQLSTATE ") : "");
  fail_lost(handle, call, question, true, false);
  return question->is_write ? WEIGATE_OUTCOME_UNKNOWN : class == WEIGATE_FAILED ? WEIGATE_UNAVAILABLE : class;
}

int handle_ask(struct weigate_handle *handle, struct weigate_call *call, const struct question *question, PGresult **ret_result) {
  int class = handle_reach(handle, call);
  if (class == WEIGATE_OK && !handle->is_schema_good) {
    class = schema_check(handle, call);
    handle->is_schema_good = class == WEIGATE_OK;
  }
  return class == WEIGATE_OK ? handle_ask_raw(handle, call, question, ret_result) : class;
}

/* --- the plugin's calls --- */

int handle_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  struct weigate_handle *handle = calloc(1, sizeof(*handle));
  if (!handle) return handle_no_memory(call);
  handle->store = store;
  int class = handle_enter(handle, call);
  if (class == WEIGATE_OK) class = handle_reach(handle, call);
  if (class == WEIGATE_OK)
    *ret_handle = handle;
  else
    handle_disconnect(handle);
  return class;
}

void handle_disconnect(struct weigate_handle *handle) {
  if (!handle) return;
  handle_drop(handle);
  text_free(&handle->people);
  text_free(&handle->events);
  text_free(&handle->tickets);
  free(handle);
}
