/* SPDX-License-Identifier: Apache-2.0
 * test_spool: what was appended is delivered, whatever happens to the files in between. */
#include "spool_kit.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/spool_record.h"

static size_t size_of(const char *path) {
  struct stat file;
  assert_int_equal(stat(path, &file), 0);
  return (size_t)file.st_size;
}

static void flip_byte(const char *path, off_t at) {
  uint8_t byte;
  SCOPE_CLOSE int fd = open(path, O_RDWR);
  assert_int_equal(pread(fd, &byte, 1, at), 1);
  byte ^= 0x40;
  assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void write_bytes(const char *path, off_t at, const char *bytes) {
  SCOPE_CLOSE int fd = open(path, O_RDWR);
  assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
}

/* --- entries --- */

static void an_entry_comes_back_as_it_was(void **state) {
  SCOPE_BUF struct buf plain;
  SCOPE_BUF struct buf again;
  struct weigate_person person = kit_person("o1", kit_now_us(), 7);
  struct weigate_event event = kit_event("o1", kit_now_us(), 7);
  struct weigate_ticket ticket = kit_ticket("code", "k", "v");
  struct spool_entry entry = {.kind = SPOOL_SIGNIN, .signin = {.person = &person, .event = &event, .ticket = &ticket}}, read;
  (void)state;
  buf_init(&plain, SPOOL_ENTRY_MAX_BYTES);
  buf_init(&again, SPOOL_ENTRY_MAX_BYTES);
  spool_record_add(&plain, &entry);
  struct str rest = buf_str(&plain);
  assert_int_equal(spool_record_next(&rest, &read), 1);
  assert_int_equal(rest.n, 0);
  spool_record_add(&again, &read);
  assert_true(str_eq(buf_str(&plain), buf_str(&again)));
  assert_int_equal(read.person.has, person.has);
  assert_memory_equal(&read.person.profile_stamp, &person.profile_stamp, sizeof(person.profile_stamp));
  assert_int_equal(read.event.event_at_us, event.event_at_us);
  assert_memory_equal(read.ticket.value.bytes, "v", 1);
}

static void every_cut_of_an_entry_is_refused(void **state) {
  SCOPE_BUF struct buf plain;
  struct weigate_person person = kit_person("o1", kit_now_us(), 7);
  struct spool_entry entry = {.kind = SPOOL_SIGNIN, .signin = {.person = &person}}, read;
  (void)state;
  buf_init(&plain, SPOOL_ENTRY_MAX_BYTES);
  spool_record_add(&plain, &entry);
  for (size_t n = 1; n < plain.len; n++) {
    struct str cut = str_make(plain.data, n);
    assert_int_equal(spool_record_next(&cut, &read), -1);
  }
}

/* --- delivery --- */

static void what_was_appended_is_delivered_once_and_the_file_is_gone(void **state) {
  struct spool_kit *kit = *state;
  assert_int_equal(spool_kit_append(kit, "o1 o2 o3"), 0);
  assert_int_equal(spool_kit_append(kit, "o4"), 0);
  assert_int_equal(spool_kit_look(kit).records, 4);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 4);
  assert_int_equal(spool_kit_writes(kit, "o1"), 1);
  struct spool_sight sight = spool_kit_look(kit);
  assert_int_equal(sight.records + sight.bytes, 0);
  assert_true(sight.is_drained);
}

static void an_appender_whose_file_was_drained_begins_a_new_one(void **state) {
  struct spool_kit *kit = *state;
  for (int i = 0; i < 3; i++) {
    char openid[8];
    snprintf(openid, sizeof(openid), "o%d", i);
    assert_int_equal(spool_kit_append(kit, openid), 0);
    assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  }
  assert_int_equal(kit->control->record_count, 3);
}

/* Q15 */
static void the_oldest_comes_first_whoever_wrote_it(void **state) {
  struct spool_kit *kit = *state;
  for (int i = 0; i < 40; i++) {
    char openid[8];
    snprintf(openid, sizeof(openid), "o%02d", i);
    if (i % 2)
      assert_int_equal(spool_kit_append(kit, openid), 0);
    else
      spool_kit_append_elsewhere(kit, openid);
  }
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  for (int i = 0; i < 40; i++) {
    char openid[8];
    snprintf(openid, sizeof(openid), "o%02d", i);
    assert_int_equal(spool_kit_place(kit, openid), i);
  }
}

