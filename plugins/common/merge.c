/* SPDX-License-Identifier: Apache-2.0
 * merge: per group of fields the greater of two stamps wins, and what is unknown never takes part. Storage threads; no state. */
#include "merge.h"

#include <string.h>

int merge_compare(const struct weigate_stamp *a, const struct weigate_stamp *b) {
  if (a->at_us != b->at_us) return a->at_us < b->at_us ? -1 : 1;
  return memcmp(a->id, b->id, sizeof(a->id));
}

/* One group of fields, seen alike: where its stamp is and whether it says anything. */
struct group {
  uint32_t bit;
  size_t stamp_offset;
  bool (*is_known)(const struct weigate_person *person); /* NULL: always; an empty value replaces */
  void (*copy)(struct weigate_person *to, const struct weigate_person *from);
};

static bool knows_unionid(const struct weigate_person *person) {
  return person->unionid.size > 0;
}

static bool knows_sex(const struct weigate_person *person) {
  return person->sex != 0;
}

static bool knows_region(const struct weigate_person *person) {
  return person->province.size || person->city.size || person->country.size;
}

static void copy_profile(struct weigate_person *to, const struct weigate_person *from) {
  to->profile_stamp = from->profile_stamp;
  to->nickname = from->nickname;
  to->headimgurl = from->headimgurl;
  to->privilege = from->privilege;
  to->language = from->language;
  to->raw = from->raw;
}

static void copy_scope(struct weigate_person *to, const struct weigate_person *from) {
  to->scope_stamp = from->scope_stamp;
  to->scope = from->scope;
}

static void copy_unionid(struct weigate_person *to, const struct weigate_person *from) {
  to->unionid_stamp = from->unionid_stamp;
  to->unionid = from->unionid;
}

static void copy_sex(struct weigate_person *to, const struct weigate_person *from) {
  to->sex_stamp = from->sex_stamp;
  to->sex = from->sex;
}

static void copy_region(struct weigate_person *to, const struct weigate_person *from) {
  to->region_stamp = from->region_stamp;
  to->province = from->province;
  to->city = from->city;
  to->country = from->country;
}

static void copy_token(struct weigate_person *to, const struct weigate_person *from) {
  to->token_stamp = from->token_stamp;
  to->token_sealed = from->token_sealed;
  to->token_access_expires_us = from->token_access_expires_us;
  to->token_refresh_expires_us = from->token_refresh_expires_us;
}

static const struct group groups[] = {
    {WEIGATE_PERSON_PROFILE, offsetof(struct weigate_person, profile_stamp), NULL, copy_profile},
    {WEIGATE_PERSON_SCOPE, offsetof(struct weigate_person, scope_stamp), NULL, copy_scope},
    {WEIGATE_PERSON_UNIONID, offsetof(struct weigate_person, unionid_stamp), knows_unionid, copy_unionid},
    {WEIGATE_PERSON_SEX, offsetof(struct weigate_person, sex_stamp), knows_sex, copy_sex},
    {WEIGATE_PERSON_REGION, offsetof(struct weigate_person, region_stamp), knows_region, copy_region},
    {WEIGATE_PERSON_TOKEN, offsetof(struct weigate_person, token_stamp), NULL, copy_token},
};
#define GROUP_COUNT (sizeof(groups) / sizeof(groups[0]))

static const struct weigate_stamp *stamp_of(const struct group *group, const struct weigate_person *person) {
  return (const struct weigate_stamp *)(const void *)((const char *)person + group->stamp_offset);
}

void merge_drop_unknown(struct weigate_person *write) {
  for (size_t i = 0; i < GROUP_COUNT; i++)
    if (groups[i].is_known && !groups[i].is_known(write)) write->has &= ~groups[i].bit;
}

bool merge_erase(struct weigate_person *person, const struct weigate_stamp *tombstone) {
  bool is_seen = person->last_seen_us > tombstone->at_us;
  int64_t earliest_us = is_seen ? person->last_seen_us : INT64_MAX, latest_us = is_seen ? person->last_seen_us : 0;
  uint32_t kept = 0;
  for (size_t i = 0; i < GROUP_COUNT; i++) {
    const struct weigate_stamp *stamp = stamp_of(&groups[i], person);
    if (!(person->has & groups[i].bit) || merge_compare(stamp, tombstone) <= 0) continue;
    kept |= groups[i].bit;
    if (stamp->at_us < earliest_us) earliest_us = stamp->at_us;
    if (stamp->at_us > latest_us) latest_us = stamp->at_us;
  }
  person->has = kept;
  if (!kept && !is_seen) return false;
  if (person->first_seen_us <= tombstone->at_us) person->first_seen_us = earliest_us;
  person->last_seen_us = latest_us;
  return true;
}

/* >0: the write's group wins; 0: it is this very group; <0: it loses. Unknown values are never kept, so that known ones always
 * win. */
static int compare_group(const struct group *group, const struct weigate_person *into, const struct weigate_person *write) {
  if (!(into->has & group->bit)) return 1;
  return merge_compare(stamp_of(group, write), stamp_of(group, into));
}

struct merge_change merge_person(struct weigate_person *into, const struct weigate_person *write) {
  struct merge_change change = {.outcome = WEIGATE_ITEM_STALE};
  bool is_same = false, is_seen_moved = false;
  uint32_t won = 0;
  for (size_t i = 0; i < GROUP_COUNT; i++) {
    const struct group *group = &groups[i];
    if (!(write->has & group->bit)) continue;
    int order = compare_group(group, into, write);
    if (order == 0) is_same = true;
    if (order <= 0) continue;
    group->copy(into, write);
    into->has |= group->bit;
    won |= group->bit;
  }
  if (write->first_seen_us < into->first_seen_us) {
    into->first_seen_us = write->first_seen_us;
    is_seen_moved = true;
  }
  if (write->last_seen_us > into->last_seen_us) {
    into->last_seen_us = write->last_seen_us;
    is_seen_moved = true;
  }
  if (won)
    change.outcome = WEIGATE_ITEM_UPDATED;
  else if (!is_seen_moved && (is_same || !write->has))
    change.outcome = WEIGATE_ITEM_DUPLICATE;
  change.is_changed = won || is_seen_moved;
  change.is_unionid_changed = won & WEIGATE_PERSON_UNIONID;
  change.is_token_changed = won & WEIGATE_PERSON_TOKEN;
  return change;
}
