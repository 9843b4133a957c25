/* SPDX-License-Identifier: Apache-2.0
 * attempt: seals, finds and clears login cookies. */
#include "signin/attempt.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/random.h"

#define PACK_VERSION     1
#define PACK_FIXED_BYTES (1 + 1 + 1 + 1 + 4 + STATE_NONCE_BYTES + STATE_SECRET_BYTES)
#define PACK_MAX_BYTES   (PACK_FIXED_BYTES + URL_NEXT_MAX_BYTES)
/* text_base62_length(8) is 11. */
#define NAME_NONCE_BYTES 11
#define NAME_BYTES       96
/* More login cookies than this are not looked at in one request; each sign-in that is begun deletes some. */
#define SEEN_MAX 16
/* A deletion takes about 130 bytes of the header: six leave room for the new cookie and the authorize link
 * (RESPONSE_HEAD_MAX_BYTES).
 */
#define DELETIONS_MAX 6

static size_t pack(const struct attempt *attempt, uint8_t to[PACK_MAX_BYTES]) {
  uint8_t *at = to;
  size_t next_bytes = strlen(attempt->next);
  *at++ = PACK_VERSION;
  *at++ = attempt->flags;
  *at++ = attempt->restarts;
  *at++ = attempt->lang;
  at = bytes_put_u32(at, attempt->made_at_s);
  memcpy(at, attempt->nonce, STATE_NONCE_BYTES);
  memcpy(at + STATE_NONCE_BYTES, attempt->secret, STATE_SECRET_BYTES);
  memcpy(at + STATE_NONCE_BYTES + STATE_SECRET_BYTES, attempt->next, next_bytes);
  return PACK_FIXED_BYTES + next_bytes;
}

static int unpack(const uint8_t *bytes, size_t n, struct attempt *ret_attempt) {
  if (n < PACK_FIXED_BYTES || bytes[0] != PACK_VERSION || bytes[3] > ATTEMPT_LANG_EN) return -1;
  ret_attempt->flags = bytes[1];
  ret_attempt->restarts = bytes[2];
  ret_attempt->lang = bytes[3];
  ret_attempt->made_at_s = bytes_get_u32(bytes + 4);
  memcpy(ret_attempt->nonce, bytes + 8, STATE_NONCE_BYTES);
  memcpy(ret_attempt->secret, bytes + 8 + STATE_NONCE_BYTES, STATE_SECRET_BYTES);
  memcpy(ret_attempt->next, bytes + PACK_FIXED_BYTES, n - PACK_FIXED_BYTES);
  ret_attempt->next[n - PACK_FIXED_BYTES] = '\0';
  return 0;
}

static void name_cookie(const struct account *account, const uint8_t nonce[STATE_NONCE_BYTES], char to[NAME_BYTES]) {
  size_t prefix = strlen(account->login_cookie);
  memcpy(to, account->login_cookie, prefix);
  text_base62_encode(to + prefix, nonce, STATE_NONCE_BYTES);
}

static int open_cookie(const struct account *account, struct str value, struct attempt *ret_attempt) {
  uint8_t packed[PACK_MAX_BYTES];
  size_t n;
  if (seal_open(account->session->keys, SEAL_LOGIN, account_context(account), value, packed, sizeof(packed), &n, NULL) < 0)
    return -1;
  return unpack(packed, n, ret_attempt);
}

static bool is_timely(uint32_t made_at_s, int64_t now_s) {
  return state_is_timely(&(struct state){.made_at_s = made_at_s}, now_s);
}

/* --- keeping few ---------------------------------------------------------------------------------------------------------- */

struct seen {
  struct str name;
  size_t bytes;
  uint32_t made_at_s; /* 0: does not open, or too old */
};

struct collection {
  const struct account *account;
  int64_t now_s;
  struct seen seen[SEEN_MAX];
  size_t count;
};

static void collect(struct str name, struct str value, void *arg) {
  struct collection *all = arg;
  struct attempt attempt;
  if (all->count == SEEN_MAX || name.n != strlen(all->account->login_cookie) + NAME_NONCE_BYTES) return;
  bool is_alive = open_cookie(all->account, value, &attempt) == 0 && is_timely(attempt.made_at_s, all->now_s);
  all->seen[all->count++] =
      (struct seen){.name = name, .bytes = name.n + value.n + 3, .made_at_s = is_alive ? attempt.made_at_s : 0};
}

