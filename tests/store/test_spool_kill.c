/* SPDX-License-Identifier: Apache-2.0
 * test_spool_kill: a process is killed at every boundary of a system call while it appends, drains, sets aside or erases; then
 * another goes on, and everything that was acknowledged is there. */
#include "spool_kit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"

#define FRAMES 3
/* No story here makes half as many; a test that never ends is worse than one that fails. */
#define STOPS_MAX 4000

/* What the child tells before it dies. */
static struct {
  int acknowledged; /* frames whose append returned */
  bool is_erased;
} * told;

struct story {
  void (*before)(struct spool_kit *kit);
  void (*child)(struct spool_kit *kit);
  void (*after)(struct spool_kit *kit);
};

/* --- the child, one stop at a time --- */

static _Noreturn void be_child(struct spool_kit *kit, void (*story)(struct spool_kit *kit)) {
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  raise(SIGSTOP);
  story(kit);
  _exit(0);
}

/* Lets the child run to its n-th stop at a system call's begin or end and kills it there. True: it was over before. */
static bool kill_at(struct spool_kit *kit, void (*story)(struct spool_kit *kit), int n) {
  int status;
  pid_t pid = fork();
  if (pid == 0) be_child(kit, story);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (!WIFSTOPPED(status)) return true;
  ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  for (int stop = 0; stop < n; stop++) {
    ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) return true;
    assert_true(WIFSTOPPED(status));
  }
  kill(pid, SIGKILL);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return false;
}

static void run_story(const struct story *story) {
  bool is_over = false;
  int n = 1;
  told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(told, MAP_FAILED);
  for (; !is_over; n++) {
    void *state = NULL;
    memset(told, 0, sizeof(*told));
    assert_int_equal(spool_kit_setup(&state), 0);
    struct spool_kit *kit = state;
    story->before(kit);
    is_over = kill_at(kit, story->child, n);
    pthread_mutex_init(&kit->control->lock, NULL);
    story->after(kit);
    spool_kit_teardown(&state);
    assert_true(n < STOPS_MAX);
  }
  print_message("killed at %d boundaries\n", n - 2);
  munmap(told, 4096);
}

/* --- append --- */

static void nothing(struct spool_kit *kit) {
  (void)kit;
}

static void append_frames(struct spool_kit *kit) {
  for (int i = 0; i < FRAMES; i++) {
    char openids[32];
    snprintf(openids, sizeof(openids), "o%d p%d", i, i);
    if (spool_kit_append(kit, openids) != 0) _exit(1);
    told->acknowledged = i + 1;
  }
}

static void all_acknowledged_are_delivered(struct spool_kit *kit) {
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  for (int i = 0; i < told->acknowledged; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%d", i);
    assert_int_equal(spool_kit_writes(kit, openid), 1);
    openid[0] = 'p';
    assert_int_equal(spool_kit_writes(kit, openid), 1);
  }
  struct spool_sight sight = spool_kit_look(kit);
  assert_int_equal(sight.records + sight.bytes + sight.aside, 0);
  /* And the same process' successor goes on. */
  assert_int_equal(spool_kit_append(kit, "next"), 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_writes(kit, "next"), 1);
}

/* Q01 */
static void killed_anywhere_in_an_append_nothing_acknowledged_is_lost(void **state) {
  (void)state;
  run_story(&(struct story){nothing, append_frames, all_acknowledged_are_delivered});
}

/* --- drain --- */

static void have_frames(struct spool_kit *kit) {
  told->acknowledged = FRAMES;
  for (int i = 0; i < FRAMES; i++) {
    char openids[32];
    snprintf(openids, sizeof(openids), "o%d p%d", i, i);
    assert_int_equal(spool_kit_append(kit, openids), 0);
  }
  spool_segment_close(&kit->segment);
}

static void drain_all(struct spool_kit *kit) {
  spool_kit_drain(kit);
}

static void all_were_delivered(struct spool_kit *kit) {
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 2 * FRAMES);
  struct spool_sight sight = spool_kit_look(kit);
  assert_int_equal(sight.records + sight.bytes + sight.aside, 0);
}

/* Q01 Q08: also between the store's commit and the removal; a second delivery is the store's duplicate. */
static void killed_anywhere_in_a_drain_everything_is_delivered(void **state) {
  (void)state;
  run_story(&(struct story){have_frames, drain_all, all_were_delivered});
}

/* --- set aside --- */

static void have_frames_with_poison(struct spool_kit *kit) {
  have_frames(kit);
  kit->control->poison = "p1";
}

static void one_is_aside_and_all_others_were_delivered(struct spool_kit *kit) {
  struct err err = {{0}};
  size_t count;
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(kit->control->record_count, 2 * FRAMES - 1);
  struct spool_sight sight = spool_kit_look(kit);
  assert_int_equal(sight.aside, 1);
  assert_int_equal(sight.records, 0);
  kit->control->poison = NULL;
  assert_int_equal(spool_retry(&kit->settings, &count, &err), 0);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_writes(kit, "p1"), 1);
}

/* Q06: what is renamed is fsynced first, and its directory after. */
static void killed_anywhere_while_setting_aside_it_is_aside_once(void **state) {
  (void)state;
  run_story(&(struct story){have_frames_with_poison, drain_all, one_is_aside_and_all_others_were_delivered});
}

/* --- erase --- */

static void erase_one(struct spool_kit *kit) {
  struct err err = {{0}};
  size_t count;
  if (spool_erase(&kit->settings, STR(KIT_APPID), STR("p1"), &count, &err) != 0) _exit(1);
  told->is_erased = true;
}

static void the_erased_one_is_nowhere(struct spool_kit *kit) {
  if (!told->is_erased) erase_one(kit);
  assert_int_equal(spool_kit_drain(kit), DRAIN_IDLE);
  assert_int_equal(spool_kit_writes(kit, "p1"), 0);
  for (int i = 0; i < FRAMES; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%d", i);
    assert_int_equal(spool_kit_writes(kit, openid), 1);
  }
}

static void killed_anywhere_in_an_erasure_it_can_be_done_again(void **state) {
  (void)state;
  run_story(&(struct story){have_frames, erase_one, the_erased_one_is_nowhere});
}

/* In memory, where syncing takes no time: a thousand spools are made here, and what a kill leaves is the same. */
int main(void) {
  if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(killed_anywhere_in_an_append_nothing_acknowledged_is_lost),
      cmocka_unit_test(killed_anywhere_in_a_drain_everything_is_delivered),
      cmocka_unit_test(killed_anywhere_while_setting_aside_it_is_aside_once),
      cmocka_unit_test(killed_anywhere_in_an_erasure_it_can_be_done_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
