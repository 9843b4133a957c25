/* SPDX-License-Identifier: Apache-2.0
 * connect: one host after the other, beginning with the one that was good last. One storage thread at a time per handle. */
#include "connect.h"

#include <stdio.h>
#include <string.h>

#include "fault.h"

/* What one host may take at least, where the call has so much: TLS and SCRAM over a slow link are done in a tenth of it. */
#define HOST_MS_LEAST 500
/* libpq 15 knows 40 keywords, ours are 12. */
#define KEYWORDS_MAX 80

struct keywords {
  const char *names[KEYWORDS_MAX + 1], *values[KEYWORDS_MAX + 1];
  size_t count;
};

static void add(struct keywords *keywords, const char *name, const char *value) {
  if (!value || !*value || keywords->count == KEYWORDS_MAX) return;
  keywords->names[keywords->count] = name;
  keywords->values[keywords->count++] = value;
}

static bool says_where(const char *keyword) {
  return strcmp(keyword, "host") == 0 || strcmp(keyword, "hostaddr") == 0 || strcmp(keyword, "port") == 0;
}

/* What the admin's dsn may override stands before it, what it may not behind. The kernel gives a host up by tcp_user_timeout;
 * keepalives find a link that died while we were waiting. */
static PGconn *start_connection(const struct weigate_handle *handle, const struct host *host) {
  struct keywords k = {.count = 0};
  const char *process = handle->store->host.process;
  add(&k, "application_name", process && process[0] ? process : "weigate");
  add(&k, "tcp_user_timeout", "2000");
  add(&k, "keepalives_idle", "5");
  add(&k, "keepalives_interval", "2");
  add(&k, "keepalives_count", "3");
  for (const PQconninfoOption *o = handle->target->options; o->keyword; o++)
    if (!host || !says_where(o->keyword)) add(&k, o->keyword, o->val);
  if (handle->target->wants_writes) add(&k, "target_session_attrs", "any");
  if (host) {
    add(&k, "host", host->name);
    add(&k, "hostaddr", host->address);
    add(&k, "port", host->port);
  }
  add(&k, "client_encoding", "UTF8");
  return PQconnectStartParams(k.names, k.values, 0);
}

/* libpq would print what the server remarks to stderr. */
static void ignore_notice(void *arg, const PGresult *result) {
  (void)arg, (void)result;
}

/* Nicknames hold every character there is; a database that cannot is better found before the first emoji. */
static int check_encoding(struct weigate_handle *handle, struct weigate_call *call) {
  const char *encoding = PQparameterStatus(handle->conn, "server_encoding");
  if (!encoding || strcmp(encoding, "UTF8") == 0) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message),
           "the database has the encoding %.30s; make one with UTF8: createdb -E UTF8 -T template0", encoding);
  return WEIGATE_CONFIG;
}

/* Whether it takes writes is asked of the server itself: libpq would believe the connection's first words, and a PgBouncer
 * repeats for ever what its server was when it met it. */
static int check_writes(struct weigate_handle *handle, struct weigate_call *call, uint64_t until_ms) {
  struct question question = {.sql = "SHOW transaction_read_only", .doing = "ask whether it takes writes"};
  uint64_t deadline_ms = handle->deadline_ms;
  PGresult *result = NULL;
  handle->deadline_ms = until_ms;
  int class = handle_ask_raw(handle, call, &question, &result);
  handle->deadline_ms = deadline_ms;
  if (class == WEIGATE_OK && (PQntuples(result) != 1 || strcmp(PQgetvalue(result, 0, 0), "on") == 0)) {
    snprintf(call->message, sizeof(call->message), "session is read-only: it is a standby, or was set so");
    class = WEIGATE_READ_ONLY;
  }
  PQclear(result);
  return class;
}

