/* SPDX-License-Identifier: Apache-2.0
 * claim: claims, waits for and settles a sign-in's ticket. Runs in coroutines of the sign-in thread. */
#include "signin/claim.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/coro.h"
#include "store/kinds.h"

#define VERSION    2
#define HEAD_BYTES (1 + 4 + 1 + 2)
/* Looks at a pending ticket: after 20 ms, then at twice the pause up to 250 ms, so that the end is seen soon and a slow first
 * costs 4 reads a second. */
#define LOOK_FIRST_MS 20
#define LOOK_MAX_MS   250

/* A ticket opens only as what it was sealed for: account, kind and key. */
static struct str seal_context(const struct claim *claim, char to[700]) {
  int n = snprintf(to, 700, "%s %s %s", claim->account->context, claim->kind, claim->key);
  return str_make(to, (size_t)n);
}

static bool is_session_end(enum outcome outcome) {
  return outcome == OUTCOME_SIGNED_IN || outcome == OUTCOME_SIGNED_IN_GUEST;
}

/* NULL: no end yet, an empty word. Words and not numbers, because hosts of two versions may share a store. Returns the size. */
static size_t pack_end(const struct claim_end *end, uint8_t to[CLAIM_PLAIN_MAX]) {
  const char *word = end ? outcome_row(end->outcome)->word : "";
  uint8_t session[SESSION_PACKED_MAX];
  size_t session_bytes = end && is_session_end(end->outcome) ? session_pack(&end->session, session) : 0;
  size_t word_bytes = strlen(word), next_bytes = end ? strlen(end->next) : 0;
  uint8_t *at = to;
  *at++ = VERSION;
  at = bytes_put_u32(at, (uint32_t)(end ? end->errcode : 0));
  *at++ = (uint8_t)word_bytes;
  *at++ = (uint8_t)(session_bytes >> 8);
  *at++ = (uint8_t)session_bytes;
  memcpy(at, word, word_bytes);
  memcpy(at + word_bytes, session, session_bytes);
  if (next_bytes) memcpy(at + word_bytes + session_bytes, end->next, next_bytes);
  return (size_t)(at - to) + word_bytes + session_bytes + next_bytes;
}

static int unpack_end(const uint8_t *bytes, size_t n, struct claim_end *ret_end) {
  if (n < HEAD_BYTES || bytes[0] != VERSION) return -1;
  struct claim_end end = {.errcode = (int)bytes_get_u32(bytes + 1)};
  size_t word_bytes = bytes[5], session_bytes = (size_t)bytes[6] << 8 | bytes[7], rest_bytes = n - HEAD_BYTES;
  if (word_bytes > rest_bytes || session_bytes > rest_bytes - word_bytes) return -1;
  size_t next_bytes = rest_bytes - word_bytes - session_bytes;
  const uint8_t *word = bytes + HEAD_BYTES, *session = word + word_bytes;
  if (next_bytes > URL_NEXT_MAX_BYTES || !outcome_find(str_make((const char *)word, word_bytes), &end.outcome)) return -1;
  if (is_session_end(end.outcome) && session_unpack(session, session_bytes, &end.session) < 0) return -1;
  memcpy(end.next, session + session_bytes, next_bytes);
  *ret_end = end;
  return 0;
}

int claim_settle(struct claim *claim, const struct claim_end *end, struct weigate_ticket *ret_ticket) {
  uint8_t *plain = claim->value + SEAL_PLAIN_OFFSET; /* sealed where it stands */
  char context[700];
  size_t n = pack_end(end, plain);
  if (seal_lock_raw(claim->account->session->keys, SEAL_TICKET, seal_context(claim, context), plain, n, claim->value) < 0)
    return -1;
  *ret_ticket = (struct weigate_ticket){
      .struct_size = sizeof(*ret_ticket),
      .kind = {claim->kind, strlen(claim->kind)},
      .key = {claim->key, strlen(claim->key)},
      .value = {(const char *)claim->value, n + SEAL_OVERHEAD_BYTES},
      .expires_at_us = clock_wall_us() + CLAIM_LIFETIME_S * INT64_C(1000000),
  };
  return 0;
}

int claim_read(const struct claim *claim, struct str value, struct claim_end *ret_end) {
  uint8_t plain[CLAIM_PLAIN_MAX];
  char context[700];
  size_t n;
  if (seal_open_raw(claim->account->session->keys, SEAL_TICKET, seal_context(claim, context), (const uint8_t *)value.p, value.n,
                    plain, sizeof(plain), &n) < 0)
    return -1;
  return unpack_end(plain, n, ret_end);
}

static bool is_settled(const struct claim *claim, const struct store_ticket *found, struct claim_end *ret_end) {
  return found->is_found && claim_read(claim, str_make((const char *)found->value, found->value_bytes), ret_end) == 0;
}

void claim_of_state(struct claim *claim, const struct account *account, uint32_t made_at_s,
                    const uint8_t nonce[STATE_NONCE_BYTES]) {
  claim->account = account;
  claim->kind = KIND_STATE;
  uint8_t named[4 + STATE_NONCE_BYTES];
  memcpy(bytes_put_u32(named, made_at_s), nonce, STATE_NONCE_BYTES);
  text_hex_encode(claim->key, named, sizeof(named));
}

void claim_of_code(struct claim *claim, const struct account *account, struct str code) {
  uint8_t print[16];
  claim->account = account;
  claim->kind = KIND_CODE;
  seal_fingerprint(SEAL_CODE, account_context(account), code, print);
  text_hex_encode(claim->key, print, sizeof(print));
}

enum claim_result claim_look_wait(struct claim *claim, struct store *store, struct claim_end *ret_end) {
  struct store_ticket found;
  struct store_answer answer;
  store_ticket_get_wait(store, str_of(claim->kind), str_of(claim->key), &found, &answer);
  if (!store_is_done(&answer)) return CLAIM_NO_STORE;
  return is_settled(claim, &found, ret_end) ? CLAIM_SETTLED : CLAIM_ABANDONED;
}

enum claim_result claim_take_wait(struct claim *claim, struct store *store, uint64_t patience_ms, struct claim_end *ret_end) {
  struct weigate_ticket ticket;
  struct store_answer answer;
  if (claim_settle(claim, NULL, &ticket) < 0) return CLAIM_NO_STORE;
  store_claim_wait(store, &ticket, NULL, &answer);
  if (!store_is_done(&answer)) return CLAIM_NO_STORE;
  if (answer.item == WEIGATE_ITEM_NEW || answer.item == WEIGATE_ITEM_DUPLICATE)
    return CLAIM_MINE; /* this very claim, tried twice */
  if (answer.item != WEIGATE_ITEM_TAKEN) return CLAIM_NO_STORE;

  /* Somebody was first. That ticket is read on its own: its 4 KiB would stand on every stack, and second hits are rare. */
  enum claim_result looked = claim_look_wait(claim, store, ret_end);
  uint64_t give_up_ms = clock_mono_ms() + patience_ms;
  for (uint64_t pause_ms = LOOK_FIRST_MS; looked == CLAIM_ABANDONED && clock_mono_ms() < give_up_ms; pause_ms *= 2) {
    coro_pause_wait(pause_ms < LOOK_MAX_MS ? pause_ms : LOOK_MAX_MS);
    if (pause_ms > LOOK_MAX_MS) pause_ms = LOOK_MAX_MS;
    looked = claim_look_wait(claim, store, ret_end);
  }
  return looked;
}
