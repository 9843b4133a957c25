/* SPDX-License-Identifier: Apache-2.0
 * crowd: several processes and threads on one store. Children report by their exit status. */
#include "kit/check.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES 4
#define THREADS   3
#define WRITES    40
#define KEYS      60

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

/* The first and the last of a batch are read; the longer the batch, the likelier a look into its middle. */
enum { PAIR_BATCH = 40, PAIR_ROUNDS = 120 };

static int write_pairs(void) {
  static struct weigate_person people[PAIR_BATCH];
  static struct weigate_result results[PAIR_BATCH];
  static char openids[PAIR_BATCH][16];
  for (unsigned i = 0; i < PAIR_ROUNDS; i++) {
    char name[16];
    snprintf(name, sizeof(name), "n%u", i);
    for (unsigned k = 0; k < PAIR_BATCH; k++) {
      snprintf(openids[k], sizeof(openids[k]), "%s%u", k == 0 ? "left" : k == PAIR_BATCH - 1 ? "right" : "middle", k);
      people[k] = kit_person(openids[k], kit->base_us + i, i);
      people[k].nickname = kit_text(name);
      results[k] = (struct weigate_result){.struct_size = sizeof(results[k])};
    }
    struct weigate_people batch = {
        .struct_size = sizeof(batch), .stride = sizeof(people[0]), .count = PAIR_BATCH, .items = people};
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
  char right[16];
  snprintf(right, sizeof(right), "right%d", PAIR_BATCH - 1);
  struct weigate_key items[2] = {{.struct_size = sizeof(items[0]), .appid = kit_text(KIT_APPID), .openid = kit_text("left0")},
                                 {.struct_size = sizeof(items[0]), .appid = kit_text(KIT_APPID), .openid = kit_text(right)}};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(items[0]), .count = 2, .items = items};
  struct pair pair = {{"", ""}};
  char last[16];
  snprintf(last, sizeof(last), "n%d", PAIR_ROUNDS - 1);
  while (strcmp(pair.names[0], last) != 0) {
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

/* --- one that does not move --- */

/* Writes without end. */
static void write_for_ever(void) {
  kit_open(kit);
  for (unsigned number = 0;; number++) {
    struct weigate_person person = kit_person("busy", kit->base_us + number, number);
    if (kit_try_record(kit, &person, NULL) != WEIGATE_OK) _exit(1);
  }
}

struct caller {
  pid_t pid;
  int go, done; /* a byte each */
};

/* A process that makes one call with that time whenever it is told to, so that a call that hangs can be given up. */
static struct caller start_caller(unsigned timeout_ms) {
  int go[2], done[2];
  char byte;
  assert_true(pipe(go) == 0 && pipe(done) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    struct weigate_person person = kit_person("other", kit_now_us(), 1);
    struct weigate_signin item = {.struct_size = sizeof(item), .person = &person};
    struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(item), .count = 1, .items = &item};
    struct weigate_result result = {.struct_size = sizeof(result)};
    close(go[1]);
    kit_open(kit);
    while (write(done[1], "d", 1) == 1 && read(go[0], &byte, 1) == 1) {
      struct weigate_call call = plugin_call(timeout_ms);
      kit->plugin.desc->record_signins(kit->handle, &call, &batch, &result);
    }
    _exit(0);
  }
  close(go[0]);
  close(done[1]);
  assert_int_equal(read(done[0], &byte, 1), 1); /* it has opened the store */
  return (struct caller){pid, go[1], done[0]};
}

/* A neighbour that is stopped may hold every lock there is. */
static void a_stopped_neighbour_delays_no_call_beyond_its_time(void) {
  enum { TIMEOUT_MS = 100, BUSY_MACHINE_MS = 500 };
  int limit_ms = (int)kit_patience_ms(TIMEOUT_MS + 100 + BUSY_MACHINE_MS);
  struct caller caller = start_caller(TIMEOUT_MS);
  pid_t neighbour = fork();
  if (neighbour == 0) write_for_ever();
  for (unsigned i = 0; i < 10; i++) {
    struct timespec pause = {0, (long)(1 + kit_random_below(20)) * 1000000};
    struct pollfd look = {.fd = caller.done, .events = POLLIN};
    char byte;
    nanosleep(&pause, NULL);
    kill(neighbour, SIGSTOP);
    assert_int_equal(write(caller.go, "g", 1), 1);
    if (poll(&look, 1, limit_ms) != 1)
      fail_msg("a call with a time of %d ms was still under way after %d ms", TIMEOUT_MS, limit_ms);
    assert_int_equal(read(caller.done, &byte, 1), 1);
    kill(neighbour, SIGCONT);
  }
  kill(neighbour, SIGKILL);
  waitpid(neighbour, NULL, 0);
  close(caller.go);
  close(caller.done);
  waitpid(caller.pid, NULL, 0);
}

/* --- reading while others write --- */

enum { STAYING = 200, ROUNDS = 15 };

struct round {
  bool seen[STAYING];
  unsigned count;
  char last[64];
  bool is_ordered;
};

static int see_stable(void *context, size_t index, const struct weigate_person *person) {
  struct round *round = context;
  char openid[64];
  (void)index;
  snprintf(openid, sizeof(openid), "%.*s", (int)person->openid.size, person->openid.bytes);
  if (strcmp(openid, round->last) <= 0) round->is_ordered = false;
  memcpy(round->last, openid, sizeof(openid));
  if (openid[0] != 's') return 0;
  unsigned number = (unsigned)strtoul(openid + 1, NULL, 10);
  if (number < STAYING && !round->seen[number]) round->seen[number] = true, round->count++;
  return 0;
}

static int scan_pages(struct round *round) {
  struct weigate_scan scan = {.struct_size = sizeof(scan), .limit = 17};
  *round = (struct round){.is_ordered = true};
  do {
    struct weigate_call call = plugin_call(30000);
    if (kit->plugin.desc->scan_people(kit->handle, &call, &scan, see_stable, round) != WEIGATE_OK) return 1;
  } while (scan.cursor_size);
  return round->is_ordered && round->count == STAYING ? 0 : 2;
}

/* People come, change and go between those that stay. */
static int come_and_go(unsigned number) {
  struct round round;
  if (number == 0) {
    for (unsigned i = 0; i < ROUNDS; i++)
      if (scan_pages(&round) != 0) return 2;
    return 0;
  }
  for (unsigned i = 0; i < 150; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "%c%03u", i % 2 ? 't' : 'r', kit_random_below(STAYING));
    struct weigate_person person = kit_person(openid, kit_now_us(), i * 4 + number);
    if (i % 3 == 2) {
      kit_erase(kit, openid, kit_stamp(kit_now_us(), i));
    } else {
      kit_record(kit, &person, NULL, NULL);
    }
  }
  return 0;
}

