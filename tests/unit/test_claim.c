/* SPDX-License-Identifier: Apache-2.0
 * test_claim: a claim's ticket tells its end to nobody but this account's, and only once there is one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "signin/claim.h"
#include "site.h"

static struct site here;
static const uint8_t nonce[STATE_NONCE_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8};

static int open_site(void **state) {
  (void)state;
  clock_hold(NOW_S, 1000);
  site_open(&here, &(struct site_options){0});
  return 0;
}

static int close_site(void **state) {
  (void)state;
  random_fail_next(0);
  clock_release();
  site_close(&here);
  return 0;
}

static struct claim_end signed_in(void) {
  struct claim_end end = {.outcome = OUTCOME_SIGNED_IN, .next = "/private/?x=1"};
  end.session.signed_in_at_s = end.session.sealed_at_s = NOW_S;
  str_copy(STR("oABC"), end.session.openid, sizeof(end.session.openid));
  return end;
}

static struct str settle(struct claim *claim, const struct claim_end *end, struct weigate_ticket *ret_ticket) {
  assert_int_equal(claim_settle(claim, end, ret_ticket), 0);
  return str_make(ret_ticket->value.bytes, ret_ticket->value.size);
}

static void an_end_is_read_as_it_was_written(void **unused) { /* S08 C04 */
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  struct claim_end end = signed_in(), read;
  claim_of_state(&claim, &here.account, 1790000000, nonce);
  assert_int_equal(claim_read(&claim, settle(&claim, &end, &ticket), &read), 0);
  assert_int_equal(read.outcome, OUTCOME_SIGNED_IN);
  assert_string_equal(read.session.openid, "oABC");
  assert_string_equal(read.next, "/private/?x=1");
}

static void every_outcome_is_read_as_itself(void **unused) {
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  claim_of_code(&claim, &here.account, STR("021abc"));
  for (size_t i = 0; i < OUTCOME_COUNT; i++) {
    struct claim_end end = signed_in(), read;
    end.outcome = (enum outcome)i;
    end.errcode = -1;
    assert_int_equal(claim_read(&claim, settle(&claim, &end, &ticket), &read), 0);
    assert_int_equal(read.outcome, i);
    assert_int_equal(read.errcode, -1);
  }
}

static void the_longest_end_fits_a_ticket(void **unused) {
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  struct claim_end end = signed_in(), read;
  memset(end.next, 'x', URL_NEXT_MAX_BYTES);
  memset(end.session.openid, 'o', WECHAT_ID_MAX_BYTES);
  memset(end.session.unionid, 'u', WECHAT_ID_MAX_BYTES);
  memset(end.session.nickname, 'n', SESSION_NICKNAME_BYTES);
  end.session.is_website = true;
  memset(end.session.website_appid, 'w', WECHAT_ID_MAX_BYTES);
  claim_of_code(&claim, &here.account, STR("021abc"));
  assert_int_equal(claim_read(&claim, settle(&claim, &end, &ticket), &read), 0);
  assert_string_equal(read.next, end.next);
  assert_true(ticket.value.size <= WEIGATE_TICKET_VALUE_MAX);
  assert_true(ticket.key.size <= WEIGATE_TICKET_KEY_MAX);
}

static void a_claim_without_an_end_is_not_read(void **unused) { /* C13 */
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  struct claim_end read;
  claim_of_state(&claim, &here.account, 1790000000, nonce);
  assert_int_equal(claim_read(&claim, settle(&claim, NULL, &ticket), &read), -1);
}

static void two_claims_of_one_state_are_not_equal(void **unused) { /* C04: the second must not pass for a repeat of the first */
  (void)unused;
  struct claim first, second;
  struct weigate_ticket a, b;
  claim_of_state(&first, &here.account, 1790000000, nonce);
  claim_of_state(&second, &here.account, 1790000000, nonce);
  settle(&first, NULL, &a);
  settle(&second, NULL, &b);
  assert_int_equal(a.key.size, b.key.size);
  assert_memory_equal(a.key.bytes, b.key.bytes, a.key.size);
  assert_int_equal(a.value.size, b.value.size);
  assert_memory_not_equal(a.value.bytes, b.value.bytes, a.value.size);
}

static void it_lives_as_long_as_its_state_may_come_again(void **unused) {
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  claim_of_state(&claim, &here.account, 1790000000, nonce);
  settle(&claim, NULL, &ticket);
  assert_true(ticket.expires_at_us >= (NOW_S + STATE_LIFETIME_S + STATE_SKEW_S) * INT64_C(1000000));
}

static void a_code_is_not_in_its_ticket(void **unused) { /* Z15 */
  (void)unused;
  struct claim claim, same, other;
  claim_of_code(&claim, &here.account, STR("021secretcode"));
  claim_of_code(&same, &here.account, STR("021secretcode"));
  claim_of_code(&other, &here.account, STR("021secretcodf"));
  assert_null(strstr(claim.key, "secret"));
  assert_string_equal(claim.key, same.key);
  assert_string_not_equal(claim.key, other.key);
}

static void what_was_sealed_for_another_key_account_or_kind_is_not_read(void **unused) { /* S20 */
  (void)unused;
  struct site there;
  struct claim mine, others[3];
  struct weigate_ticket ticket;
  struct claim_end end = signed_in(), read;
  const uint8_t other_nonce[STATE_NONCE_BYTES] = {9};
  site_open(&there, &(struct site_options){.prefix = "/shop"});
  claim_of_state(&mine, &here.account, 1790000000, nonce);
  claim_of_state(&others[0], &here.account, 1790000000, other_nonce);
  claim_of_state(&others[1], &there.account, 1790000000, nonce);
  others[2] = mine;
  others[2].kind = "code";
  struct str value = settle(&mine, &end, &ticket);
  for (size_t i = 0; i < 3; i++) assert_int_equal(claim_read(&others[i], value, &read), -1);
  assert_int_equal(claim_read(&mine, value, &read), 0);
  site_close(&there);
}

static void a_damaged_value_is_not_read(void **unused) {
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  struct claim_end end = signed_in(), read;
  claim_of_state(&claim, &here.account, 1790000000, nonce);
  settle(&claim, &end, &ticket);
  for (size_t i = 0; i < ticket.value.size; i++) {
    claim.value[i] ^= 1;
    assert_int_equal(claim_read(&claim, str_make((char *)claim.value, ticket.value.size), &read), -1);
    claim.value[i] ^= 1;
    assert_int_equal(claim_read(&claim, str_make((char *)claim.value, i), &read), -1);
  }
}

static void without_random_bytes_nothing_is_claimed(void **unused) { /* S22 */
  (void)unused;
  struct claim claim;
  struct weigate_ticket ticket;
  claim_of_state(&claim, &here.account, 1790000000, nonce);
  random_fail_next(-1);
  assert_int_equal(claim_settle(&claim, NULL, &ticket), -1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(an_end_is_read_as_it_was_written),      TEST(every_outcome_is_read_as_itself),
      TEST(the_longest_end_fits_a_ticket),         TEST(a_claim_without_an_end_is_not_read),
      TEST(two_claims_of_one_state_are_not_equal), TEST(it_lives_as_long_as_its_state_may_come_again),
      TEST(a_code_is_not_in_its_ticket),           TEST(what_was_sealed_for_another_key_account_or_kind_is_not_read),
      TEST(a_damaged_value_is_not_read),           TEST(without_random_bytes_nothing_is_claimed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
