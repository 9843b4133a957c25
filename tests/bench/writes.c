/* SPDX-License-Identifier: Apache-2.0
 * writes: batches of made sign-ins into a store from some processes at once; how many a second, and how long a batch takes.
 *
 *   writes SUBJECT WHERE setup                                a plugin's tables
 *   writes SUBJECT WHERE fill FIRST COUNT                     people FIRST… in large batches
 *   writes SUBJECT WHERE run  SIZE WORKERS BATCH SECONDS      of each batch seven in eight are among SIZE stored ones
 *
 * SUBJECT: a plugin's path, or bare-sqlite, bare-lmdb, bare-postgres. `run` prints one JSON object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/plugin.h"
#include "subject.h"

#define CALL_MS     60000
#define WORKERS_MAX 16
/* A second of the fastest store in batches of one is some 40,000; 16 workers for a minute fit. */
#define BATCHES_MAX 4000000

/* Shared by the workers: where each puts how long its batches took. */
struct shared {
  uint64_t counts[WORKERS_MAX];
  uint32_t us[];
};

/* --- a plugin as the subject --- */

static const char *plugin_path;
static struct plugin plugin;
static struct weigate_handle *handle;

void subject_fail(const char *what, const char *why) {
  fprintf(stderr, "writes: %s: %s\n", what, why);
  exit(1);
}

static void check(const char *doing, int class, const struct weigate_call *call) {
  if (class != WEIGATE_OK) subject_fail(doing, call->message[0] ? call->message : plugin_class_name(class));
}

static void open_plugin(const char *where) {
  static struct plugin_option lines[8];
  struct plugin_settings settings = {.plugin = plugin_path, .plugin_dir = "/", .options = lines, .conf_file = "writes"};
  struct err err;
  char *rest = strdup(where);
  for (char *line; (line = strsep(&rest, ";")) && *line && settings.options_count < 8;) {
    char *value = strchr(line, '=');
    if (!value) continue;
    *value = '\0';
    lines[settings.options_count++] = (struct plugin_option){.name = line, .value = value + 1};
  }
  if (plugin_load(&settings, &plugin, &err) != 0) subject_fail("load", err.text);
  struct weigate_call call = plugin_call(CALL_MS);
  check("connect", plugin_connect(&plugin, &call, &handle), &call);
}

static void write_plugin(const struct made *const *made, size_t count) {
  static struct weigate_signin items[SUBJECT_BATCH_MAX];
  static struct weigate_result results[SUBJECT_BATCH_MAX];
  for (size_t i = 0; i < count; i++) {
    items[i] = made[i]->signin;
    results[i] = (struct weigate_result){.struct_size = sizeof(results[i])};
  }
  const struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(items[0]), .count = count, .items = items};
  struct weigate_call call;
  int class;
  do {
    call = plugin_call(CALL_MS);
    class = plugin.desc->record_signins(handle, &call, &batch, results);
  } while (class == WEIGATE_BUSY);
  check("record", class, &call);
}

static void close_plugin(void) {
  plugin_disconnect(&plugin, handle);
  plugin_unload(&plugin);
}

struct subject subject_plugin(const char *path) {
  plugin_path = path;
  return (struct subject){.name = path, .open = open_plugin, .write = write_plugin, .close = close_plugin};
}

/* --- the work --- */

static struct made *made[SUBJECT_BATCH_MAX];

static void make_room(void) {
  for (size_t i = 0; i < SUBJECT_BATCH_MAX; i++)
    if (!(made[i] = malloc(sizeof(*made[i])))) subject_fail("made people", "out of memory");
}

static void fill(const struct subject *subject, uint64_t first, uint64_t count) {
  int64_t month_ago_us = clock_wall_us() - INT64_C(2592000000000);
  for (uint64_t i = 0; i < count;) {
    size_t some = count - i < SUBJECT_BATCH_MAX ? count - i : SUBJECT_BATCH_MAX;
    for (size_t j = 0; j < some; j++, i++) made_signin(made[j], first + i, 0, month_ago_us + (int64_t)i);
    subject->write((const struct made *const *)made, some);
  }
}

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
  return *state;
}

/* Seven in eight come again, and one is new; where nobody is stored, all are new. */
static void make_batch(uint64_t size, unsigned worker, uint64_t *state, uint64_t *news, size_t batch) {
  for (size_t i = 0; i < batch; i++) {
    bool is_known = size > 0 && next_random(state) % 8 != 0;
    uint64_t number = is_known ? next_random(state) % size : (UINT64_C(1) << 40) + ((uint64_t)worker << 32) + (*news)++;
    made_signin(made[i], number, next_random(state) | 1, clock_wall_us());
  }
}

