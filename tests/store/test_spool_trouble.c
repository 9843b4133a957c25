/* SPDX-License-Identifier: Apache-2.0
 * test_spool_trouble: disks that are full or fail, stores that refuse one entry or everything, and people who are to be
 * forgotten. */
#include "spool_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/spool_ticket.h"

/* --- calls that fail on request (linked with --wrap) --- */

enum call { CALL_PWRITE, CALL_FDATASYNC, CALL_FSYNC, CALL_FTRUNCATE, CALLS };

static struct {
  int after[CALLS]; /* calls that still succeed; -1: all do */
  int error;        /* what the next one says */
  size_t part;      /* PWRITE: writes so many bytes first */
  bool is_lasting;  /* all that follow fail too */
} faults;

static bool fails(enum call call) {
  if (faults.after[call] < 0) return false;
  if (faults.after[call]-- > 0) return false;
  if (faults.is_lasting) faults.after[call] = 0;
  errno = faults.error;
  return true;
}

static void forget_faults(void) {
  memset(&faults, 0, sizeof(faults));
  for (int i = 0; i < CALLS; i++) faults.after[i] = -1;
}

ssize_t __real_pwrite(int fd, const void *bytes, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t n, off_t offset) {
  bool is_next = faults.after[CALL_PWRITE] == 0;
  if (is_next && faults.part && faults.part < n) {
    size_t part = faults.part;
    faults.part = 0;
    return __real_pwrite(fd, bytes, part, offset);
  }
  return fails(CALL_PWRITE) ? -1 : __real_pwrite(fd, bytes, n, offset);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd) {
  return fails(CALL_FDATASYNC) ? -1 : __real_fdatasync(fd);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd) {
  return fails(CALL_FSYNC) ? -1 : __real_fsync(fd);
}

int __real_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_ftruncate(int fd, off_t size) {
  return fails(CALL_FTRUNCATE) ? -1 : __real_ftruncate(fd, size);
}

static int setup(void **state) {
  forget_faults();
  return spool_kit_setup(state);
}

/* --- disks --- */

/* Q05: whatever fails at whatever step: a clean refusal, what was there before and what comes after is delivered, nothing by
 * half. */
static void a_write_that_fails_leaves_no_trace(void **state) {
  struct spool_kit *kit = *state;
  static const int errors[] = {ENOSPC, EIO, EDQUOT};
  static const size_t parts[] = {0, 1, 57, 400};
  for (size_t e = 0; e < 3; e++)
    for (size_t p = 0; p < 4; p++)
      for (int call = 0; call < CALL_FTRUNCATE; call++)
        for (int is_stuck = 0; is_stuck < 2; is_stuck++) {
          spool_kit_forget(kit);
          assert_int_equal(spool_kit_append(kit, "before"), 0);
          faults.error = errors[e];
          faults.part = parts[p];
          faults.after[call] = 0;
          faults.after[CALL_FTRUNCATE] = is_stuck ? 0 : -1;           /* not even taking it back succeeds */
          if (call == CALL_FSYNC) spool_segment_close(&kit->segment); /* a new segment's directory is synced */
          assert_int_equal(spool_kit_append(kit, "lost"), -1);
          assert_int_equal(errno, errors[e]);
          forget_faults();
          assert_int_equal(spool_kit_append(kit, "after"), 0);
          assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
          assert_int_equal(spool_kit_writes(kit, "before"), 1);
          assert_int_equal(spool_kit_writes(kit, "lost"), is_stuck && call != CALL_PWRITE && call != CALL_FSYNC);
          assert_int_equal(spool_kit_writes(kit, "after"), 1);
          assert_int_equal(spool_kit_look(kit).aside, 0);
        }
}

static void a_short_or_interrupted_write_goes_on(void **state) {
  struct spool_kit *kit = *state;
  faults.part = 10;
  faults.after[CALL_PWRITE] = 0;
  faults.error = EINTR;
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_writes(kit, "o1"), 1);
}

static void what_cannot_be_set_aside_stays_in_line(void **state) {
  struct spool_kit *kit = *state;
  kit->control->poison = "p";
  assert_int_equal(spool_kit_append(kit, "o1 p o2"), 0);
  faults.error = ENOSPC;
  faults.is_lasting = true;
  faults.after[CALL_FSYNC] = 0;
  assert_int_equal(spool_kit_drain(kit), DRAIN_STUCK);
  assert_int_equal(spool_kit_look(kit).records, 3);
  forget_faults();
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_look(kit).aside, 1);
  assert_int_equal(spool_kit_writes(kit, "o2") >= 1, 1);
}

/* --- stores --- */

