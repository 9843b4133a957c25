/* SPDX-License-Identifier: Apache-2.0
 * fault: from SQLSTATE to class, by the longest prefix that fits. Storage threads; no state. */
#include "fault.h"

#include <stdio.h>
#include <string.h>

struct row {
  const char *prefix;
  int class;
  const char *advice;
};

static const char make_tables[] = "; run `weigatectl storage init`, or apply sql/*.sql with psql";

/* A longer prefix stands before a shorter one. */
static const struct row rows[] = {
    {"08", WEIGATE_UNAVAILABLE, ""}, /* 08P01 too: it is how PgBouncer says that its server went away */
    {"23514", WEIGATE_FAILED, "; a record broke a limit of the tables, or a month has no partition"},
    {"25006", WEIGATE_READ_ONLY, "; this server is a standby or was set read-only"},
    {"28", WEIGATE_AUTH, "; see pg_hba.conf, and the passfile of the user that runs weigate"},
    {"3D000", WEIGATE_CONFIG, "; create the database, or correct dsn"},
    {"3F000", WEIGATE_CONFIG, make_tables},
    {"40003", WEIGATE_OUTCOME_UNKNOWN, ""},
    {"40", WEIGATE_BUSY, ""},
    {"42501", WEIGATE_CONFIG, "; the role lacks a right: see weigate-postgres(7)"},
    /* A table, column or function that is missing or different: nothing a record could be blamed for. */
    {"42", WEIGATE_CONFIG, make_tables},
    {"53100", WEIGATE_FULL, "; make room on the server"},
    {"53", WEIGATE_BUSY, "; the server is short of it"},
    {"54", WEIGATE_FAILED, ""},
    {"55P03", WEIGATE_BUSY, ""},
    {"55006", WEIGATE_BUSY, ""},
    {"57014", WEIGATE_BUSY, "; the server cut it short, see statement_timeout"},
    {"57P", WEIGATE_UNAVAILABLE, ""},
    {"58", WEIGATE_UNAVAILABLE, "; see the server's log"},
    {"XX001", WEIGATE_CORRUPT, "; stop weigate and restore the database from a copy"},
    {"XX002", WEIGATE_CORRUPT, "; REINDEX, and see the server's log"},
};

static const struct row *find_row(const char *state) {
  static const struct row other = {"", WEIGATE_FAILED, ""};
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
    if (strncmp(state, rows[i].prefix, strlen(rows[i].prefix)) == 0) return &rows[i];
  return &other;
}

int fault_class(const char *state) {
  return find_row(state)->class;
}

bool fault_ends_session(const char *state) {
  return strncmp(state, "08", 2) == 0 || strncmp(state, "57P", 3) == 0;
}

/* Messages of these classes quote values, which may be personal data. */
static int quotes_values(const char *state) {
  return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0;
}

int fault_result(const PGresult *result, struct weigate_call *call, const char *doing) {
  const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE), *why = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (!state) state = "";
  if (!why || quotes_values(state)) why = "the server refused a value";
  const struct row *row = find_row(state);
  snprintf(call->native, sizeof(call->native), "SQLSTATE %.5s", state);
  snprintf(call->message, sizeof(call->message), "could not %s: %.250s%s", doing, why, row->advice);
  return row->class;
}

static int is_state_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

/* The verbose spelling of an error is "FATAL:  28P01: sentence". */
static const char *find_state(const char *message) {
  for (const char *p = strstr(message, ":  "); p; p = strstr(p + 1, ":  ")) {
    size_t n = 0;
    while (n < 5 && is_state_character(p[3 + n])) n++;
    if (n == 5 && p[8] == ':') return p + 3;
  }
  return NULL;
}

/* libpq's text has one line per host that was tried, and where in the server's source an error arose. */
static void copy_sentence(char *to, size_t room, const char *message) {
  size_t used = 0;
  for (const char *line = message; *line && used + 3 < room;) {
    size_t size = strcspn(line, "\n");
    int is_place = strncmp(line, "LOCATION:", 9) == 0;
    if (!is_place && size) {
      int n = snprintf(to + used, room - used, "%s%.*s", used ? "; " : "", (int)size, line);
      used += n > 0 && (size_t)n < room - used ? (size_t)n : room - used - 1;
    }
    line += size + (line[size] == '\n');
  }
}

int fault_connection(PGconn *conn, struct weigate_call *call) {
  const char *message = PQerrorMessage(conn), *state = find_state(message);
  char sentence[300] = "no reason given";
  copy_sentence(sentence, sizeof(sentence), message);
  if (state) {
    const struct row *row = find_row(state);
    int class = row->class == WEIGATE_BUSY || row->class == WEIGATE_FAILED ? WEIGATE_UNAVAILABLE : row->class;
    snprintf(call->native, sizeof(call->native), "SQLSTATE %.5s", state);
    snprintf(call->message, sizeof(call->message), "could not connect: %s%s", sentence, row->advice);
    return class;
  }
  snprintf(call->message, sizeof(call->message), "could not connect: %s", sentence);
  if (strstr(message, "session is read-only") || strstr(message, "in hot standby mode")) return WEIGATE_READ_ONLY;
  if (strstr(message, "no password supplied")) return WEIGATE_AUTH;
  if (strstr(message, "certificate") || strstr(message, "does not match host name")) return WEIGATE_AUTH;
  return WEIGATE_UNAVAILABLE;
}
