/* SPDX-License-Identifier: Apache-2.0
 * fuzz_claim: a ticket's value as the store gives it back, and as whoever has the key could have sealed it. */
#include <string.h>

#include "fuzz.h"
#include "signin/claim.h"

static struct account *make_account(void) {
  static struct account account;
  static struct account_settings settings = {
      .id = "default", .appid = "wx0123456789abcdef", .secret = "s", .prefix = "/weixin", .default_next = "/"};
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

static void check_end(struct claim *claim, const struct claim_end *end) {
  struct weigate_ticket ticket;
  struct claim_end again;
  FUZZ_CHECK((size_t)end->outcome < OUTCOME_COUNT && strlen(end->next) <= URL_NEXT_MAX_BYTES);
  FUZZ_CHECK(claim_settle(claim, end, &ticket) == 0 && ticket.value.size <= WEIGATE_TICKET_VALUE_MAX);
  FUZZ_CHECK(claim_read(claim, str_make(ticket.value.bytes, ticket.value.size), &again) == 0);
  FUZZ_CHECK(again.outcome == end->outcome && again.errcode == end->errcode && strcmp(again.next, end->next) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t sealed[65536 + SEAL_OVERHEAD_BYTES];
  struct account *account = make_account();
  struct claim claim;
  struct claim_end end;
  char context[700];
  claim_of_code(&claim, account, STR("021abc"));
  FUZZ_CHECK(claim_read(&claim, str_make((const char *)data, size), &end) != 0);

  if (size > 65536) return 0;
  int n = snprintf(context, sizeof(context), "%s %s %s", account->context, claim.kind, claim.key);
  FUZZ_CHECK(seal_lock_raw(account->session->keys, SEAL_TICKET, str_make(context, (size_t)n), data, size, sealed) == 0);
  if (claim_read(&claim, str_make((const char *)sealed, size + SEAL_OVERHEAD_BYTES), &end) == 0) check_end(&claim, &end);
  return 0;
}
