/* SPDX-License-Identifier: Apache-2.0
 * crash: processes that are killed, a disk that is full, files that are damaged. What was acknowledged is there afterwards. */
#include "kit/check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/scope.h"

#define KILLS     25
#define LIFETIMES 40
#define READERS   10

/* --- killed --- */

/* Writes numbers for ever; says each after it was acknowledged. */
static void write_and_tell(unsigned first, int pipe_fd) {
  kit_open(kit);
  for (unsigned number = first;; number++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "k%u", number);
    struct weigate_person person = kit_person(openid, kit->base_us + number, number);
    struct weigate_event event = kit_event(openid, kit->base_us + number, number);
    if (kit_record(kit, &person, &event, NULL) != WEIGATE_ITEM_NEW) _exit(1);
    if (write(pipe_fd, &number, sizeof(number)) != (ssize_t)sizeof(number)) _exit(2);
  }
}

/* Numbers that were acknowledged. */
static bool acknowledged[65536];

/* Lets a writer acknowledge a few and kills it in the middle of the next; returns the number behind that one. */
static unsigned kill_a_writer(unsigned first, unsigned acknowledgements) {
  int ends[2];
  unsigned number, next = first;
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    write_and_tell(first, ends[1]);
  }
  close(ends[1]);
  for (unsigned i = 0; i < acknowledgements && read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number); i++)
    acknowledged[number] = true, next = number + 1;
  kill(child, SIGKILL);
  while (read(ends[0], &number, sizeof(number)) == (ssize_t)sizeof(number)) acknowledged[number] = true, next = number + 1;
  close(ends[0]);
  int status;
  waitpid(child, &status, 0);
  assert_true(WIFSIGNALED(status));
  return next + 1; /* the one in the middle may be there or not */
}

static void what_was_acknowledged_survives_the_kill_of_its_writer(void) {
  unsigned next = 0;
  for (unsigned i = 0; i < KILLS; i++) next = kill_a_writer(next, kit_random_below(20));
  kit_open(kit);
  for (unsigned number = 0; number < next; number++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "k%u", number);
    struct store_person found = kit_load(kit, openid);
    if (acknowledged[number]) assert_true(found.is_found);
    if (found.is_found) assert_int_equal(found.person.login_count, 1); /* never half of it */
    store_person_done(&found);
  }
}

/* Opens, writes once, closes, again and again. */
static void live_and_die(unsigned number) {
  for (unsigned i = 0;; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "l%u_%u", number, i % 50);
    struct weigate_person person = kit_person(openid, kit_now_us(), i);
    kit_open(kit);
    if (kit_try_record(kit, &person, NULL) != WEIGATE_OK) _exit(1);
    kit_close(kit);
  }
}

static void a_process_may_be_killed_anywhere(void) {
  for (unsigned i = 0; i < LIFETIMES; i++) {
    struct timespec pause = {0, (long)kit_random_below(12000) * 1000};
    int status = 0;
    pid_t child = fork();
    if (child == 0) live_and_die(i);
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
  }
  kit_open(kit);
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
}

static int die_in_the_sink(void *context, size_t index, const struct weigate_person *person) {
  (void)context, (void)index, (void)person;
  raise(SIGKILL);
  return 0;
}

static void killed_readers_hinder_nobody(void) {
  for (unsigned i = 0; i < 50; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    struct weigate_person person = kit_person(openid, kit->base_us, i + 1);
    kit_record(kit, &person, NULL, NULL);
  }
  kit_close(kit);
  for (unsigned i = 0; i < READERS; i++) {
    struct weigate_scan scan = {.struct_size = sizeof(scan), .limit = 10};
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
      kit_open(kit);
      kit->plugin.desc->scan_people(kit->handle, kit_call(kit), &scan, die_in_the_sink, NULL);
      _exit(0);
    }
    waitpid(child, &status, 0);
    assert_true(WIFSIGNALED(status));
  }
  kit_open(kit);
  struct weigate_person person = kit_person("o7", kit->base_us + 10, 99);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_UPDATED);
  assert_int_equal(kit->plugin.desc->maintain(kit->handle, kit_call(kit), WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT),
                   WEIGATE_OK);
  assert_string_not_equal(kit_state_of(kit, "o49"), "nobody");
}

/* --- no room --- */

/* Calls fn for every file of the store. */
static void each_file(const struct kit *of, void (*fn)(int fd, const struct stat *file, void *context), void *context) {
  DIR *directory = opendir(of->directory);
  assert_non_null(directory);
  for (struct dirent *entry; (entry = readdir(directory));) {
    struct stat file;
    SCOPE_CLOSE int fd = openat(dirfd(directory), entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) fn(fd, &file, context);
  }
  closedir(directory);
}

static void find_largest(int fd, const struct stat *file, void *context) {
  rlim_t *largest = context;
  (void)fd;
  if ((rlim_t)file->st_size > *largest) *largest = (rlim_t)file->st_size;
}

static int write_number(unsigned number) {
  char openid[16];
  snprintf(openid, sizeof(openid), "f%u", number);
  struct weigate_person person = kit_person(openid, kit->base_us + number, number + 1);
  return kit_try_record(kit, &person, NULL);
}

