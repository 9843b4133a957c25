/* SPDX-License-Identifier: Apache-2.0
 * crowd: several processes and threads on one store, and processes that are killed. Children report by their exit
 * status. */
#include "kit/check.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define THREADS   3
#define WRITES    40
#define KEYS      60
#define KILLS     25

/* --- everybody writes the same person --- */

struct writer {
  pthread_t thread;
  struct weigate_handle *handle;
  unsigned number;
  int failed;
};

static void *write_the_same(void *arg) {
  struct writer *writer = arg;
  for (unsigned i = 0; i < WRITES; i++) {
    unsigned number = writer->number * WRITES + i;
    char name[16];
    snprintf(name, sizeof(name), "n%u", number);
    struct weigate_person person = kit_person("same", kit->base_us + number, number);
    struct weigate_event event = kit_event("same", kit->base_us + number, number);
    person.nickname = kit_text(name);
    struct weigate_signin items[2] = {{.struct_size = sizeof(items[0]), .person = &person, .event = &event}};
    items[1] = items[0]; /* each twice */
    struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = 2, .items = items};
    struct weigate_result results[2] = {{.struct_size = sizeof(results[0])}, {.struct_size = sizeof(results[0])}};
    struct weigate_call call = plugin_call(30000);
    if (kit->plugin.desc->record_signins(writer->handle, &call, &batch, results) != WEIGATE_OK) {
      fprintf(stderr, "%s\n", call.message);
      writer->failed = 1;
    }
  }
  return NULL;
}

static int write_with_threads(unsigned number) {
  struct writer writers[THREADS];
  int failed = 0;
  for (unsigned i = 0; i < THREADS; i++) {
    writers[i] = (struct writer){.handle = kit_connect(kit), .number = number * THREADS + i};
    if (pthread_create(&writers[i].thread, NULL, write_the_same, &writers[i]) != 0) return 2;
  }
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join(writers[i].thread, NULL);
    failed |= writers[i].failed;
    plugin_disconnect(&kit->plugin, writers[i].handle);
  }
  return failed;
}

static void a_crowd_on_one_person_ends_in_the_newest_state_with_exact_counts(void) {
  char name[16];
  kit_in_processes(PROCESSES, write_with_threads);
  kit_open(kit);
  struct store_person found = kit_load(kit, "same");
  snprintf(name, sizeof(name), "n%u", PROCESSES * THREADS * WRITES - 1);
  assert_text(found.person.nickname, name);
  assert_int_equal(found.person.login_count, PROCESSES * THREADS * WRITES);
  assert_int_equal(found.person.first_seen_us, kit->base_us);
  assert_int_equal(found.person.last_seen_us, kit->base_us + PROCESSES * THREADS * WRITES - 1);
  store_person_done(&found);
}

/* --- the same keys in opposite order --- */

static int write_in_order(unsigned number) {
  static struct weigate_person people[KEYS];
  static struct weigate_result results[KEYS];
  static char openids[KEYS][16];
  for (unsigned turn = 0; turn < 10; turn++) {
    for (unsigned i = 0; i < KEYS; i++) {
      unsigned n = number % 2 ? KEYS - 1 - i : i;
      snprintf(openids[i], sizeof(openids[i]), "o%u", n);
      people[i] = kit_person(openids[i], kit->base_us + turn, number);
      results[i] = (struct weigate_result){.struct_size = sizeof(results[i])};
    }
    struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(people[0]), .count = KEYS, .items = people};
    struct weigate_call call = plugin_call(30000);
    if (kit->plugin.desc->merge_people(kit->handle, &call, &batch, results) != WEIGATE_OK) return 1;
  }
  return 0;
}

static void opposite_orders_do_not_lock_each_other_out(void) {
  kit_in_processes(8, write_in_order);
}

/* --- claims --- */

static int claims_pipe[2];