/* Q07 */
static void one_that_is_refused_for_ever_is_set_aside_and_the_rest_flows(void **state) {
  struct spool_kit *kit = *state;
  char openids[4096] = "";
  kit->control->poison = "o0333";
  for (int i = 0; i < 1000; i++) {
    size_t n = strlen(openids);
    snprintf(openids + n, sizeof(openids) - n, "%so%04d", n ? " " : "", i);
    if (i % 100 != 99) continue;
    assert_int_equal(spool_kit_append(kit, openids), 0);
    openids[0] = '\0';
  }
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 999);
  struct spool_sight sight = spool_kit_look(kit);
  assert_int_equal(sight.aside, 1);
  assert_int_equal(sight.records, 0);
}

static void script(struct spool_kit *kit, enum faulty_call which, int class, size_t times) {
  for (size_t i = 0; i < times; i++)
    kit->control->steps[which][kit->control->step_count[which]++] = (struct faulty_step){class, 0};
}

/* D05 D08 D09 D19: an outage of any kind stops the drain and sets nothing aside; what needs an admin is an alarm. */
static void a_store_that_refuses_everything_keeps_everything_in_line(void **state) {
  struct spool_kit *kit = *state;
  static const int classes[] = {WEIGATE_AUTH,    WEIGATE_CONFIG,         WEIGATE_SCHEMA_NEWER, WEIGATE_CORRUPT,
                                WEIGATE_FULL,    WEIGATE_READ_ONLY,      WEIGATE_BUSY,         WEIGATE_UNAVAILABLE,
                                WEIGATE_TIMEOUT, WEIGATE_OUTCOME_UNKNOWN};
  assert_int_equal(spool_kit_append(kit, "o1 o2 o3"), 0);
  for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
    script(kit, FAULTY_WRITE, classes[i], 1);
    assert_int_equal(spool_kit_drain(kit), DRAIN_STUCK);
    struct spool_sight sight = spool_kit_look(kit);
    assert_int_equal(sight.records, 3);
    assert_int_equal(sight.aside, 0);
    assert_true(sight.is_drained);
    assert_non_null(strstr(sight.trouble, plugin_class_name(classes[i])));
  }
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 3);
  assert_string_equal(spool_kit_look(kit).trouble, "");
}

static void a_refusal_while_the_store_is_unwell_sets_nothing_aside(void **state) {
  struct spool_kit *kit = *state;
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  script(kit, FAULTY_WRITE, WEIGATE_FAILED, 1);
  script(kit, FAULTY_HEALTH, WEIGATE_UNAVAILABLE, 1);
  assert_int_equal(spool_kit_drain(kit), DRAIN_STUCK);
  assert_int_equal(spool_kit_look(kit).aside, 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
}

/* D04: the identical batch again. */
static void what_nobody_knows_of_is_sent_again(void **state) {
  struct spool_kit *kit = *state;
  assert_int_equal(spool_kit_append(kit, "o1 o2"), 0);
  kit->control->steps[FAULTY_WRITE][0] = (struct faulty_step){WEIGATE_OUTCOME_UNKNOWN, FAULTY_DOES_IT};
  kit->control->step_count[FAULTY_WRITE] = 1;
  assert_int_equal(spool_kit_drain(kit), DRAIN_STUCK);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_writes(kit, "o1"), 2);
  assert_int_equal(kit->control->record_count, 2);
}

/* --- erasing --- */

static size_t erase(struct spool_kit *kit, const char *openid) {
  struct err err = {{0}};
  size_t count;
  if (spool_erase(&kit->settings, STR(KIT_APPID), str_of(openid), &count, &err) != 0) fail_msg("%s", err.text);
  return count;
}

static void an_erased_person_is_delivered_by_nobody(void **state) {
  struct spool_kit *kit = *state;
  assert_int_equal(spool_kit_append(kit, "o1 gone o2"), 0);
  spool_kit_append_elsewhere(kit, "gone");
  kit->control->poison = "gone";
  spool_kit_append_elsewhere(kit, "gone o3");
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  spool_kit_forget(kit);
  kit->control->poison = NULL;
  assert_int_equal(spool_kit_look(kit).aside, 3);
  assert_int_equal(spool_kit_append(kit, "gone o4"), 0);
  assert_int_equal(erase(kit, "gone"), 4);
  assert_int_equal(erase(kit, "gone"), 0);
  assert_int_equal(spool_kit_append(kit, "o5"), 0); /* the appender's file was replaced */
  struct err err = {{0}};
  size_t count;
  assert_int_equal(spool_retry(&kit->settings, &count, &err), 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_writes(kit, "gone"), 0);
  assert_int_equal(spool_kit_writes(kit, "o4"), 1);
  assert_int_equal(spool_kit_writes(kit, "o5"), 1);
}

static void what_cannot_be_opened_is_said_when_somebody_is_erased(void **state) {
  struct spool_kit *kit = *state;
  struct err err = {{0}};
  size_t count;
  assert_int_equal(spool_kit_append(kit, "gone"), 0);
  struct seal_keys *other = spool_kit_keys("2");
  kit->settings.keys = other;
  assert_int_equal(spool_kit_append(kit, "gone"), 0);
  assert_int_equal(spool_erase(&kit->settings, STR(KIT_APPID), STR("gone"), &count, &err), -1);
  assert_int_equal(count, 1);
  assert_non_null(strstr(err.text, "cannot be opened"));
  kit->settings.keys = kit->keys;
  seal_keys_free(other);
}