static bool is_there(unsigned number) {
  char openid[16];
  snprintf(openid, sizeof(openid), "f%u", number);
  return strcmp(kit_state_of(kit, openid), "nobody") != 0;
}

/* No file may grow by more than 64 KiB any more, as on a disk that is full; then the limit is lifted. */
static void a_full_disk_is_said_and_survived(void) {
  enum { MOST = 20000 };
  struct rlimit limit, tight;
  rlim_t largest = 0;
  unsigned number = 0;
  int class = WEIGATE_OK;
  while (number < 10) assert_int_equal(write_number(number++), WEIGATE_OK);
  each_file(kit, find_largest, &largest);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  tight = (struct rlimit){largest + 65536, limit.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
  while (class == WEIGATE_OK && number < MOST) class = write_number(number++);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
  for (unsigned i = 1; class == WEIGATE_OK && i <= 10; i++) assert_true(is_there(number - i));
  if (class == WEIGATE_OK) skip_because("the store does not grow: it has its room from the beginning");
  assert_int_equal(class, WEIGATE_FULL);
  assert_true(kit->call.message[0] != '\0');
  number--;
  for (unsigned i = 0; i < number; i += 1 + number / 200) assert_true(is_there(i));
  for (unsigned i = 0; i < 10; i++) assert_int_equal(write_number(number + i), WEIGATE_OK);
}

/* --- damage --- */

static void fill_with_z(int fd, const struct stat *file, void *context) {
  char block[4096];
  off_t most = context ? (off_t)sizeof(block) : file->st_size;
  memset(block, context ? 0 : 'Z', sizeof(block));
  for (off_t at = 0; at < most && at < file->st_size; at += (off_t)sizeof(block)) {
    size_t size = file->st_size - at < (off_t)sizeof(block) ? (size_t)(file->st_size - at) : sizeof(block);
    assert_int_equal(pwrite(fd, block, size, at), size);
  }
}

static int note_person(void *context, size_t index, const struct weigate_person *person) {
  (void)index;
  *(bool *)context = person != NULL;
  return 0;
}

/* In a process of its own: the plugin may refuse at any point, or still know the person; it may not say that there is nobody. */
static int look_for_somebody(struct kit *of) {
  struct err err = {{0}};
  bool is_there = false;
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text(KIT_APPID), .openid = kit_text("o1")};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  if (plugin_load(&of->settings, &of->plugin, &err) != 0) return 0;
  if (plugin_connect(&of->plugin, kit_call(of), &of->handle) != WEIGATE_OK) return of->call.message[0] ? 0 : 2;
  if (plugin_setup(&of->plugin, of->handle, kit_call(of)) != WEIGATE_OK) return of->call.message[0] ? 0 : 2;
  int class = of->plugin.desc->load_people(of->handle, kit_call(of), &keys, 0, note_person, &is_there);
  if (class != WEIGATE_OK) return of->call.message[0] ? 0 : 2;
  return is_there ? 0 : 3;
}

static void damage_and_look(struct kit *of, bool is_head_only) {
  int status = 0;
  for (unsigned i = 1; i <= 50; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    struct weigate_person person = kit_person(openid, kit->base_us, i);
    kit_record(of, &person, NULL, NULL);
  }
  kit_close(of);
  each_file(of, fill_with_z, is_head_only ? of : NULL);
  pid_t child = fork();
  if (child == 0) _exit(look_for_somebody(of));
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) fail_msg("a damaged store kills the process: signal %d", WTERMSIG(status));
  if (WEXITSTATUS(status) == 3) fail_msg("a damaged store answered as an empty one");
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_damaged_store_is_never_an_empty_one(void) {
  damage_and_look(kit, false);
}

static void a_store_whose_head_is_gone_is_never_an_empty_one(void) {
  damage_and_look(kit, true);
}

static const struct kit_check checks[] = {
    {CHECK(what_was_acknowledged_survives_the_kill_of_its_writer), .numbers = "72, 73", .level = KIT_CRASH, .is_closed = true,
     .needs = KIT_NEEDS_DURABLE, .hint = "WEIGATE_OK was returned before the commit"},
    {CHECK(a_process_may_be_killed_anywhere), .numbers = "25", .level = KIT_CRASH, .is_closed = true},
    {CHECK(killed_readers_hinder_nobody), .numbers = "89", .level = KIT_CRASH},
    {CHECK(a_full_disk_is_said_and_survived), .numbers = "75", .level = KIT_CRASH, .needs = KIT_NEEDS_FILES,
     .hint = "ENOSPC, EDQUOT and EFBIG are WEIGATE_FULL; half a write is undone"},
    {CHECK(a_damaged_store_is_never_an_empty_one), .numbers = "76", .level = KIT_CRASH, .needs = KIT_NEEDS_FILES,
     .hint = "what cannot be read is WEIGATE_CORRUPT; a beginning needs a sign that it is ours"},
    {CHECK(a_store_whose_head_is_gone_is_never_an_empty_one), .numbers = "76", .level = KIT_CRASH, .needs = KIT_NEEDS_FILES},
};

const struct kit_chapter kit_crash = {"crash", checks, sizeof checks / sizeof checks[0]};