static struct seen *find_oldest(struct collection *all) {
  struct seen *oldest = NULL;
  for (size_t i = 0; i < all->count; i++)
    if (all->seen[i].name.n && (!oldest || all->seen[i].made_at_s < oldest->made_at_s)) oldest = &all->seen[i];
  return oldest;
}

/* Deletes the oldest until the new one fits beside the rest; broken ones count as oldest and go in any case. */
static void make_room(const struct account *account, const struct request *request, size_t new_bytes, int64_t now_s,
                      struct response *response) {
  struct collection all = {.account = account, .now_s = now_s};
  cookie_each(request, str_of(account->login_cookie), collect, &all);
  size_t bytes = new_bytes, count = all.count + 1;
  for (size_t i = 0; i < all.count; i++) bytes += all.seen[i].bytes;

  for (int deletions = 0; deletions < DELETIONS_MAX; deletions++) {
    struct seen *oldest = find_oldest(&all);
    if (!oldest || (oldest->made_at_s && count <= ATTEMPTS_MAX && bytes <= ATTEMPTS_MAX_BYTES)) return;
    cookie_set(response, oldest->name, STR_NONE, 0, account->is_secure);
    bytes -= oldest->bytes;
    count--;
    oldest->name = STR_NONE;
  }
}

/* --- exported -------------------------------------------------------------------------------------------------------------- */

int attempt_begin(struct attempt *attempt, int64_t now_s) {
  *attempt = (struct attempt){.made_at_s = (uint32_t)now_s};
  if (random_bytes(attempt->nonce, sizeof(attempt->nonce)) < 0) return -1;
  return random_bytes(attempt->secret, sizeof(attempt->secret));
}

void attempt_format_state(const struct account *account, const struct attempt *attempt, char ret_state[STATE_TEXT_BYTES]) {
  struct state state = {.made_at_s = attempt->made_at_s, .restarts = attempt->restarts};
  memcpy(state.nonce, attempt->nonce, STATE_NONCE_BYTES);
  state_sign(&state, account->session->keys, account_context(account), attempt->secret);
  state_format(&state, ret_state);
}

int attempt_set_cookie(const struct account *account, const struct request *request, const struct attempt *attempt, int64_t now_s,
                       struct response *response) {
  uint8_t packed[PACK_MAX_BYTES];
  char text[SEAL_TEXT_BYTES(PACK_MAX_BYTES)], name[NAME_BYTES];
  size_t n = pack(attempt, packed);
  if (seal_lock(account->session->keys, SEAL_LOGIN, account_context(account), packed, n, text) < 0) return -1;
  name_cookie(account, attempt->nonce, name);
  make_room(account, request, strlen(name) + strlen(text) + 3, now_s, response);
  cookie_set(response, str_of(name), str_of(text), STATE_LIFETIME_S, account->is_secure);
  return 0;
}

void attempt_clear_cookie(const struct account *account, const struct attempt *attempt, struct response *response) {
  char name[NAME_BYTES];
  name_cookie(account, attempt->nonce, name);
  cookie_set(response, str_of(name), STR_NONE, 0, account->is_secure);
}

enum attempt_match attempt_find(const struct account *account, const struct request *request, struct str state_text,
                                int64_t now_s, struct attempt *ret_attempt, struct state *ret_state) {
  struct state state;
  char name[NAME_BYTES];
  struct str value;
  if (!state_text.n) return ATTEMPT_NO_STATE;
  if (state_parse(state_text, &state) < 0) return ATTEMPT_BAD_STATE;
  *ret_state = state;
  if (!state_is_timely(&state, now_s)) return ATTEMPT_EXPIRED;

  name_cookie(account, state.nonce, name);
  enum web_value found = cookie_value(request, str_of(name), &value);
  if (found == WEB_VALUE_NONE) return ATTEMPT_NO_COOKIE;
  if (found != WEB_VALUE_ONE || open_cookie(account, value, ret_attempt) < 0) return ATTEMPT_MISMATCH;
  if (!state_is_signed(&state, account->session->keys, account_context(account), ret_attempt->secret)) return ATTEMPT_MISMATCH;
  return ATTEMPT_MATCH;
}