static void work(const struct subject *subject, const char *where, uint64_t size, unsigned worker, size_t batch,
                 uint64_t until_us, struct shared *shared, uint64_t room) {
  uint64_t state = ((uint64_t)getpid() << 20 ^ clock_mono_us()) | 1, news = (uint64_t)getpid() << 16;
  uint32_t *us = &shared->us[worker * room];
  subject->open(where);
  while (clock_mono_us() < until_us && shared->counts[worker] < room) {
    make_batch(size, worker, &state, &news, batch);
    uint64_t began_us = clock_mono_us();
    subject->write((const struct made *const *)made, batch);
    us[shared->counts[worker]++] = (uint32_t)(clock_mono_us() - began_us);
  }
  subject->close();
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

static void report(struct shared *shared, unsigned workers, uint64_t room, size_t batch, double seconds) {
  uint64_t count = 0;
  for (unsigned i = 0; i < workers; i++) {
    memmove(&shared->us[count], &shared->us[i * room], shared->counts[i] * sizeof(shared->us[0]));
    count += shared->counts[i];
  }
  if (count == 0) subject_fail("run", "no batch was written in that time");
  qsort(shared->us, count, sizeof(shared->us[0]), compare);
  struct rusage usage;
  getrusage(RUSAGE_CHILDREN, &usage);
  double cpu_us =
      (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  printf("{\"signins_per_s\":%.0f,\"cpu_us\":%.1f,\"batches\":%llu,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"max_ms\":%.2f}\n",
         (double)(count * batch) / seconds, cpu_us / (double)(count * batch), (unsigned long long)count,
         shared->us[count / 2] / 1000.0, shared->us[count * 99 / 100] / 1000.0, shared->us[count - 1] / 1000.0);
}

static void run(const struct subject *subject, const char *where, uint64_t size, unsigned workers, size_t batch, double seconds) {
  uint64_t room = BATCHES_MAX / workers;
  struct shared *shared = mmap(NULL, sizeof(*shared) + BATCHES_MAX * sizeof(uint32_t), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (shared == MAP_FAILED) subject_fail("mmap", "out of memory");
  uint64_t began_us = clock_mono_us(), until_us = began_us + (uint64_t)(seconds * 1e6);
  for (unsigned i = 0; i < workers; i++) {
    pid_t pid = fork();
    if (pid < 0) subject_fail("fork", "failed");
    if (pid > 0) continue;
    work(subject, where, size, i, batch, until_us, shared, room);
    _exit(0);
  }
  for (int status; wait(&status) > 0;)
    if (status != 0) subject_fail("run", "a worker failed");
  report(shared, workers, room, batch, (double)(clock_mono_us() - began_us) / 1e6);
}

static struct subject choose(const char *name) {
  const struct subject *const bare[] = {&bare_sqlite, &bare_lmdb, &bare_postgres};
  for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
    if (strcmp(bare[i]->name, name) == 0) return *bare[i];
  return subject_plugin(name);
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[3], "setup") == 0) {
    struct subject subject = choose(argv[1]);
    subject.open(argv[2]);
    struct weigate_call call = plugin_call(CALL_MS);
    if (plugin.desc) check("setup", plugin_setup(&plugin, handle, &call), &call);
    subject.close();
  } else if (argc == 6 && strcmp(argv[3], "fill") == 0) {
    struct subject subject = choose(argv[1]);
    make_room();
    subject.open(argv[2]);
    fill(&subject, strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
    subject.close();
  } else if (argc == 8 && strcmp(argv[3], "run") == 0) {
    struct subject subject = choose(argv[1]);
    unsigned long workers = strtoul(argv[5], NULL, 10), batch = strtoul(argv[6], NULL, 10);
    if (workers < 1 || workers > WORKERS_MAX || batch < 1 || batch > SUBJECT_BATCH_MAX) return 2;
    make_room();
    run(&subject, argv[2], strtoull(argv[4], NULL, 10), (unsigned)workers, batch, strtod(argv[7], NULL));
  } else {
    fprintf(stderr, "usage: writes SUBJECT WHERE setup | fill FIRST COUNT | run SIZE WORKERS BATCH SECONDS\n");
    return 2;
  }
  return 0;
}
