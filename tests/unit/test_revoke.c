/* SPDX-License-Identifier: Apache-2.0
 * test_revoke: what was revoked is refused, nothing else is, and too many revocations close the door instead of opening it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "signin/revoke.h"
#include "signin/session.h"
#include "site.h"

#define CONTEXT STR("https://www.example.com/weixin wx0123456789abcdef")
#define WEEK_S  INT64_C(604800)

static struct revoke_table *table;

static int make_table(void **state) {
  (void)state;
  return revoke_table_new(&table);
}

static int free_table(void **state) {
  (void)state;
  revoke_table_free(table);
  return 0;
}

static struct session session_of(const char *openid, uint64_t id, int64_t signed_in_at_s) {
  struct session session = {.signed_in_at_s = signed_in_at_s, .sealed_at_s = signed_in_at_s};
  bytes_put_u64(session.id, id);
  str_copy(str_of(openid), session.openid, sizeof(session.openid));
  return session;
}

static void revoke_session(const struct session *session, int64_t expires_s, int64_t now_s) {
  struct revocation revocation;
  revoke_of_session(CONTEXT, session, expires_s, &revocation);
  revoke_add(table, &revocation, now_s);
}

static void an_empty_table_refuses_nobody(void **unused) {
  (void)unused;
  struct session session = session_of("oABC", 1, NOW_S);
  assert_false(revoke_has(table, CONTEXT, &session));
  assert_int_equal(revoke_count(table), 0);
}

static void a_signed_out_session_is_refused_and_others_of_that_person_are_not(void **unused) { /* K15 */
  (void)unused;
  struct session phone = session_of("oABC", 1, NOW_S), computer = session_of("oABC", 2, NOW_S);
  revoke_session(&phone, NOW_S + WEEK_S, NOW_S);
  assert_true(revoke_has(table, CONTEXT, &phone));
  phone.sealed_at_s += 1000; /* renewed copies too */
  assert_true(revoke_has(table, CONTEXT, &phone));
  assert_false(revoke_has(table, CONTEXT, &computer));
}

static void a_revoked_person_is_refused_until_the_next_sign_in(void **unused) { /* K17 */
  (void)unused;
  struct revocation revocation;
  struct session before = session_of("oABC", 1, NOW_S), after = session_of("oABC", 2, NOW_S + 1),
                 other = session_of("oABD", 3, NOW_S);
  revoke_of_person(CONTEXT, STR("oABC"), NOW_S, NOW_S + WEEK_S, &revocation);
  revoke_add(table, &revocation, NOW_S);
  assert_true(revoke_has(table, CONTEXT, &before));
  assert_false(revoke_has(table, CONTEXT, &after));
  assert_false(revoke_has(table, CONTEXT, &other));
}

static void everybody_of_one_account_is_refused_until_the_next_sign_in(void **unused) {
  (void)unused;
  struct revocation revocation;
  uint8_t print[16], other_print[16];
  struct session before = session_of("oABC", 1, NOW_S), after = session_of("oABC", 2, NOW_S + 1);
  revoke_print_everyone(CONTEXT, print);
  revoke_print_everyone(STR("https://www.example.com/shop wx0123456789abcdef"), other_print);
  assert_false(revoke_has_everyone(table, print, &before));
  revoke_of_everyone(CONTEXT, NOW_S, NOW_S + WEEK_S, &revocation);
  revoke_add(table, &revocation, NOW_S);
  assert_true(revoke_has_everyone(table, print, &before));
  assert_false(revoke_has_everyone(table, print, &after));
  assert_false(revoke_has_everyone(table, other_print, &before));
}

static void another_account_is_not_meant(void **unused) {
  (void)unused;
  struct session session = session_of("oABC", 1, NOW_S);
  revoke_session(&session, NOW_S + WEEK_S, NOW_S);
  assert_false(revoke_has(table, STR("https://www.example.com/shop wx0123456789abcdef"), &session));
}

static void the_later_of_two_revocations_counts(void **unused) {
  (void)unused;
  struct revocation early, late;
  struct session between = session_of("oABC", 1, NOW_S + 50);
  revoke_of_person(CONTEXT, STR("oABC"), NOW_S, NOW_S + WEEK_S, &early);
  revoke_of_person(CONTEXT, STR("oABC"), NOW_S + 100, NOW_S + WEEK_S + 100, &late);
  revoke_add(table, &late, NOW_S);
  revoke_add(table, &early, NOW_S); /* a scan may give an old ticket again */
  assert_true(revoke_has(table, CONTEXT, &between));
  assert_int_equal(revoke_count(table), 1);
}

static void one_that_is_over_is_not_kept(void **unused) {
  (void)unused;
  struct session session = session_of("oABC", 1, NOW_S - WEEK_S);
  revoke_session(&session, NOW_S, NOW_S);
  assert_int_equal(revoke_count(table), 0);
}

