/* SPDX-License-Identifier: Apache-2.0
 * person_json: a stored person as JSON, in the one spelling that GET /session and weigatectl share. */
#ifndef WEIGATE_STORE_PERSON_JSON_H
#define WEIGATE_STORE_PERSON_JSON_H

#include <stdbool.h>

#include <weigate/storage.h>

#include "base/buf.h"
#include "base/text.h"

/* Who somebody is, without a profile. */
struct person_identity {
  struct str appid, openid, unionid, scope; /* unionid may be empty */
  bool is_snapshot;
};

/* Appends "appid":…,"openid":…,"unionid":…,"scope":…,"snapshot":… (no braces). Any thread. */
void person_json_add_identity(struct buf *out, const struct person_identity *identity);
/* Appends "profile":{nickname, sex, province, city, country, headimgurl, privilege}; what is not stored is "", 0 or []. person
 * may be NULL (nothing stored). Any thread. */
void person_json_add_profile(struct buf *out, const struct weigate_person *person);
/* Appends one whole object: identity, profile, signed_in_at (the last completed sign-in), expires_at (null: a stored person is no
 * session), first_seen_at, last_seen_at, login_count. Times that are not known are null. Any thread. */
void person_json_add(struct buf *out, const struct weigate_person *person);
/* Appends "name":"2026-11-22T09:33:00Z", or null for 0. Any thread. */
void person_json_add_time(struct buf *out, const char *name, int64_t at_us);

#endif
