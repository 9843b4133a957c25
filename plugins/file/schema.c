/* SPDX-License-Identifier: Apache-2.0
 * schema: tables and views, written so that they can be read in any SQLite tool. Storage threads; runs at connect. */
#include "schema.h"

#include <stddef.h>

/* PRAGMA application_id: "WGST". */
#define APPLICATION_ID  1464292180
#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

/* Times are microseconds since 1970, UTC; days are counted from 1970-01-01 in the account's time zone. NULL where a group of
 * fields was never observed. ..._at_us and ..._write say when and by which write: the newer one wins, per group. */
static const char tables[] =
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('schema_version', " TEXT(
        SCHEMA_VERSION) "), ('people', 0), ('ticket_number', 0);"

                        "CREATE TABLE person ("
                        " appid TEXT NOT NULL, openid TEXT NOT NULL,"
                        " first_seen_us INTEGER NOT NULL, last_seen_us INTEGER NOT NULL,"
                        " nickname TEXT, headimgurl TEXT, privilege TEXT, language TEXT, raw TEXT, profile_at_us INTEGER, "
                        "profile_write BLOB,"
                        " scope TEXT, scope_at_us INTEGER, scope_write BLOB,"
                        " unionid TEXT, unionid_at_us INTEGER, unionid_write BLOB,"
                        " sex INTEGER CHECK (sex BETWEEN 0 AND 2), sex_at_us INTEGER, sex_write BLOB,"
                        " province TEXT, city TEXT, country TEXT, region_at_us INTEGER, region_write BLOB,"
                        " changed_us INTEGER NOT NULL,"
                        " PRIMARY KEY (appid, openid), CHECK (openid <> '')) STRICT, WITHOUT ROWID;"
                        "CREATE INDEX person_unionid ON person (unionid) WHERE unionid <> '';"

                        /* Sealed by weigate before they come here. */
                        "CREATE TABLE token ("
                        " appid TEXT NOT NULL, openid TEXT NOT NULL, sealed BLOB NOT NULL,"
                        " access_expires_us INTEGER NOT NULL, refresh_expires_us INTEGER NOT NULL,"
                        " at_us INTEGER NOT NULL, write BLOB NOT NULL,"
                        " PRIMARY KEY (appid, openid)) STRICT, WITHOUT ROWID;"

                        /* Every end of a sign-in, good or bad. openid is empty where nobody was signed in, and for people that
                           were erased. */
                        "CREATE TABLE event ("
                        " event_at_us INTEGER NOT NULL, event_id BLOB NOT NULL, flags INTEGER NOT NULL, day INTEGER NOT NULL,"
                        " appid TEXT NOT NULL, openid TEXT NOT NULL, outcome TEXT NOT NULL, stage TEXT NOT NULL, errcode INTEGER "
                        "NOT NULL,"
                        " scope TEXT NOT NULL, channel TEXT NOT NULL, network TEXT NOT NULL, node TEXT NOT NULL, latency_ms "
                        "INTEGER NOT NULL,"
                        " PRIMARY KEY (event_at_us, event_id)) STRICT, WITHOUT ROWID;"
                        "CREATE INDEX event_person ON event (appid, openid, event_at_us) WHERE openid <> '';"

                        /* One row per person and day with a completed sign-in, fed by events that were really inserted. */
                        "CREATE TABLE person_day ("
                        " appid TEXT NOT NULL, openid TEXT NOT NULL, day INTEGER NOT NULL, logins INTEGER NOT NULL, "
                        "last_login_us INTEGER NOT NULL,"
                        " PRIMARY KEY (appid, openid, day)) STRICT, WITHOUT ROWID;"

                        /* What is left of an erased person: a hash of the key. */
                        "CREATE TABLE tombstone ("
                        " hash BLOB NOT NULL PRIMARY KEY, at_us INTEGER NOT NULL, write BLOB NOT NULL, changed_us INTEGER NOT "
                        "NULL) STRICT, WITHOUT ROWID;"

                        /* number grows with every write and with it the order in which tickets became visible. */
                        "CREATE TABLE ticket ("
                        " kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires_at_us INTEGER NOT NULL, flags "
                        "INTEGER NOT NULL,"
                        " number INTEGER NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;"
                        "CREATE INDEX ticket_number ON ticket (kind, number);"
                        "CREATE INDEX ticket_expires ON ticket (expires_at_us);"

                        "CREATE VIEW people AS SELECT p.appid, p.openid, p.unionid, p.nickname,"
                        " CASE p.sex WHEN 1 THEN 'male' WHEN 2 THEN 'female' END AS sex, p.country, p.province, p.city, "
                        "p.headimgurl, p.language,"
                        " p.scope, datetime(p.first_seen_us / 1000000, 'unixepoch') AS first_seen,"
                        " datetime(p.last_seen_us / 1000000, 'unixepoch') AS last_seen,"
                        " (SELECT coalesce(sum(d.logins), 0) FROM person_day d WHERE d.appid = p.appid AND d.openid = p.openid) "
                        "AS login_count,"
                        " (SELECT count(*) FROM person_day d WHERE d.appid = p.appid AND d.openid = p.openid) AS login_days FROM "
                        "person p;"
                        "CREATE VIEW sign_ins AS SELECT datetime(event_at_us / 1000000, 'unixepoch') AS at, date(day * 86400, "
                        "'unixepoch') AS day,"
                        " appid, openid, outcome, stage, errcode, scope, channel, network, node, latency_ms,"
                        " flags & 2 <> 0 AS is_snapshot FROM event;"

                        "PRAGMA application_id = " TEXT(APPLICATION_ID) ";"
                                                                        "PRAGMA user_version = " TEXT(SCHEMA_VERSION) ";";

/* One statement and so one snapshot: another process may be making the tables at this moment. */
static const char look[] = "SELECT (SELECT count(*) FROM sqlite_schema), (SELECT application_id FROM pragma_application_id),"
                           " (SELECT user_version FROM pragma_user_version)";

static enum schema_state judge(int objects, int application, int version) {
  if (objects == 0 && application == 0 && version == 0) return SCHEMA_EMPTY;
  if (application != APPLICATION_ID || version < 1) return SCHEMA_FOREIGN;
  return version > SCHEMA_VERSION ? SCHEMA_NEWER : SCHEMA_READY;
}

int schema_look(sqlite3 *db, enum schema_state *ret_state, int *ret_version) {
  sqlite3_stmt *ask = NULL;
  int code = sqlite3_prepare_v2(db, look, -1, &ask, NULL);
  if (code == SQLITE_OK) code = sqlite3_step(ask);
  if (code == SQLITE_ROW) {
    *ret_version = sqlite3_column_int(ask, 2);
    *ret_state = judge(sqlite3_column_int(ask, 0), sqlite3_column_int(ask, 1), *ret_version);
    code = SQLITE_OK;
  }
  sqlite3_finalize(ask);
  return code;
}

int schema_create(sqlite3 *db) {
  return sqlite3_exec(db, tables, NULL, NULL, NULL);
}
