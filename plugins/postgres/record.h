/* SPDX-License-Identifier: Apache-2.0
 * record: records as members of a JSON parameter, and as rows of a result. */
#ifndef WEIGATE_POSTGRES_RECORD_H
#define WEIGATE_POSTGRES_RECORD_H

#include "handle.h"

/* Adds one checked item. Groups that say nothing (an empty unionid, sex 0, an empty region) are left out, so that a tombstone and
 * a write may arrive in either order. */
void record_add_person(struct text *text, const struct weigate_host *host, size_t index, const struct weigate_person *person);
void record_add_event(struct text *text, const struct weigate_host *host, size_t index, const struct weigate_event *event);
void record_add_ticket(struct text *text, size_t index, const struct weigate_ticket *ticket);
/* A key that is erased with this stamp. */
void record_add_erasure(struct text *text, const struct weigate_host *host, size_t index, const struct weigate_key *key,
                        const struct weigate_stamp *stamp);
/* A tombstone that knows its person by a hash only. */
void record_add_tombstone(struct text *text, size_t index, const struct weigate_person *tombstone);

/* BLAKE2b of appid, NUL, openid. */
void record_hash(const struct weigate_host *host, struct weigate_text appid, struct weigate_text openid, uint8_t ret_hash[32]);

/* Columns and joins of a query whose rows record_read_person() reads, from column `first` on. */
#define RECORD_PERSON_COLUMNS                                                                                                    \
  "s.appid, s.openid, weigate.us(p.first_seen_at), weigate.us(p.last_seen_at),"                                                  \
  " weigate.us(p.profile_at), p.profile_write, p.nickname, p.headimgurl, p.privilege, p.language, p.raw,"                        \
  " weigate.us(p.scope_at), p.scope_write, p.scope, weigate.us(p.unionid_at), p.unionid_write, p.unionid,"                       \
  " weigate.us(p.sex_at), p.sex_write, p.sex, weigate.us(p.region_at), p.region_write, p.province, p.city, p.country,"           \
  " weigate.us(t.token_at), t.token_write, t.sealed, t.access_expires_us, t.refresh_expires_us,"                                 \
  " coalesce(a.login_count, 0), coalesce(a.login_days, 0), coalesce(weigate.us(a.last_login_at), 0)"
#define RECORD_PERSON_COLUMN_COUNT 33
/* Tokens and counts only where the parameter says so. */
#define RECORD_PERSON_JOINS(want_token, want_counts)                                                                             \
  " LEFT JOIN weigate_secret.token t ON " want_token "::boolean AND t.profile_no = p.profile_no"                                 \
  " LEFT JOIN weigate.profile_activity a ON " want_counts "::boolean AND a.profile_no = p.profile_no"

/* Texts are valid until the result is cleared; a row can be read once. */
void record_read_person(PGresult *result, int row, int first, uint32_t want, struct weigate_person *ret_person);

#define RECORD_EVENT_COLUMNS                                                                                                     \
  "weigate.us(e.event_at), e.event_id, e.is_login::integer, e.is_snapshot::integer, e.event_day - date '1970-01-01', e.errcode," \
  " e.latency_ms, a.appid, coalesce(s.openid, ''), e.outcome, e.stage, e.scope, e.channel, e.network, e.node"
void record_read_event(PGresult *result, int row, struct weigate_event *ret_event);

/* "{1,2,5}" into the results that are still undecided. False if it is not that. */
bool record_read_outcomes(const char *array, struct weigate_result *results, size_t count);

struct weigate_text record_text(PGresult *result, int row, int column);
/* Decodes a bytea in its place. */
struct weigate_text record_bytes(PGresult *result, int row, int column);
int64_t record_number(PGresult *result, int row, int column);

#endif