static void what_is_over_makes_room(void **unused) {
  (void)unused;
  for (uint64_t i = 0; i < 1000; i++) {
    struct session session = session_of("oABC", i, NOW_S);
    revoke_session(&session, NOW_S + 10, NOW_S);
  }
  for (uint64_t i = 1000; i < 4000; i++) {
    struct session session = session_of("oABC", i, NOW_S + 20);
    revoke_session(&session, NOW_S + WEEK_S, NOW_S + 20);
  }
  assert_int_equal(revoke_count(table), 3000);
  struct session last = session_of("oABC", 3999, NOW_S + 20), fresh = session_of("oABC", 5000, NOW_S + 20);
  assert_true(revoke_has(table, CONTEXT, &last));
  assert_false(revoke_has(table, CONTEXT, &fresh));
}

static void among_many_each_is_found(void **unused) {
  (void)unused;
  for (uint64_t i = 0; i < 20000; i++) {
    struct session session = session_of("oABC", i, NOW_S);
    revoke_session(&session, NOW_S + WEEK_S, NOW_S);
  }
  assert_int_equal(revoke_count(table), 20000);
  for (uint64_t i = 0; i < 40000; i++) {
    struct session session = session_of("oABC", i, NOW_S);
    assert_int_equal(revoke_has(table, CONTEXT, &session), i < 20000);
  }
}

static void too_many_close_the_door_for_all_who_came_before(void **unused) { /* K15 */
  (void)unused;
  struct session first = session_of("oABC", 0, NOW_S), bystander = session_of("oABD", UINT64_MAX, NOW_S);
  for (uint64_t i = 0; i < REVOKE_ENTRIES_MAX; i++) {
    struct session session = session_of("oABC", i, NOW_S);
    revoke_session(&session, NOW_S + WEEK_S, NOW_S + 1);
  }
  assert_true(revoke_has(table, CONTEXT, &first));
  assert_false(revoke_has(table, CONTEXT, &bystander));

  struct session one_more = session_of("oABC", REVOKE_ENTRIES_MAX, NOW_S);
  revoke_session(&one_more, NOW_S + WEEK_S, NOW_S + 1);
  assert_true(revoke_has(table, CONTEXT, &one_more));
  assert_true(revoke_has(table, CONTEXT, &first));
  assert_true(revoke_has(table, CONTEXT, &bystander)); /* has to sign in again */
  struct session later = session_of("oABD", 1, NOW_S + 2);
  assert_false(revoke_has(table, CONTEXT, &later));
}

static void a_ticket_carries_all_of_it(void **unused) {
  (void)unused;
  struct revocation made, read;
  struct weigate_ticket ticket;
  char key[REVOKE_KEY_BYTES];
  uint8_t value[8];
  revoke_of_person(CONTEXT, STR("oABC"), NOW_S, NOW_S + WEEK_S, &made);
  revoke_to_ticket(&made, key, value, &ticket);
  assert_true(ticket.flags & WEIGATE_TICKET_DURABLE);
  assert_memory_equal(ticket.kind.bytes, REVOKE_KIND, ticket.kind.size);
  assert_int_equal(revoke_from_ticket(&ticket, &read), 0);
  assert_memory_equal(read.print, made.print, sizeof(made.print));
  assert_int_equal(read.before_s, made.before_s);
  assert_int_equal(read.expires_s, made.expires_s);
}

static void a_ticket_of_another_form_is_no_revocation(void **unused) {
  (void)unused;
  struct revocation made, read;
  struct weigate_ticket ticket;
  char key[REVOKE_KEY_BYTES];
  uint8_t value[8];
  revoke_of_person(CONTEXT, STR("oABC"), NOW_S, NOW_S + WEEK_S, &made);
  revoke_to_ticket(&made, key, value, &ticket);
  ticket.value.size = 7;
  assert_int_equal(revoke_from_ticket(&ticket, &read), -1);
  ticket.value.size = 8;
  ticket.key.size = 31;
  assert_int_equal(revoke_from_ticket(&ticket, &read), -1);
  ticket.key.size = 32;
  key[3] = 'g';
  assert_int_equal(revoke_from_ticket(&ticket, &read), -1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_table, free_table)
  const struct CMUnitTest tests[] = {
      TEST(an_empty_table_refuses_nobody),
      TEST(a_signed_out_session_is_refused_and_others_of_that_person_are_not),
      TEST(a_revoked_person_is_refused_until_the_next_sign_in),
      TEST(everybody_of_one_account_is_refused_until_the_next_sign_in),
      TEST(another_account_is_not_meant),
      TEST(the_later_of_two_revocations_counts),
      TEST(one_that_is_over_is_not_kept),
      TEST(what_is_over_makes_room),
      TEST(among_many_each_is_found),
      TEST(too_many_close_the_door_for_all_who_came_before),
      TEST(a_ticket_carries_all_of_it),
      TEST(a_ticket_of_another_form_is_no_revocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