/* --- tickets --- */

static enum weigate_item claim(struct spool_kit *kit, const struct weigate_ticket *ticket, struct spool_ticket *ret_found) {
  enum weigate_item item = WEIGATE_ITEM_UNKNOWN;
  assert_int_equal(spool_ticket_claim(&kit->dir, kit->keys, ticket, &item, ret_found), 0);
  return item;
}

static void a_claim_is_won_once_and_its_end_is_found(void **state) {
  struct spool_kit *kit = *state;
  struct weigate_ticket first = kit_ticket("code", "k", "first"), second = kit_ticket("code", "k", "second");
  struct spool_ticket found;
  assert_int_equal(claim(kit, &first, &found), WEIGATE_ITEM_NEW);
  assert_int_equal(claim(kit, &second, &found), WEIGATE_ITEM_TAKEN);
  assert_memory_equal(found.ticket.value.bytes, "first", 5);
  assert_true(found.is_claim);
  spool_ticket_done(&found);
  assert_int_equal(spool_ticket_put(&kit->dir, kit->keys, &second), 0);
  assert_int_equal(spool_ticket_get(&kit->dir, kit->keys, first.kind, first.key, &found), 0);
  assert_true(found.is_found && !found.is_claim);
  spool_ticket_done(&found);
  assert_int_equal(spool_ticket_take(&kit->dir, kit->keys, first.kind, first.key, &found), 0);
  assert_true(found.is_found);
  spool_ticket_done(&found);
  assert_int_equal(spool_ticket_take(&kit->dir, kit->keys, first.kind, first.key, &found), 0);
  assert_false(found.is_found);
}

static void a_ticket_past_its_time_makes_room_and_is_swept(void **state) {
  struct spool_kit *kit = *state;
  struct weigate_ticket ticket = kit_ticket("code", "k", "v");
  struct spool_ticket found;
  ticket.expires_at_us = kit_now_us() - 2000000;
  assert_int_equal(claim(kit, &ticket, &found), WEIGATE_ITEM_NEW);
  assert_int_equal(claim(kit, &ticket, &found), WEIGATE_ITEM_NEW);
  spool_ticket_sweep(&kit->dir);
  assert_int_equal(kit->dir.state->tickets, 0);
  assert_int_equal(spool_ticket_get(&kit->dir, kit->keys, ticket.kind, ticket.key, &found), 0);
  assert_false(found.is_found);
}

static void count_one(void *arg, const struct weigate_ticket *ticket) {
  (void)ticket;
  ++*(size_t *)arg;
}

static void a_scan_finds_its_kind(void **state) {
  struct spool_kit *kit = *state;
  size_t count = 0;
  for (int i = 0; i < 5; i++) {
    char key[8];
    snprintf(key, sizeof(key), "k%d", i);
    struct weigate_ticket ticket = kit_ticket(i % 2 ? "revoke" : "code", "", "v");
    ticket.key = (struct weigate_text){key, strlen(key)};
    ticket.flags = WEIGATE_TICKET_DURABLE;
    assert_int_equal(spool_ticket_put(&kit->dir, kit->keys, &ticket), 0);
  }
  assert_int_equal(spool_ticket_scan(&kit->dir, kit->keys, kit_text("revoke"), 0, count_one, &count), 0);
  assert_int_equal(count, 2);
  assert_int_equal(spool_ticket_scan(&kit->dir, kit->keys, kit_text("revoke"), kit_now_us() + 60000000, count_one, &count), 0);
  assert_int_equal(count, 2);
}

#define SPOOL(test) cmocka_unit_test_setup_teardown(test, setup, spool_kit_teardown)

int main(void) {
  if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
  const struct CMUnitTest tests[] = {
      SPOOL(a_write_that_fails_leaves_no_trace),
      SPOOL(a_short_or_interrupted_write_goes_on),
      SPOOL(what_cannot_be_set_aside_stays_in_line),
      SPOOL(one_that_is_refused_for_ever_is_set_aside_and_the_rest_flows),
      SPOOL(a_store_that_refuses_everything_keeps_everything_in_line),
      SPOOL(a_refusal_while_the_store_is_unwell_sets_nothing_aside),
      SPOOL(what_nobody_knows_of_is_sent_again),
      SPOOL(an_erased_person_is_delivered_by_nobody),
      SPOOL(what_cannot_be_opened_is_said_when_somebody_is_erased),
      SPOOL(a_claim_is_won_once_and_its_end_is_found),
      SPOOL(a_ticket_past_its_time_makes_room_and_is_swept),
      SPOOL(a_scan_finds_its_kind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
