/* SPDX-License-Identifier: Apache-2.0
 * fuzz_session: the input as packed session, as the plain text of a seal, as a session cookie and as a whole Cookie header. Only
 * what packs to the same bytes is a session, and nothing that was not sealed is good. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "signin/session.h"

#define NOW_S INT64_C(1795339980)

static struct account *make_account(void) {
  static struct account account;
  static struct account_settings settings = {.id = "default",
                                             .appid = "wx0123456789abcdef",
                                             .secret = "s",
                                             .prefix = "/weixin",
                                             .default_next = "/",
                                             .qrconnect_appid = "wxwebsite0000001"};
  static struct session_settings session = {.lifetime_ms = 604800000, .idle_ms = 172800000};
  char key[65];
  struct err err;
  if (session.keys) return &account;
  FUZZ_CHECK(seal_start(&err) == 0 && seal_key_new(key) == 0);
  FUZZ_CHECK(seal_keys_parse(str_of(key), &session.keys, &err) == 0);
  FUZZ_CHECK(origin_parse(STR("https://www.example.com"), &settings.public_url, &err) == 0);
  FUZZ_CHECK(account_init(&account, &settings, &session, &err) == 0);
  return &account;
}

static enum session_state read_cookie(struct str cookie, struct session *ret_session) {
  struct request request = {.cookie = cookie};
  bool renew;
  return session_read(make_account(), &request, NULL, NOW_S, ret_session, &renew);
}

static void check_packed(const uint8_t *data, size_t size) {
  struct session session;
  uint8_t again[SESSION_PACKED_MAX];
  if (session_unpack(data, size, &session) != 0) return;
  FUZZ_CHECK(session_pack(&session, again) == size && memcmp(again, data, size) == 0);
}

/* Whoever has the key may seal anything: it is read or refused, and what is good is in time. */
static void check_sealed(const uint8_t *data, size_t size) {
  struct session session;
  const struct account *account = make_account();
  size_t name_n = strlen(account->session_cookie) + 1, text_n = seal_text_length(size);
  char *cookie = malloc(name_n + text_n + 1);
  FUZZ_CHECK(cookie != NULL);
  memcpy(cookie, account->session_cookie, name_n - 1);
  cookie[name_n - 1] = '=';
  FUZZ_CHECK(seal_lock(account->session->keys, SEAL_SESSION, account_context(account), data, size, cookie + name_n) == 0);
  if (read_cookie(str_make(cookie, name_n + text_n), &session) == SESSION_GOOD) {
    FUZZ_CHECK(session.openid[0] && session_expires_at_s(account->session, &session) > NOW_S);
    FUZZ_CHECK(session.sealed_at_s <= NOW_S + 60);
  }
  free(cookie);
}

/* As the cookie's value, and as the whole header. */
static void check_unsealed(const uint8_t *data, size_t size) {
  struct session session;
  const char name[] = "__Host-weigate=";
  char *cookie = malloc(sizeof(name) - 1 + size);
  FUZZ_CHECK(cookie != NULL);
  memcpy(cookie, name, sizeof(name) - 1);
  if (size) memcpy(cookie + sizeof(name) - 1, data, size);
  FUZZ_CHECK(read_cookie(str_make(cookie, sizeof(name) - 1 + size), &session) != SESSION_GOOD);
  FUZZ_CHECK(read_cookie(str_make(cookie + sizeof(name) - 1, size), &session) != SESSION_GOOD);
  free(cookie);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  check_packed(data, size);
  check_sealed(data, size);
  check_unsealed(data, size);
  return 0;
}
