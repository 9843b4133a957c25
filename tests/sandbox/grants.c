/* SPDX-License-Identifier: Apache-2.0
 * grants: codes and tokens in rings under one lock. A code carries its serial number, so that finding it is one look; its other
 * characters follow from a random number kept in the slot. Any thread. */
#include "grants.h"

#include <pthread.h>
#include <stdlib.h>

#include "derive.h"

/* 6 base62 digits count to 5.6e10 codes, more than a sandbox lives to see. */
#define SERIAL_DIGITS 6

struct code_slot {
  uint64_t serial, nonce;
  int64_t expires_s;
  struct grant grant;
  bool given, used;
};

struct token_slot {
  uint64_t serial, access_nonce, refresh_nonce;
  int64_t access_expires_s, refresh_expires_s;
  struct grant grant;
  bool given, ended;
};

struct grants {
  pthread_mutex_t lock; /* guards everything below; nothing is called while it is held */
  uint64_t random;
  size_t ring_count;
  uint64_t next_code, next_token;
  struct code_slot *codes;
  struct token_slot *tokens;
};

static void write_code(char to[CODE_BYTES], uint64_t serial, uint64_t nonce) {
  to[0] = '0';
  derive_digits(to + 1, SERIAL_DIGITS, serial);
  derive_letters(to + 1 + SERIAL_DIGITS, CODE_LENGTH - 1 - SERIAL_DIGITS, nonce);
  to[CODE_LENGTH] = '\0';
}

/* kind: '9' access, '5' refresh; only the first character tells them apart at a glance. */
static void write_token(char to[TOKEN_BYTES], char kind, uint64_t serial, uint64_t nonce) {
  to[0] = kind;
  to[1] = '7';
  to[2] = '_';
  derive_digits(to + 3, SERIAL_DIGITS, serial);
  derive_id(to + 3 + SERIAL_DIGITS, TOKEN_LENGTH - 3 - SERIAL_DIGITS, nonce);
  to[TOKEN_LENGTH] = '\0';
}

static struct code_slot *find_code(struct grants *grants, struct str code) {
  uint64_t serial;
  char right[CODE_BYTES];
  if (code.n != CODE_LENGTH || derive_number(code.p + 1, SERIAL_DIGITS, &serial)) return NULL;
  struct code_slot *slot = &grants->codes[serial % grants->ring_count];
  if (!slot->given || slot->serial != serial) return NULL;
  write_code(right, serial, slot->nonce);
  return str_eq(code, str_make(right, CODE_LENGTH)) ? slot : NULL;
}

static bool is_token_shaped(struct str token, char kind) {
  return token.n == TOKEN_LENGTH && token.p[0] == kind && token.p[1] == '7' && token.p[2] == '_';
}

static struct token_slot *find_token(struct grants *grants, struct str token, char kind) {
  uint64_t serial;
  char right[TOKEN_BYTES];
  if (!is_token_shaped(token, kind) || derive_number(token.p + 3, SERIAL_DIGITS, &serial)) return NULL;
  struct token_slot *slot = &grants->tokens[serial % grants->ring_count];
  if (!slot->given || slot->serial != serial) return NULL;
  write_token(right, kind, serial, kind == '9' ? slot->access_nonce : slot->refresh_nonce);
  return str_eq(token, str_make(right, TOKEN_LENGTH)) ? slot : NULL;
}

static void write_tokens(const struct token_slot *slot, struct tokens *to) {
  write_token(to->access, '9', slot->serial, slot->access_nonce);
  write_token(to->refresh, '5', slot->serial, slot->refresh_nonce);
}

static enum grant_verdict judge_code(struct code_slot *slot, uint8_t account, int64_t now_s) {
  if (!slot || slot->grant.account != account) return GRANT_UNKNOWN;
  if (slot->used) return GRANT_USED;
  if (now_s >= slot->expires_s) return GRANT_EXPIRED;
  return GRANT_OK;
}

static enum grant_verdict judge_refresh(struct token_slot *slot, uint8_t account, int64_t now_s) {
  if (!slot || slot->grant.account != account) return GRANT_UNKNOWN;
  if (slot->ended) return GRANT_VOID;
  if (now_s >= slot->refresh_expires_s) return GRANT_EXPIRED;
  return GRANT_OK;
}

struct grants *grants_new(size_t ring_count, uint64_t seed) {
  struct grants *grants = calloc(1, sizeof *grants);
  if (!grants) return NULL;
  pthread_mutex_init(&grants->lock, NULL);
  grants->random = seed;
  grants->ring_count = ring_count;
  grants->codes = calloc(ring_count, sizeof *grants->codes);
  grants->tokens = calloc(ring_count, sizeof *grants->tokens);
  if (grants->codes && grants->tokens) return grants;
  grants_free(grants);
  return NULL;
}

void grants_free(struct grants *grants) {
  if (!grants) return;
  pthread_mutex_destroy(&grants->lock);
  free(grants->codes);
  free(grants->tokens);
  free(grants);
}