static int claim_all(unsigned number) {
  for (unsigned i = 0; i < KEYS; i++) {
    char key[16], value[16];
    snprintf(key, sizeof(key), "c%u", i);
    snprintf(value, sizeof(value), "by%u", number);
    struct weigate_ticket ticket = kit_ticket("code", key, value);
    struct weigate_tickets batch = {.struct_size = sizeof(batch), .stride = sizeof(ticket), .count = 1, .items = &ticket};
    struct weigate_result result = {.struct_size = sizeof(result)};
    struct weigate_call call = plugin_call(30000);
    if (kit->plugin.tickets->claim(kit->handle, &call, &batch, &result, NULL, NULL) != WEIGATE_OK) return 1;
    uint8_t won = (uint8_t)i;
    if (result.outcome == WEIGATE_ITEM_NEW && write(claims_pipe[1], &won, 1) != 1) return 2;
  }
  return 0;
}

static void each_key_is_claimed_by_one_process(void) {
  uint8_t won[KEYS * 2 + 1];
  unsigned wins[KEYS] = {0};
  assert_int_equal(pipe(claims_pipe), 0);
  kit_in_processes(8, claim_all);
  close(claims_pipe[1]);
  ssize_t count = read(claims_pipe[0], won, sizeof(won));
  close(claims_pipe[0]);
  assert_int_equal(count, KEYS);
  for (ssize_t i = 0; i < count; i++) wins[won[i]]++;
  for (size_t i = 0; i < KEYS; i++) assert_int_equal(wins[i], 1);
}

/* --- a batch is seen whole --- */

static int write_pairs(void) {
  for (unsigned i = 0; i < 300; i++) {
    char name[16];
    snprintf(name, sizeof(name), "n%u", i);
    struct weigate_person people[2] = {kit_person("left", kit->base_us + i, i), kit_person("right", kit->base_us + i, i)};
    struct weigate_result results[2] = {{.struct_size = sizeof(results[0])}, {.struct_size = sizeof(results[0])}};
    people[0].nickname = people[1].nickname = kit_text(name);
    struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(people[0]), .count = 2, .items = people};
    if (kit->plugin.desc->merge_people(kit->handle, kit_call(kit), &batch, results) != WEIGATE_OK) return 1;
  }
  return 0;
}

struct pair {
  char names[2][32];
};

static int see_pair(void *context, size_t index, const struct weigate_person *person) {
  struct pair *pair = context;
  if (person)
    snprintf(pair->names[index], sizeof(pair->names[index]), "%.*s", (int)person->nickname.size, person->nickname.bytes);
  return 0;
}

static int read_pairs(void) {
  struct weigate_key items[2] = {{.struct_size = sizeof(items[0]), .appid = kit_text(KIT_APPID), .openid = kit_text("left")},
                                 {.struct_size = sizeof(items[0]), .appid = kit_text(KIT_APPID), .openid = kit_text("right")}};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(items[0]), .count = 2, .items = items};
  struct pair pair = {{"", ""}};
  while (strcmp(pair.names[0], "n299") != 0) {
    if (kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, see_pair, &pair) != WEIGATE_OK) return 1;
    if (strcmp(pair.names[0], pair.names[1]) != 0) return 2;
  }
  return 0;
}

static int write_or_read_pairs(unsigned number) {
  return number == 0 ? write_pairs() : read_pairs();
}

static void a_reader_never_sees_half_a_batch(void) {
  kit_in_processes(3, write_or_read_pairs);
}

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

static const struct kit_check checks[] = {
    {CHECK(a_crowd_on_one_person_ends_in_the_newest_state_with_exact_counts), .numbers = "85", .is_closed = true,
     .level = KIT_FULL},
    {CHECK(opposite_orders_do_not_lock_each_other_out), .numbers = "50", .is_closed = true, .level = KIT_FULL},
    {.needs = KIT_NEEDS_TICKETS, CHECK(each_key_is_claimed_by_one_process), .is_closed = true, .level = KIT_FULL},
    {CHECK(a_reader_never_sees_half_a_batch), .numbers = "88", .is_closed = true, .level = KIT_FULL},
    {CHECK(what_was_acknowledged_survives_the_kill_of_its_writer), .numbers = "25, 72, 73", .is_closed = true,
     .level = KIT_CRASH},
};

const struct kit_chapter kit_crowd = {"crowd", checks, sizeof checks / sizeof checks[0]};