/* Q17: no time makes a record unwanted. */
static void records_of_1970_and_2100_are_delivered(void **state) {
  struct spool_kit *kit = *state;
  clock_hold(1, 1000);
  assert_int_equal(spool_kit_append(kit, "early"), 0);
  clock_hold(4102444800, 2000);
  assert_int_equal(spool_kit_append(kit, "late"), 0);
  clock_release();
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 2);
}

/* Q09: the kernel frees the lock of whoever dies; here: of whoever closes. */
static void of_two_drains_one_works(void **state) {
  struct spool_kit *kit = *state;
  spool_kit_append_elsewhere(kit, "o1");
  spool_kit_open_drain(kit, 0);
  struct drain *first = kit->drain;
  kit->control->steps[FAULTY_CONNECT][0] = (struct faulty_step){WEIGATE_UNAVAILABLE, 0};
  kit->control->step_count[FAULTY_CONNECT] = 1;
  assert_int_equal(drain_step(first), DRAIN_STUCK);
  spool_kit_open_drain(kit, 0);
  assert_int_equal(drain_step(kit->drain), DRAIN_NOT_OURS);
  drain_free(first);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
}

/* Q16: each store has its own line. */
static void what_is_for_one_store_is_not_given_to_the_other(void **state) {
  struct spool_kit *kit = *state;
  spool_kit_append_elsewhere(kit, "o1");
  spool_kit_open_drain(kit, 1);
  assert_int_equal(drain_step(kit->drain), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 0);
  assert_int_equal(spool_kit_look(kit).records, 1);
}

static void what_is_for_a_store_of_former_days_goes_to_the_one_that_took_its_place(void **state) {
  struct spool_kit *kit = *state;
  kit->segment.target = "old";
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
}

/* --- damage --- */

/* Q02: never glued to what comes behind it, never delivered by half. */
static void a_last_write_torn_at_any_byte_is_dropped(void **state) {
  struct spool_kit *kit = *state;
  char path[512];
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  spool_kit_segment(kit, "", path);
  size_t before = size_of(path);
  assert_int_equal(spool_kit_append(kit, "o2"), 0);
  size_t whole = size_of(path);
  SCOPE_FREE char *bytes = malloc(whole);
  {
    SCOPE_CLOSE int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, bytes, whole, 0), whole);
  }
  for (size_t n = 1; n < whole; n++) {
    SCOPE_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(pwrite(fd, bytes, n, 0), n);
    spool_kit_forget(kit);
    assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
    assert_int_equal(kit->control->record_count, n < before ? 0 : 1);
    assert_int_equal(spool_kit_look(kit).bytes, 0);
    assert_int_equal(spool_kit_look(kit).aside, 0);
  }
}

/* Q03 */
static void a_flipped_byte_costs_one_frame_and_no_other(void **state) {
  struct spool_kit *kit = *state;
  char path[512];
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  spool_kit_segment(kit, "", path);
  size_t first = size_of(path);
  assert_int_equal(spool_kit_append(kit, "o2"), 0);
  size_t second = size_of(path);
  assert_int_equal(spool_kit_append(kit, "o3"), 0);
  for (size_t at = first; at < second; at += 7) {
    flip_byte(path, (off_t)at);
    SCOPE_FREE char *bytes = malloc(2 * second);
    SCOPE_CLOSE int fd = open(path, O_RDONLY);
    ssize_t whole = pread(fd, bytes, 2 * second, 0);
    spool_kit_forget(kit);
    assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
    assert_int_equal(kit->control->record_count, 2);
    assert_int_equal(spool_kit_writes(kit, "o2"), 0);
    assert_int_equal(spool_kit_look(kit).aside, (at - first) / 7 + 1);
    SCOPE_CLOSE int again = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(pwrite(again, bytes, (size_t)whole, 0), whole);
    flip_byte(path, (off_t)at);
  }
}

static void a_head_that_cannot_be_read_hides_no_frame(void **state) {
  struct spool_kit *kit = *state;
  char path[512];
  assert_int_equal(spool_kit_append(kit, "o1 o2"), 0);
  spool_kit_segment(kit, "", path);
  flip_byte(path, 20);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 2);
}