/* One host, until then. On failure there is no connection. */
static int connect_one(struct weigate_handle *handle, struct weigate_call *call, const struct host *host, uint64_t until_ms) {
  handle->conn = start_connection(handle, host);
  if (!handle->conn) return handle_no_memory(call);
  PQsetNoticeReceiver(handle->conn, ignore_notice, NULL);
  PQsetErrorVerbosity(handle->conn, PQERRORS_VERBOSE); /* only so does a refusal show its SQLSTATE */
  PostgresPollingStatusType state = PQstatus(handle->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  int class = WEIGATE_OK;
  while (class == WEIGATE_OK && state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    if (!handle_wait(handle, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ms)) {
      snprintf(call->message, sizeof(call->message), "could not connect: the server did not answer in time");
      class = WEIGATE_TIMEOUT;
    } else {
      state = PQconnectPoll(handle->conn);
    }
  }
  if (class == WEIGATE_OK && (state != PGRES_POLLING_OK || PQsetnonblocking(handle->conn, 1) != 0))
    class = fault_connection(handle->conn, call);
  if (class == WEIGATE_OK) class = check_encoding(handle, call);
  if (class == WEIGATE_OK && handle->target->wants_writes) class = check_writes(handle, call, until_ms);
  if (class != WEIGATE_OK) handle_drop(handle);
  return class;
}

/* Of what several hosts said, the most telling: what needs an admin, then that a server is there but is not the primary. */
static int weight(int class) {
  static const uint8_t weights[] = {[WEIGATE_UNAVAILABLE] = 1, [WEIGATE_TIMEOUT] = 2, [WEIGATE_READ_ONLY] = 3};
  return class < (int)(sizeof(weights)) && weights[class] ? weights[class] : 4;
}

/* Puts what this host said behind what the others said; `call` holds the most telling native code. */
static void add_sentence(char *all, size_t room, const struct host *host, const char *sentence) {
  static const char start[] = "could not connect: ";
  size_t used = strlen(all);
  if (strncmp(sentence, start, sizeof(start) - 1) == 0) sentence += sizeof(start) - 1;
  snprintf(all + used, room - used, "%s%.80s%s%.20s: %.200s", used ? "; " : "", host->name[0] ? host->name : host->address,
           host->port[0] ? " port " : "", host->port, sentence);
}

static uint64_t host_until_ms(const struct weigate_handle *handle, size_t hosts_left) {
  uint64_t left_ms = handle_ms_left(handle), share_ms = left_ms / hosts_left;
  if (share_ms < HOST_MS_LEAST) share_ms = left_ms < HOST_MS_LEAST ? left_ms : HOST_MS_LEAST;
  return handle->store->host.mono_ms() + share_ms;
}

static int connect_several(struct weigate_handle *handle, struct weigate_call *call) {
  struct hosts *hosts = &handle->target->hosts;
  size_t first = atomic_load(&hosts->first);
  char all[sizeof(call->message) - 32] = "", native[sizeof(call->native)] = "";
  int class = WEIGATE_UNAVAILABLE, worst = 0;
  for (size_t i = 0; i < hosts->count && (i == 0 || handle_ms_left(handle) > 0); i++) {
    size_t number = (first + i) % hosts->count;
    call->native[0] = '\0';
    int one = connect_one(handle, call, &hosts->list[number], host_until_ms(handle, hosts->count - i));
    if (one == WEIGATE_OK) {
      atomic_store(&hosts->first, number);
      return WEIGATE_OK;
    }
    add_sentence(all, sizeof(all), &hosts->list[number], call->message);
    if (weight(one) <= worst) continue;
    worst = weight(one);
    class = one;
    memcpy(native, call->native, sizeof(native));
  }
  memcpy(call->native, native, sizeof(native));
  snprintf(call->message, sizeof(call->message), "could not connect: %s", all);
  return class;
}

int connect_any(struct weigate_handle *handle, struct weigate_call *call) {
  const struct hosts *hosts = &handle->target->hosts;
  int class = hosts->count > 1 ? connect_several(handle, call)
                               : connect_one(handle, call, NULL, handle->store->host.mono_ms() + handle_ms_left(handle));
  if (class == WEIGATE_OK) call->native[0] = call->message[0] = '\0';
  return class;
}