static void a_scan_beside_writers_gives_everybody_who_stays_once(void) {
  kit_open(kit);
  for (unsigned i = 0; i < STAYING; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "s%03u", i);
    struct weigate_person person = kit_person(openid, kit->base_us, i + 1);
    kit_record(kit, &person, NULL, NULL);
  }
  kit_close(kit);
  kit_in_processes(3, come_and_go);
}

static const struct kit_check checks[] = {
    {CHECK(a_crowd_on_one_person_ends_in_the_newest_state_with_exact_counts), .numbers = "85", .is_closed = true,
     .level = KIT_FULL},
    {CHECK(opposite_orders_do_not_lock_each_other_out), .numbers = "50", .is_closed = true, .level = KIT_FULL},
    {.needs = KIT_NEEDS_TICKETS, CHECK(each_key_is_claimed_by_one_process), .is_closed = true, .level = KIT_FULL},
    {CHECK(a_reader_never_sees_half_a_batch), .numbers = "88", .is_closed = true, .level = KIT_FULL},
    {CHECK(a_stopped_neighbour_delays_no_call_beyond_its_time), .numbers = "80, 95", .is_closed = true, .level = KIT_FULL,
     .hint = "wait for a lock until the call's deadline, then WEIGATE_BUSY or WEIGATE_TIMEOUT"},
    {CHECK(a_scan_beside_writers_gives_everybody_who_stays_once), .numbers = "67", .is_closed = true, .level = KIT_FULL},
};

const struct kit_chapter kit_crowd = {"crowd", checks, sizeof checks / sizeof checks[0]};
