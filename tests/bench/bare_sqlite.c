/* SPDX-License-Identifier: Apache-2.0
 * bare_sqlite: the same rows into one file with WAL and synchronous=FULL: an upsert, an insert, an upsert. No merging, no
 * tombstones, no counts. Writers wait for each other as SQLite does by itself. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "subject.h"

static sqlite3 *db;
static sqlite3_stmt *begin, *person, *event, *ticket, *commit;

static const char schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
    "CREATE TABLE IF NOT EXISTS person (appid TEXT NOT NULL, openid TEXT NOT NULL, unionid TEXT, nickname TEXT, headimgurl TEXT,"
    " privilege TEXT, language TEXT, scope TEXT, sex INTEGER, province TEXT, city TEXT, country TEXT, first_us INTEGER, last_us "
    "INTEGER,"
    " write BLOB, token BLOB, PRIMARY KEY (appid, openid)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS event (at_us INTEGER NOT NULL, id BLOB NOT NULL, day INTEGER, latency_ms INTEGER, appid TEXT, "
    "openid"
    " TEXT, outcome TEXT, stage TEXT, scope TEXT, channel TEXT, network TEXT, node TEXT, PRIMARY KEY (at_us, id)) STRICT, "
    "WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS ticket (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB, expires_us INTEGER, PRIMARY KEY "
    "(kind, key))"
    " STRICT, WITHOUT ROWID;";

static sqlite3_stmt *prepare(const char *sql) {
  sqlite3_stmt *statement = NULL;
  if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
    subject_fail("prepare", sqlite3_errmsg(db));
  return statement;
}

static void open_file(const char *where) {
  if (sqlite3_open(where, &db) != SQLITE_OK) subject_fail(where, sqlite3_errmsg(db));
  sqlite3_busy_timeout(db, 60000);
  if (sqlite3_exec(db, schema, NULL, NULL, NULL) != SQLITE_OK) subject_fail("schema", sqlite3_errmsg(db));
  begin = prepare("BEGIN IMMEDIATE");
  person =
      prepare("INSERT INTO person VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET unionid=excluded.unionid,"
              "nickname=excluded.nickname,headimgurl=excluded.headimgurl,privilege=excluded.privilege,language=excluded.language,"
              "scope=excluded.scope,sex=excluded.sex,province=excluded.province,city=excluded.city,country=excluded.country,"
              "first_us=min(first_us,excluded.first_us),last_us=max(last_us,excluded.last_us),write=excluded.write,"
              "token=excluded.token");
  event = prepare("INSERT OR IGNORE INTO event VALUES (?,?,?,?,?,?,?,?,?,?,?,?)");
  ticket = prepare("INSERT OR REPLACE INTO ticket VALUES (?,?,?,?)");
  commit = prepare("COMMIT");
}

static void step(sqlite3_stmt *statement) {
  if (sqlite3_step(statement) != SQLITE_DONE) subject_fail("step", sqlite3_errmsg(db));
  sqlite3_reset(statement);
}

static void bind_text(sqlite3_stmt *statement, int place, struct weigate_text text) {
  sqlite3_bind_text(statement, place, text.bytes, (int)text.size, SQLITE_STATIC);
}

static void write_person(const struct weigate_person *p) {
  const struct weigate_text texts[] = {p->appid,      p->openid,    p->unionid,  p->nickname,
                                       p->headimgurl, p->privilege, p->language, p->scope};
  for (int i = 0; i < 8; i++) bind_text(person, i + 1, texts[i]);
  sqlite3_bind_int(person, 9, p->sex);
  bind_text(person, 10, p->province);
  bind_text(person, 11, p->city);
  bind_text(person, 12, p->country);
  sqlite3_bind_int64(person, 13, p->first_seen_us);
  sqlite3_bind_int64(person, 14, p->last_seen_us);
  sqlite3_bind_blob(person, 15, p->profile_stamp.id, 16, SQLITE_STATIC);
  sqlite3_bind_blob(person, 16, p->token_sealed.bytes, (int)p->token_sealed.size, SQLITE_STATIC);
  step(person);
}

static void write_event(const struct weigate_event *e) {
  const struct weigate_text texts[] = {e->appid, e->openid, e->outcome, e->stage, e->scope, e->channel, e->network, e->node};
  sqlite3_bind_int64(event, 1, e->event_at_us);
  sqlite3_bind_blob(event, 2, e->event_id, 16, SQLITE_STATIC);
  sqlite3_bind_int(event, 3, e->event_day);
  sqlite3_bind_int64(event, 4, e->latency_ms);
  for (int i = 0; i < 8; i++) bind_text(event, i + 5, texts[i]);
  step(event);
}

static void write_ticket(const struct weigate_ticket *t) {
  bind_text(ticket, 1, t->kind);
  bind_text(ticket, 2, t->key);
  sqlite3_bind_blob(ticket, 3, t->value.bytes, (int)t->value.size, SQLITE_STATIC);
  sqlite3_bind_int64(ticket, 4, t->expires_at_us);
  step(ticket);
}

static void write_batch(const struct made *const *made, size_t count) {
  step(begin);
  for (size_t i = 0; i < count; i++) {
    write_person(&made[i]->person);
    write_event(&made[i]->event);
    write_ticket(&made[i]->ticket);
  }
  step(commit);
}

static void close_file(void) {
  sqlite3_stmt *const all[] = {begin, person, event, ticket, commit};
  for (int i = 0; i < 5; i++) sqlite3_finalize(all[i]);
  sqlite3_close(db);
}

const struct subject bare_sqlite = {"bare-sqlite", open_file, write_batch, close_file};