/* As a power cut leaves a file that had grown before its bytes arrived. */
static void zeros_at_the_end_are_a_write_that_never_was(void **state) {
  struct spool_kit *kit = *state;
  char path[512];
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  spool_kit_segment(kit, "", path);
  assert_int_equal(truncate(path, (off_t)size_of(path) + 4096), 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
  assert_int_equal(spool_kit_look(kit).aside, 0);
}

/* Q13 */
static void a_segment_of_a_later_version_is_left_alone(void **state) {
  struct spool_kit *kit = *state;
  char path[512];
  uint8_t head[512], print[16];
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  spool_kit_segment(kit, "", path);
  {
    SCOPE_CLOSE int fd = open(path, O_RDWR);
    assert_true(pread(fd, head, sizeof(head), 0) > 100);
    size_t size = (size_t)head[14] << 8 | head[15];
    head[11] = 2;
    crypto_generichash(print, sizeof(print), head, size - 16, NULL, 0);
    memcpy(head + size - 16, print, 16);
    assert_int_equal(pwrite(fd, head, size, 0), size);
  }
  spool_kit_append_elsewhere(kit, "o2");
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
  assert_int_equal(size_of(path) > 0, 1);
  struct err err = {{0}};
  struct spool_sight sight;
  assert_int_equal(spool_look(&kit->settings, &sight, &err), -1);
  assert_non_null(strstr(err.text, "later weigate"));
}

static void rubbish_that_looks_like_a_segment_is_set_aside(void **state) {
  struct spool_kit *kit = *state;
  char path[512];
  spool_kit_append_elsewhere(kit, "o1");
  spool_kit_segment(kit, "", path);
  write_bytes(path, 0, "this is nothing that anybody would have written to a spool, is it, and it is longer than a head");
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_true(spool_kit_look(kit).aside >= 1);
}

/* --- keys --- */

/* Q12, Z16: sealed, for the owner only, and a key that came in front does not shut out what the one before it sealed. */
static void files_are_sealed_and_a_rotated_key_opens_them(void **state) {
  struct spool_kit *kit = *state;
  char path[512], bytes[4096];
  struct stat file;
  assert_int_equal(spool_kit_append(kit, "oSECRETOPENID"), 0);
  spool_kit_segment(kit, "", path);
  assert_int_equal(stat(path, &file), 0);
  assert_int_equal(file.st_mode & 07777, 0600);
  SCOPE_CLOSE int fd = open(path, O_RDONLY);
  ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
  assert_true(n > 0);
  assert_null(memmem(bytes, (size_t)n, "oSECRETOPENID", 13));
  struct seal_keys *rotated = spool_kit_keys("21");
  kit->settings.keys = rotated;
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
  spool_kit_close_drain(kit);
  seal_keys_free(rotated);
}

static void a_key_that_is_gone_sets_aside_until_it_is_back(void **state) {
  struct spool_kit *kit = *state;
  struct err err = {{0}};
  size_t count;
  assert_int_equal(spool_kit_append(kit, "o1"), 0);
  struct seal_keys *other = spool_kit_keys("2");
  kit->settings.keys = other;
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 0);
  assert_int_equal(spool_kit_look(kit).aside, 1);
  spool_kit_close_drain(kit);
  seal_keys_free(other);
  kit->settings.keys = kit->keys;
  assert_int_equal(spool_retry(&kit->settings, &count, &err), 0);
  assert_int_equal(count, 1);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 1);
}

#define SPOOL(test) cmocka_unit_test_setup_teardown(test, spool_kit_setup, spool_kit_teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_entry_comes_back_as_it_was),
      cmocka_unit_test(every_cut_of_an_entry_is_refused),
      SPOOL(what_was_appended_is_delivered_once_and_the_file_is_gone),
      SPOOL(an_appender_whose_file_was_drained_begins_a_new_one),
      SPOOL(the_oldest_comes_first_whoever_wrote_it),
      SPOOL(records_of_1970_and_2100_are_delivered),
      SPOOL(of_two_drains_one_works),
      SPOOL(what_is_for_one_store_is_not_given_to_the_other),
      SPOOL(what_is_for_a_store_of_former_days_goes_to_the_one_that_took_its_place),
      SPOOL(a_last_write_torn_at_any_byte_is_dropped),
      SPOOL(a_flipped_byte_costs_one_frame_and_no_other),
      SPOOL(a_head_that_cannot_be_read_hides_no_frame),
      SPOOL(zeros_at_the_end_are_a_write_that_never_was),
      SPOOL(a_segment_of_a_later_version_is_left_alone),
      SPOOL(rubbish_that_looks_like_a_segment_is_set_aside),
      SPOOL(files_are_sealed_and_a_rotated_key_opens_them),
      SPOOL(a_key_that_is_gone_sets_aside_until_it_is_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
