/* SPDX-License-Identifier: Apache-2.0
 * handle: libpq without blocking, under our own deadline: a link that went dead is noticed by the clock and by nothing else. One
 * storage thread at a time per handle. */
#include "handle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "connect.h"
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

static void become(struct weigate_handle *handle, struct target *target) {
  if (handle->target != target) handle_drop(handle);
  handle->target = target;
}

void handle_become_admin(struct weigate_handle *handle) {
  become(handle, handle->store->admin.options ? &handle->store->admin : &handle->store->service);
}

void handle_become_service(struct weigate_handle *handle) {
  become(handle, &handle->store->service);
}

bool handle_wait(struct weigate_handle *handle, short events, uint64_t until_ms) {
  for (;;) {
    struct pollfd look = {.fd = PQsocket(handle->conn), .events = events};
    uint64_t now_ms = handle->store->host.mono_ms(), left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    int n = poll(&look, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    if (n > 0 || (n < 0 && errno != EINTR)) return true;
    if (handle->store->host.mono_ms() >= until_ms) return false;
  }
}

/* --- connecting --- */

/* A server that was stopped since the last call has said so: that is better learned before anything is sent. */
static bool is_alive(struct weigate_handle *handle) {
  struct pollfd look = {.fd = PQsocket(handle->conn), .events = POLLIN};
  if (PQstatus(handle->conn) != CONNECTION_OK) return false;
  if (poll(&look, 1, 0) <= 0) return true;
  return PQconsumeInput(handle->conn) && PQstatus(handle->conn) == CONNECTION_OK && !PQisBusy(handle->conn);
}

int handle_reach(struct weigate_handle *handle, struct weigate_call *call) {
  if (handle->conn && !is_alive(handle)) handle_drop(handle);
  bool is_fresh = !handle->conn;
  int class = is_fresh ? connect_any(handle, call) : WEIGATE_OK;
  handle->is_fresh = is_fresh;
  return class;
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
    if (!handle_wait(handle, POLLIN | POLLOUT, handle->deadline_ms)) return fail_lost(handle, call, question, false, true);
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
      bool is_ready = handle_wait(handle, POLLIN, handle->deadline_ms);
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
  const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
  bool is_broken = !state || PQstatus(handle->conn) != CONNECTION_OK || fault_ends_session(state);
  class = result ? fault_result(result, call, question->doing) : WEIGATE_UNAVAILABLE;
  handle->is_partition_missing = result && is_about_partition(result);
  if (class == WEIGATE_CONFIG) handle->is_schema_good = false; /* the next call looks what is wrong with the tables */
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

static int ask_once(struct weigate_handle *handle, struct weigate_call *call, const struct question *question,
                    PGresult **ret_result) {
  int class = handle_reach(handle, call);
  bool is_fresh = handle->is_fresh;
  if (class == WEIGATE_OK && !handle->is_schema_good) {
    class = schema_check(handle, call);
    handle->is_schema_good = class == WEIGATE_OK;
    handle->is_fresh = is_fresh;
  }
  return class == WEIGATE_OK ? handle_ask_raw(handle, call, question, ret_result) : class;
}

int handle_ask(struct weigate_handle *handle, struct weigate_call *call, const struct question *question, PGresult **ret_result) {
  int class = ask_once(handle, call, question, ret_result);
  /* A primary that became a standby under us has refused and rolled back: the new one may be one of the other hosts. */
  if (class == WEIGATE_READ_ONLY && question->is_write && !handle->is_fresh && handle_ms_left(handle) > 0)
    class = ask_once(handle, call, question, ret_result);
  return class;
}

/* --- the plugin's calls --- */

int handle_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  struct weigate_handle *handle = calloc(1, sizeof(*handle));
  if (!handle) return handle_no_memory(call);
  handle->store = store;
  handle->target = &store->service;
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