void grants_mint_code(struct grants *grants, struct grant grant, int64_t expires_s, char ret_code[CODE_BYTES]) {
  pthread_mutex_lock(&grants->lock);
  uint64_t serial = grants->next_code++;
  struct code_slot *slot = &grants->codes[serial % grants->ring_count];
  *slot = (struct code_slot){serial, derive_next(&grants->random), expires_s, grant, true, false};
  uint64_t nonce = slot->nonce;
  pthread_mutex_unlock(&grants->lock);
  write_code(ret_code, serial, nonce);
}

enum grant_verdict grants_take_code(struct grants *grants, uint8_t account, struct str code, int64_t now_s,
                                    struct grant *ret_grant) {
  pthread_mutex_lock(&grants->lock);
  struct code_slot *slot = find_code(grants, code);
  enum grant_verdict verdict = judge_code(slot, account, now_s);
  if (slot) *ret_grant = slot->grant;
  if (verdict == GRANT_OK) slot->used = true;
  pthread_mutex_unlock(&grants->lock);
  return verdict;
}

enum grant_verdict grants_see_code(struct grants *grants, struct str code, struct grant *ret_grant) {
  pthread_mutex_lock(&grants->lock);
  struct code_slot *slot = find_code(grants, code);
  if (slot) *ret_grant = slot->grant;
  pthread_mutex_unlock(&grants->lock);
  return slot ? GRANT_OK : GRANT_UNKNOWN;
}

void grants_issue(struct grants *grants, struct grant grant, int64_t now_s, struct tokens *ret_tokens) {
  pthread_mutex_lock(&grants->lock);
  uint64_t serial = grants->next_token++;
  struct token_slot *slot = &grants->tokens[serial % grants->ring_count];
  *slot = (struct token_slot){.serial = serial,
                              .access_nonce = derive_next(&grants->random),
                              .refresh_nonce = derive_next(&grants->random),
                              .access_expires_s = now_s + ACCESS_LIFETIME_S,
                              .refresh_expires_s = now_s + REFRESH_LIFETIME_S,
                              .grant = grant,
                              .given = true};
  struct token_slot copy = *slot;
  pthread_mutex_unlock(&grants->lock);
  write_tokens(&copy, ret_tokens);
}

enum grant_verdict grants_refresh(struct grants *grants, uint8_t account, struct str refresh, int64_t now_s,
                                  struct grant *ret_grant, struct tokens *ret_tokens) {
  pthread_mutex_lock(&grants->lock);
  struct token_slot *slot = find_token(grants, refresh, '5');
  enum grant_verdict verdict = judge_refresh(slot, account, now_s);
  if (slot) *ret_grant = slot->grant;
  if (verdict == GRANT_OK) {
    if (now_s >= slot->access_expires_s) slot->access_nonce = derive_next(&grants->random);
    slot->access_expires_s = now_s + ACCESS_LIFETIME_S;
    write_tokens(slot, ret_tokens);
  }
  pthread_mutex_unlock(&grants->lock);
  return verdict;
}

enum grant_verdict grants_see_refresh(struct grants *grants, struct str refresh, struct grant *ret_grant) {
  pthread_mutex_lock(&grants->lock);
  struct token_slot *slot = find_token(grants, refresh, '5');
  if (slot) *ret_grant = slot->grant;
  pthread_mutex_unlock(&grants->lock);
  return slot ? GRANT_OK : GRANT_UNKNOWN;
}

enum grant_verdict grants_see_access(struct grants *grants, struct str access, int64_t now_s, struct grant *ret_grant) {
  if (!is_token_shaped(access, '9')) return GRANT_MALFORMED;
  pthread_mutex_lock(&grants->lock);
  struct token_slot *slot = find_token(grants, access, '9');
  enum grant_verdict verdict = GRANT_UNKNOWN;
  if (slot) {
    *ret_grant = slot->grant;
    verdict = slot->ended ? GRANT_VOID : now_s >= slot->access_expires_s ? GRANT_EXPIRED : GRANT_OK;
  }
  pthread_mutex_unlock(&grants->lock);
  return verdict;
}

void grants_void(struct grants *grants, struct str refresh) {
  pthread_mutex_lock(&grants->lock);
  struct token_slot *slot = find_token(grants, refresh, '5');
  if (slot) slot->ended = true;
  pthread_mutex_unlock(&grants->lock);
}

void grants_clear(struct grants *grants) {
  pthread_mutex_lock(&grants->lock);
  /* Only what was touched, so that an unused ring costs no memory. Serial numbers go on: nothing old is ever valid again. */
  for (size_t i = 0; i < grants->ring_count && i < grants->next_code; i++) grants->codes[i].given = false;
  for (size_t i = 0; i < grants->ring_count && i < grants->next_token; i++) grants->tokens[i].given = false;
  pthread_mutex_unlock(&grants->lock);
}
