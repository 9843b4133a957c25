/* SPDX-License-Identifier: Apache-2.0
 * statements: the SQL itself. Values only ever travel as parameters. */
#include "statements.h"

/* As enum person_column says. */
#define PERSON_COLUMNS                                                                                                           \
  "appid, openid, first_seen_us, last_seen_us,"                                                                                  \
  " profile_at_us, profile_write, nickname, headimgurl, privilege, language, raw,"                                               \
  " scope_at_us, scope_write, scope, sex_at_us, sex_write, sex,"                                                                 \
  " region_at_us, region_write, province, city, country, unionid_at_us, unionid_write, unionid"

#define EVENT_COLUMNS                                                                                                            \
  "event_at_us, event_id, flags, day, errcode, latency_ms, appid, openid, outcome, stage, scope, channel, network, node"

static const char *const texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN_READ] = "BEGIN",
    [STATEMENT_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",

    [STATEMENT_PERSON_GET] = "SELECT " PERSON_COLUMNS " FROM person WHERE appid = ?1 AND openid = ?2",
    [STATEMENT_PERSON_INSERT] =
        "INSERT INTO person (" PERSON_COLUMNS ", changed_us) VALUES"
        " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,"
        " ?23, ?24, ?25, ?26)",
    /* The unionid itself has an index; it is written on its own, in the rare case that it changed. */
    [STATEMENT_PERSON_UPDATE] =
        "UPDATE person SET first_seen_us = ?3, last_seen_us = ?4,"
        " profile_at_us = ?5, profile_write = ?6, nickname = ?7, headimgurl = ?8, privilege = ?9, language = ?10,"
        " raw = ?11, scope_at_us = ?12, scope_write = ?13, scope = ?14, sex_at_us = ?15, sex_write = ?16,"
        " sex = ?17, region_at_us = ?18, region_write = ?19, province = ?20, city = ?21, country = ?22,"
        " unionid_at_us = ?23, unionid_write = ?24, changed_us = ?26 WHERE appid = ?1 AND openid = ?2",
    [STATEMENT_PERSON_SET_UNIONID] = "UPDATE person SET unionid = ?3 WHERE appid = ?1 AND openid = ?2",
    [STATEMENT_PERSON_DELETE] = "DELETE FROM person WHERE appid = ?1 AND openid = ?2",
    /* Keys between two bounds; an upper bound that is a BLOB lies behind every text. */
    [STATEMENT_PERSON_SCAN] =
        "SELECT " PERSON_COLUMNS " FROM person WHERE (appid, openid) > (?1, ?2) AND (appid, openid) <= (?3, ?4)"
        " AND (?5 = '' OR openid = ?5) AND changed_us >= ?6 ORDER BY appid, openid LIMIT ?7",
    [STATEMENT_PERSON_SCAN_UNIONID] = "SELECT " PERSON_COLUMNS " FROM person WHERE unionid = ?8 AND unionid <> ''"
                                      " AND (appid, openid) > (?1, ?2) AND (appid, openid) <= (?3, ?4)"
                                      " AND (?5 = '' OR openid = ?5) AND changed_us >= ?6 ORDER BY appid, openid LIMIT ?7",
    [STATEMENT_PERSON_KEYS] = "SELECT appid, openid FROM person ORDER BY appid, openid",
    [STATEMENT_PEOPLE_COUNT] = "SELECT value FROM meta WHERE key = 'people'",
    [STATEMENT_PEOPLE_ADD] = "UPDATE meta SET value = value + ?1 WHERE key = 'people'",

    [STATEMENT_TOKEN_GET] = "SELECT at_us, write, sealed, access_expires_us, refresh_expires_us FROM token"
                            " WHERE appid = ?1 AND openid = ?2",
    [STATEMENT_TOKEN_PUT] =
        "INSERT INTO token (appid, openid, at_us, write, sealed, access_expires_us, refresh_expires_us)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (appid, openid) DO UPDATE SET at_us = ?3, write = ?4,"
        " sealed = ?5, access_expires_us = ?6, refresh_expires_us = ?7",
    [STATEMENT_TOKEN_DELETE] = "DELETE FROM token WHERE appid = ?1 AND openid = ?2",
    /* The stamp stays, so that an older token does not come back. */
    [STATEMENT_TOKEN_EXPIRE] = "UPDATE token SET sealed = x'' WHERE (appid, openid) IN (SELECT appid, openid FROM token"
                               " WHERE refresh_expires_us > 0 AND refresh_expires_us <= ?1 AND sealed <> x'' LIMIT ?2)",

    [STATEMENT_TOMBSTONE_ANY] = "SELECT EXISTS (SELECT 1 FROM tombstone)",
    [STATEMENT_TOMBSTONE_GET] = "SELECT at_us, write FROM tombstone WHERE hash = ?1",
    [STATEMENT_TOMBSTONE_PUT] = "INSERT INTO tombstone (hash, at_us, write, changed_us) VALUES (?1, ?2, ?3, ?4)"
                                " ON CONFLICT (hash) DO UPDATE SET at_us = ?2, write = ?3, changed_us = ?4",
    [STATEMENT_TOMBSTONE_SCAN] =
        "SELECT hash, at_us, write FROM tombstone WHERE hash > ?1 AND changed_us >= ?2 ORDER BY hash LIMIT ?3",
    [STATEMENT_TOMBSTONE_EXPIRE] = "DELETE FROM tombstone WHERE hash IN (SELECT hash FROM tombstone WHERE at_us <= ?1"
                                   " AND changed_us <= ?1 LIMIT ?2)",

    [STATEMENT_EVENT_INSERT] = "INSERT INTO event (" EVENT_COLUMNS ")"
                               " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
                               " ON CONFLICT (event_at_us, event_id) DO NOTHING",
    [STATEMENT_EVENT_FORGET] =
        "UPDATE event SET openid = '' WHERE appid = ?1 AND openid = ?2 AND openid <> '' AND event_at_us <= ?3",
    [STATEMENT_EVENT_KEYS] = "SELECT appid, openid FROM event INDEXED BY event_person WHERE openid <> '' ORDER BY appid, openid",
    [STATEMENT_EVENT_SCAN] = "SELECT " EVENT_COLUMNS " FROM event WHERE (event_at_us, event_id) > (?1, ?2)"
                             " AND (?3 = '' OR appid = ?3) AND (?4 = '' OR openid = ?4) AND event_at_us >= ?5"
                             " ORDER BY event_at_us, event_id LIMIT ?6",
    [STATEMENT_EVENT_SCAN_PERSON] = "SELECT " EVENT_COLUMNS " FROM event INDEXED BY event_person WHERE appid = ?3 AND openid = ?4"
                                    " AND openid <> '' AND (event_at_us, event_id) > (?1, ?2) AND event_at_us >= ?5"
                                    " ORDER BY event_at_us, event_id LIMIT ?6",
    [STATEMENT_DAY_ADD] = "INSERT INTO person_day (appid, openid, day, logins, last_login_us) VALUES (?1, ?2, ?3, 1, ?4)"
                          " ON CONFLICT (appid, openid, day) DO UPDATE SET logins = logins + 1,"
                          " last_login_us = max(last_login_us, ?4)",
    [STATEMENT_DAY_DELETE] = "DELETE FROM person_day WHERE appid = ?1 AND openid = ?2",
    [STATEMENT_DAY_REBUILD] = "INSERT INTO person_day (appid, openid, day, logins, last_login_us)"
                              " SELECT appid, openid, day, count(*), max(event_at_us) FROM event"
                              " WHERE appid = ?1 AND openid = ?2 AND openid <> '' AND flags & 1 GROUP BY appid, openid, day",
    [STATEMENT_DAY_COUNTS] = "SELECT coalesce(sum(logins), 0), count(*), coalesce(max(last_login_us), 0) FROM person_day"
                             " WHERE appid = ?1 AND openid = ?2",

    [STATEMENT_TICKET_GET] = "SELECT value, expires_at_us, flags FROM ticket WHERE kind = ?1 AND key = ?2",
    [STATEMENT_TICKET_PUT] = "INSERT INTO ticket (kind, key, value, expires_at_us, flags, number) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                             " ON CONFLICT (kind, key) DO UPDATE SET value = ?3, expires_at_us = ?4, flags = ?5, number = ?6",
    [STATEMENT_TICKET_DELETE] = "DELETE FROM ticket WHERE kind = ?1 AND key = ?2",
    [STATEMENT_TICKET_SCAN] = "SELECT number, key, value, expires_at_us, flags FROM ticket WHERE kind = ?1 AND number > ?2"
                              " ORDER BY number LIMIT ?3",
    [STATEMENT_TICKET_NUMBERS] = "UPDATE meta SET value = value + ?1 WHERE key = 'ticket_number' RETURNING value",
    [STATEMENT_TICKET_EXPIRE] = "DELETE FROM ticket WHERE (kind, key) IN (SELECT kind, key FROM ticket WHERE expires_at_us <= ?1"
                                " LIMIT ?2)",
};

const char *statement_text(enum statement statement) {
  return texts[statement];
}
