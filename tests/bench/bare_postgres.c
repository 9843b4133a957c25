/* SPDX-License-Identifier: Apache-2.0
 * bare_postgres: the same rows as arrays, one upsert, one insert and one upsert in one statement and one round trip. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "subject.h"

#define COLUMNS 30

static PGconn *connection;
/* One array literal a column. */
static struct column {
  char *text;
  size_t size, room;
} columns[COLUMNS];

static void check(PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) subject_fail("statement", PQerrorMessage(connection));
  PQclear(result);
}

static const char schema[] =
    "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS bare;"
    "CREATE TABLE IF NOT EXISTS bare.person (appid text, openid text COLLATE \"C\", unionid text, nickname text, headimgurl text,"
    " privilege text, language text, scope text, sex int, province text, city text, country text, first_us bigint, last_us "
    "bigint,"
    " write text, token text, PRIMARY KEY (openid, appid));"
    "CREATE TABLE IF NOT EXISTS bare.event (at_us bigint, id text, day int, latency_ms int, openid text, outcome text, stage "
    "text,"
    " channel text, network text, node text, PRIMARY KEY (at_us, id));"
    "CREATE TABLE IF NOT EXISTS bare.ticket (kind text, key text, value text, expires_us bigint, PRIMARY KEY (kind, key));";

static const char statement[] =
    "WITH p AS (SELECT DISTINCT ON (2) * FROM "
    "unnest($1::text[],$2::text[],$3::text[],$4::text[],$5::text[],$6::text[],$7::text[],"
    "$8::text[],$9::int[],$10::text[],$11::text[],$12::text[],$13::bigint[],$14::bigint[],$15::text[],$16::text[]) ORDER BY 2),"
    " a AS (INSERT INTO bare.person SELECT * FROM p ON CONFLICT (openid, appid) DO UPDATE SET unionid=excluded.unionid,"
    "nickname=excluded.nickname,headimgurl=excluded.headimgurl,privilege=excluded.privilege,language=excluded.language,"
    "scope=excluded.scope,sex=excluded.sex,province=excluded.province,city=excluded.city,country=excluded.country,"
    "first_us=least(person.first_us,excluded.first_us),last_us=greatest(person.last_us,excluded.last_us),write=excluded.write,"
    "token=excluded.token),"
    " b AS (INSERT INTO bare.event SELECT * FROM unnest($17::bigint[],$18::text[],$19::int[],$20::int[],$21::text[],$22::text[],"
    "$23::text[],$24::text[],$25::text[],$26::text[]) ON CONFLICT DO NOTHING)"
    " INSERT INTO bare.ticket SELECT * FROM unnest($27::text[],$28::text[],$29::text[],$30::bigint[]) ON CONFLICT (kind, key) DO "
    "UPDATE"
    " SET value=excluded.value, expires_us=excluded.expires_us";

static void open_connection(const char *where) {
  connection = PQconnectdb(where);
  if (PQstatus(connection) != CONNECTION_OK) subject_fail("connect", PQerrorMessage(connection));
  check(PQexec(connection, "SELECT pg_advisory_lock(77)"));
  check(PQexec(connection, schema));
  check(PQexec(connection, "SELECT pg_advisory_unlock(77)"));
}

static void add(int place, const char *bytes, size_t size) {
  struct column *column = &columns[place];
  if (column->room < column->size + 2 * size + 4) {
    column->room = 2 * (column->size + 2 * size + 4);
    column->text = realloc(column->text, column->room);
    if (!column->text) subject_fail("column", "out of memory");
  }
  char *to = column->text + column->size;
  *to++ = column->size ? ',' : '{';
  *to++ = '"';
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] == '"' || bytes[i] == '\\') *to++ = '\\';
    *to++ = bytes[i];
  }
  *to++ = '"';
  column->size = (size_t)(to - column->text);
}

static void add_text(int place, struct weigate_text text) {
  add(place, text.bytes, text.size);
}

static void add_number(int place, int64_t number) {
  char text[24];
  add(place, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)number));
}

static void add_hex(int place, const void *bytes, size_t size) {
  char text[1024];
  for (size_t i = 0; i < size; i++) snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
  add(place, text, 2 * size);
}

static void add_one(const struct made *made) {
  const struct weigate_person *p = &made->person;
  const struct weigate_text first[] = {p->appid,      p->openid,    p->unionid,  p->nickname,
                                       p->headimgurl, p->privilege, p->language, p->scope};
  for (int i = 0; i < 8; i++) add_text(i, first[i]);
  add_number(8, p->sex);
  add_text(9, p->province);
  add_text(10, p->city);
  add_text(11, p->country);
  add_number(12, p->first_seen_us);
  add_number(13, p->last_seen_us);
  add_hex(14, p->profile_stamp.id, 16);
  add_hex(15, p->token_sealed.bytes, p->token_sealed.size);
  const struct weigate_event *e = &made->event;
  add_number(16, e->event_at_us);
  add_hex(17, e->event_id, 16);
  add_number(18, e->event_day);
  add_number(19, e->latency_ms);
  const struct weigate_text words[] = {e->openid, e->outcome, e->stage, e->channel, e->network, e->node};
  for (int i = 0; i < 6; i++) add_text(20 + i, words[i]);
  add_text(26, made->ticket.kind);
  add_text(27, made->ticket.key);
  add_hex(28, made->ticket.value.bytes, made->ticket.value.size);
  add_number(29, made->ticket.expires_at_us);
}

static void write_batch(const struct made *const *made, size_t count) {
  const char *values[COLUMNS];
  for (int i = 0; i < COLUMNS; i++) columns[i].size = 0;
  for (size_t i = 0; i < count; i++) add_one(made[i]);
  for (int i = 0; i < COLUMNS; i++) {
    memcpy(columns[i].text + columns[i].size, "}", 2);
    values[i] = columns[i].text;
  }
  check(PQexecParams(connection, statement, COLUMNS, NULL, values, NULL, NULL, 0));
}

static void close_connection(void) {
  PQfinish(connection);
}

const struct subject bare_postgres = {"bare-postgres", open_connection, write_batch, close_connection};
