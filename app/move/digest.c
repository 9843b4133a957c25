/* SPDX-License-Identifier: Apache-2.0
 * digest: a record is written down as bytes in one order, each text behind its length, and hashed. Any thread. */
#include "move/digest.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "store/host.h"
#include "store/texts.h"

/* The largest record, a person with every text at its limit (25 KiB), and its numbers. */
#define RECORD_MAX_BYTES 32768

struct writing {
  uint8_t bytes[RECORD_MAX_BYTES];
  uint8_t *end;
};

static void begin(struct writing *writing, char letter) {
  writing->bytes[0] = (uint8_t)letter;
  writing->end = writing->bytes + 1;
}

static void add_number(struct writing *writing, int64_t number) {
  writing->end = bytes_put_u64(writing->end, (uint64_t)number);
}

static void add_bytes(struct writing *writing, const void *bytes, size_t size) {
  size_t left = sizeof(writing->bytes) - (size_t)(writing->end - writing->bytes);
  if (size > left) size = left; /* beyond every limit of the header: its length alone tells it apart */
  if (size) memcpy(writing->end, bytes, size);
  writing->end += size;
}

static void add_texts(struct writing *writing, struct weigate_text *const *texts) {
  for (; *texts && (size_t)(writing->end - writing->bytes) + 8 <= sizeof(writing->bytes); texts++) {
    add_number(writing, (int64_t)(*texts)->size);
    add_bytes(writing, (*texts)->bytes, (*texts)->size);
  }
}

static void add_stamp(struct writing *writing, bool is_there, const struct weigate_stamp *stamp) {
  static const struct weigate_stamp never;
  if (!is_there) stamp = &never;
  add_number(writing, stamp->at_us);
  add_bytes(writing, stamp->id, sizeof(stamp->id));
}

static struct digest finish(const struct writing *writing) {
  struct digest digest;
  host_services.digest(writing->bytes, (size_t)(writing->end - writing->bytes), digest.bytes);
  return digest;
}

/* What is not there says nothing, whatever its members hold. */
static void clear_absent(struct weigate_person *p, int64_t now_us) {
  if (p->has & WEIGATE_PERSON_TOKEN && p->token_refresh_expires_us <= now_us) p->has &= ~WEIGATE_PERSON_TOKEN;
  struct weigate_text *const groups[][6] = {{&p->nickname, &p->headimgurl, &p->privilege, &p->language, &p->raw},
                                            {&p->scope},
                                            {&p->unionid},
                                            {&p->province, &p->city, &p->country},
                                            {&p->token_sealed}};
  static const uint32_t bits[] = {WEIGATE_PERSON_PROFILE, WEIGATE_PERSON_SCOPE, WEIGATE_PERSON_UNIONID, WEIGATE_PERSON_REGION,
                                  WEIGATE_PERSON_TOKEN};
  for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
    for (size_t j = 0; !(p->has & bits[i]) && groups[i][j]; j++) groups[i][j]->size = 0;
  if (p->has & WEIGATE_PERSON_PROFILE && p->privilege.size == 0) p->privilege = (struct weigate_text){"[]", 2};
}

static struct digest digest_tombstone(const struct weigate_person *person) {
  struct writing writing;
  begin(&writing, 't');
  add_bytes(&writing, person->erased_hash, sizeof(person->erased_hash));
  add_stamp(&writing, true, &person->erased_stamp);
  return finish(&writing);
}

struct digest digest_person(const struct weigate_person *person, int64_t now_us) {
  struct weigate_person p = *person;
  struct weigate_text *texts[TEXTS_MAX];
  struct writing writing;
  if (p.has & WEIGATE_PERSON_ERASED) return digest_tombstone(person);
  clear_absent(&p, now_us);
  bool has_token = p.has & WEIGATE_PERSON_TOKEN, has_counts = p.has & WEIGATE_PERSON_COUNTS;
  begin(&writing, 'p');
  add_number(&writing, p.first_seen_us);
  add_number(&writing, p.last_seen_us);
  add_stamp(&writing, p.has & WEIGATE_PERSON_PROFILE, &p.profile_stamp);
  add_stamp(&writing, p.has & WEIGATE_PERSON_SCOPE, &p.scope_stamp);
  add_stamp(&writing, p.has & WEIGATE_PERSON_UNIONID, &p.unionid_stamp);
  add_stamp(&writing, p.has & WEIGATE_PERSON_SEX, &p.sex_stamp);
  add_stamp(&writing, p.has & WEIGATE_PERSON_REGION, &p.region_stamp);
  add_stamp(&writing, has_token, &p.token_stamp);
  add_number(&writing, p.has & WEIGATE_PERSON_SEX ? p.sex : 0);
  add_number(&writing, has_token ? p.token_access_expires_us : 0);
  add_number(&writing, has_token ? p.token_refresh_expires_us : 0);
  add_number(&writing, has_counts ? (int64_t)p.login_count : 0);
  add_number(&writing, has_counts ? (int64_t)p.login_days : 0);
  add_number(&writing, has_counts ? p.last_login_us : 0);
  texts_of_person(&p, texts);
  add_texts(&writing, texts);
  return finish(&writing);
}

struct digest digest_event(const struct weigate_event *event) {
  struct weigate_event e = *event;
  struct weigate_text *texts[TEXTS_MAX];
  struct writing writing;
  begin(&writing, 'e');
  add_number(&writing, e.event_at_us);
  add_bytes(&writing, e.event_id, sizeof(e.event_id));
  add_number(&writing, e.flags);
  add_number(&writing, e.event_day);
  add_number(&writing, e.errcode);
  add_number(&writing, e.latency_ms);
  texts_of_event(&e, texts);
  add_texts(&writing, texts);
  return finish(&writing);
}

struct digest digest_ticket(const struct weigate_ticket *ticket) {
  struct weigate_ticket t = *ticket;
  struct weigate_text *texts[TEXTS_MAX];
  struct writing writing;
  begin(&writing, 'k');
  add_number(&writing, t.expires_at_us);
  add_number(&writing, t.flags);
  texts_of_ticket(&t, texts);
  add_texts(&writing, texts);
  return finish(&writing);
}

bool digest_is_equal(const struct digest *a, const struct digest *b) {
  return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void digest_add(struct digest_sum *sum, const struct digest *digest) {
  sum->count++;
  for (size_t i = 0; i < DIGEST_BYTES / 8; i++) sum->lanes[i] += bytes_get_u64(digest->bytes + 8 * i);
}

bool digest_sum_is_equal(const struct digest_sum *a, const struct digest_sum *b) {
  return a->count == b->count && memcmp(a->lanes, b->lanes, sizeof(a->lanes)) == 0;
}

void digest_sum_format(const struct digest_sum *sum, char ret_text[17]) {
  uint8_t bytes[8];
  bytes_put_u64(bytes, sum->lanes[0]);
  text_hex_encode(ret_text, bytes, sizeof(bytes));
}
