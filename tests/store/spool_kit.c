/* SPDX-License-Identifier: Apache-2.0
 * spool_kit: fixtures; no behaviour of its own. */
#include "spool_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/spool_record.h"

struct seal_keys *spool_kit_keys(const char *digits) {
  struct seal_keys *keys = NULL;
  struct err err = {{0}};
  SCOPE_BUF struct buf text;
  buf_init(&text, 1024);
  for (; *digits; digits++) {
    for (int i = 0; i < 64; i++) buf_add_char(&text, *digits);
    buf_add_char(&text, '\n');
  }
  if (seal_keys_parse(buf_str(&text), &keys, &err) != 0) fail_msg("%s", err.text);
  return keys;
}

static struct faulty_control *make_control(void) {
  pthread_mutexattr_t shared;
  void *memory = mmap(NULL, sizeof(struct faulty_control), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(memory, MAP_FAILED);
  struct faulty_control *control = memory;
  pthread_mutexattr_init(&shared);
  pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&control->lock, &shared);
  pthread_mutexattr_destroy(&shared);
  pthread_cond_init(&control->changed, NULL);
  return control;
}

int spool_kit_setup(void **state) {
  struct spool_kit *kit = calloc(1, sizeof(*kit));
  const char *base = getenv("TMPDIR");
  struct err err = {{0}};
  if (!kit || seal_start(&err) != 0) return -1;
  snprintf(kit->directory, sizeof(kit->directory), "%s/weigate-spool-XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(kit->directory)) return -1;
  kit->keys = spool_kit_keys("1");
  kit->settings = (struct spool_settings){.dir = kit->directory, .max_bytes = 1 << 30, .keys = kit->keys};
  kit->control = make_control();
  snprintf(kit->control_text, sizeof(kit->control_text), "%llu", (unsigned long long)(uintptr_t)kit->control);
  kit->option = (struct plugin_option){"control", kit->control_text, 1};
  kit->plugin = (struct plugin_settings){
      .plugin = TEST_PLUGIN_DIR "/faulty.so", .options = &kit->option, .options_count = 1, .conf_file = "test.conf"};
  kit->known[0] = kit->plugin.plugin;
  kit->known[1] = "mirror";
  kit->segment = (struct spool_segment){.target = kit->known[0], .fd = -1};
  if (runner_shared_init(&kit->shared) != 0 || loop_new(&kit->loop, &err) != 0 ||
      queue_new(kit->loop, true, 1, 0, &kit->shared.queue, &err) != 0 ||
      plugin_load(&kit->plugin, &kit->shared.plugin, &err) != 0 || spool_dir_open(&kit->settings, &kit->dir, &err) != 0)
    fail_msg("%s", err.text);
  kit->shared.batch_max = 64;
  kit->shared.deadline_ms = 1000;
  *state = kit;
  return 0;
}

static int remove_one(const char *path, const struct stat *file, int type, struct FTW *walk) {
  (void)file, (void)type, (void)walk;
  return remove(path);
}

int spool_kit_teardown(void **state) {
  struct spool_kit *kit = *state;
  spool_kit_close_drain(kit);
  spool_segment_close(&kit->segment);
  spool_dir_close(&kit->dir);
  plugin_unload(&kit->shared.plugin);
  queue_free(kit->shared.queue);
  runner_shared_done(&kit->shared);
  loop_free(kit->loop);
  seal_keys_free(kit->keys);
  munmap(kit->control, sizeof(*kit->control));
  nftw(kit->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  free(kit);
  return 0;
}

/* --- appending --- */

static int append_to(struct spool_kit *kit, struct spool_segment *segment, const char *openids) {
  SCOPE_BUF struct buf plain;
  SCOPE_BUF struct buf frame;
  struct str rest = str_of(openids), openid;
  uint32_t count = 0;
  buf_init(&plain, SPOOL_FRAME_PLAIN_MAX);
  buf_init(&frame, SPOOL_FRAME_MAX_BYTES);
  for (; str_split(&rest, ' ', &openid); count++) {
    struct weigate_person person = kit_person("", kit_now_us(), 1);
    struct weigate_event event = kit_event("", kit_now_us(), count);
    person.openid = event.openid = (struct weigate_text){openid.p, openid.n};
    struct spool_entry entry = {.kind = SPOOL_SIGNIN, .signin = {.person = &person, .event = &event}};
    spool_record_add(&plain, &entry);
  }
  assert_false(plain.failed);
  assert_int_equal(spool_frame_add(&frame, kit->settings.keys, buf_str(&plain), count, clock_wall_us()), 0);
  return spool_segment_append(&kit->dir, segment, buf_str(&frame));
}

int spool_kit_append(struct spool_kit *kit, const char *openids) {
  return append_to(kit, &kit->segment, openids);
}

void spool_kit_append_elsewhere(struct spool_kit *kit, const char *openids) {
  struct spool_segment segment = {.target = kit->known[0], .fd = -1};
  assert_int_equal(append_to(kit, &segment, openids), 0);
  spool_segment_close(&segment);
}

/* --- draining --- */

void spool_kit_open_drain(struct spool_kit *kit, size_t which) {
  struct err err = {{0}};
  struct drain_settings settings = {
      .spool = &kit->settings, .shared = &kit->shared, .which = which, .known = kit->known, .known_count = 2};
  if (drain_new(&settings, &kit->drain, &err) != 0) fail_msg("%s", err.text);
}

void spool_kit_close_drain(struct spool_kit *kit) {
  drain_free(kit->drain);
  kit->drain = NULL;
}

enum drain_step spool_kit_drain(struct spool_kit *kit) {
  enum drain_step step;
  if (!kit->drain) spool_kit_open_drain(kit, 0);
  while ((step = drain_step(kit->drain)) == DRAIN_MOVED) continue;
  return step;
}

unsigned spool_kit_writes(const struct spool_kit *kit, const char *key) {
  int place = spool_kit_place(kit, key);
  return place < 0 ? 0 : kit->control->records[place].writes;
}

void spool_kit_forget(struct spool_kit *kit) {
  memset(kit->control->records, 0, sizeof(kit->control->records));
  kit->control->record_count = 0;
}

int spool_kit_place(const struct spool_kit *kit, const char *key) {
  for (size_t i = 0; i < kit->control->record_count; i++)
    if (strcmp(kit->control->records[i].key, key) == 0) return (int)i;
  return -1;
}

void spool_kit_segment(const struct spool_kit *kit, const char *below, char to[512]) {
  char(*names)[SPOOL_NAME_BYTES] = NULL;
  size_t count = 0;
  assert_int_equal(spool_dir_list(*below ? kit->dir.aside_fd : kit->dir.fd, &names, &count), 0);
  assert_int_equal(count, 1);
  snprintf(to, 512, "%s/%s%s", kit->directory, below, names[0]);
  free(names);
}

struct spool_sight spool_kit_look(const struct spool_kit *kit) {
  struct spool_sight sight;
  struct err err = {{0}};
  if (spool_look(&kit->settings, &sight, &err) != 0) fail_msg("%s", err.text);
  return sight;
}
