/* SPDX-License-Identifier: Apache-2.0
 * kit: fixtures and small makers of records; no behaviour of its own. */
#include "kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "store/op.h"

/* --- a plugin in a directory --- */

bool kit_has_files(void) {
  return getenv("WEIGATE_PLUGIN_FRESH") == NULL;
}

static const char *kit_name(const struct kit *kit) {
  return strrchr(kit->directory, '/') + 1;
}

/* Lets the program of WEIGATE_PLUGIN_FRESH make or drop the store of that name. */
static int ask_for_store(const char *what, const struct kit *kit) {
  char name[sizeof(kit->directory)], word[16];
  char *const argv[] = {getenv("WEIGATE_PLUGIN_FRESH"), word, name, NULL};
  pid_t pid;
  int status = 0;
  if (kit_has_files()) return 0;
  snprintf(name, sizeof(name), "%s", kit_name(kit));
  snprintf(word, sizeof(word), "%s", what);
  if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

/* Replaces @DIR@ and @NAME@ and cuts "a=b;c=d" into options. */
static void read_options(struct kit *kit, const char *text) {
  struct buf out;
  buf_init(&out, sizeof(kit->option_text) - 1);
  for (const char *p = text; *p;) {
    bool is_directory = strncmp(p, "@DIR@", 5) == 0;
    bool is_name = strncmp(p, "@NAME@", 6) == 0;
    if (is_directory)
      buf_add_text(&out, kit->directory);
    else if (is_name)
      buf_add_text(&out, kit_name(kit));
    else
      buf_add_char(&out, *p);
    p += is_directory ? 5 : is_name ? 6 : 1;
  }
  assert_false(out.failed);
  snprintf(kit->option_text, sizeof(kit->option_text), "%s", buf_text(&out));
  buf_done(&out);
  char *rest = kit->option_text;
  while (rest && *rest && kit->settings.options_count < KIT_OPTIONS_MAX) {
    struct plugin_option *option = &kit->options[kit->settings.options_count++];
    char *end = strchr(rest, ';'), *equals = strchr(rest, '=');
    assert_non_null(equals);
    *equals = '\0';
    if (end) *end = '\0';
    *option = (struct plugin_option){.name = rest, .value = equals + 1, .line = (int)kit->settings.options_count};
    rest = end ? end + 1 : NULL;
  }
}

int kit_setup_closed(void **state) {
  struct kit *kit = calloc(1, sizeof(*kit));
  const char *base = getenv("TMPDIR"), *plugin = getenv("WEIGATE_PLUGIN"), *options = getenv("WEIGATE_PLUGIN_OPTIONS");
  if (!kit) return -1;
  snprintf(kit->directory, sizeof(kit->directory), "%s/weigate-store-XXXXXX", base ? base : "/tmp");
  if (!mkdtemp(kit->directory)) return -1;
  kit->settings = (struct plugin_settings){.plugin = plugin ? plugin : TEST_PLUGIN_DIR "/file.so",
                                           .plugin_dir = TEST_PLUGIN_DIR,
                                           .options = kit->options,
                                           .conf_file = "test.conf"};
  read_options(kit, options ? options : "path=@DIR@/test.db");
  *state = kit;
  return ask_for_store("--fresh", kit);
}

int kit_setup(void **state) {
  if (kit_setup_closed(state) != 0) return -1;
  kit_open(*state);
  return 0;
}

void kit_open(struct kit *kit) {
  struct err err = {{0}};
  if (plugin_load(&kit->settings, &kit->plugin, &err) != 0) fail_msg("%s", err.text);
  kit->handle = kit_connect(kit);
  int class = plugin_setup(&kit->plugin, kit->handle, kit_call(kit));
  if (class != WEIGATE_OK) fail_msg("setup: %s: %s", plugin_class_name(class), kit->call.message);
}

void kit_close(struct kit *kit) {
  if (!kit->plugin.store) return;
  plugin_disconnect(&kit->plugin, kit->handle);
  kit->handle = NULL;
  plugin_unload(&kit->plugin);
}

static void remove_directory(const char *directory) {
  DIR *open = opendir(directory);
  struct dirent *entry;
  while (open && (entry = readdir(open)))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlinkat(dirfd(open), entry->d_name, 0);
  if (open) closedir(open);
  rmdir(directory);
}

int kit_teardown(void **state) {
  struct kit *kit = *state;
  kit_close(kit);
  ask_for_store("--drop", kit);
  remove_directory(kit->directory);
  free(kit);
  return 0;
}

struct weigate_handle *kit_connect(struct kit *kit) {
  struct weigate_handle *handle = NULL;
  int class = plugin_connect(&kit->plugin, kit_call(kit), &handle);
  if (class != WEIGATE_OK) fail_msg("connect: %s: %s", plugin_class_name(class), kit->call.message);
  return handle;
}

struct weigate_call *kit_call(struct kit *kit) {
  kit->call = plugin_call(KIT_TIMEOUT_MS);
  return &kit->call;
}

void kit_read_files(const struct kit *kit, struct buf *ret_bytes) {
  DIR *directory = opendir(kit->directory);
  struct dirent *entry;
  assert_non_null(directory);
  buf_init(ret_bytes, 256 * 1024 * 1024);
  while ((entry = readdir(directory))) {
    SCOPE_CLOSE int fd = openat(dirfd(directory), entry->d_name, O_RDONLY | O_CLOEXEC);
    char block[65536];
    ssize_t n;
    while (fd >= 0 && (n = read(fd, block, sizeof(block))) > 0) buf_add(ret_bytes, block, (size_t)n);
  }
  closedir(directory);
  assert_false(ret_bytes->failed);
}

bool kit_files_hold(const struct kit *kit, const char *text) {
  struct buf bytes;
  kit_read_files(kit, &bytes);
  bool holds = bytes.len && memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
  buf_done(&bytes);
  return holds;
}

/* --- records --- */

struct weigate_text kit_text(const char *text) {
  return (struct weigate_text){text, strlen(text)};
}

int64_t kit_now_us(void) {
  return clock_wall_us();
}

struct weigate_stamp kit_stamp(int64_t at_us, unsigned number) {
  struct weigate_stamp stamp = {.at_us = at_us};
  for (size_t i = 0; i < sizeof(number); i++) stamp.id[i] = (uint8_t)(number >> (24 - 8 * i));
  return stamp;
}

struct weigate_person kit_person(const char *openid, int64_t at_us, unsigned number) {
  struct weigate_stamp stamp = kit_stamp(at_us, number);
  int64_t issued_us = at_us < INT64_MAX / 2 ? at_us : INT64_MAX / 2; /* so that the sums below stay numbers */
  return (struct weigate_person){
      .struct_size = sizeof(struct weigate_person),
      .has = WEIGATE_PERSON_PROFILE | WEIGATE_PERSON_SCOPE | WEIGATE_PERSON_UNIONID | WEIGATE_PERSON_SEX | WEIGATE_PERSON_REGION |
             WEIGATE_PERSON_TOKEN,
      .appid = kit_text(KIT_APPID),
      .openid = kit_text(openid),
      .first_seen_us = at_us,
      .last_seen_us = at_us,
      .profile_stamp = stamp,
      .nickname = kit_text("小明"),
      .headimgurl = kit_text("https://thirdwx.qlogo.cn/mmopen/vi_32/abc/132"),
      .privilege = kit_text("[\"chinaunicom\"]"),
      .language = kit_text("zh_CN"),
      .raw = kit_text("{\"subscribe\":1}"),
      .scope_stamp = stamp,
      .scope = kit_text("snsapi_userinfo"),
      .unionid_stamp = stamp,
      .unionid = kit_text("uA1"),
      .sex_stamp = stamp,
      .sex = 1,
      .region_stamp = stamp,
      .province = kit_text("广东"),
      .city = kit_text("深圳"),
      .country = kit_text("中国"),
      .token_stamp = stamp,
      .token_sealed = kit_text("sealed-bytes"),
      .token_access_expires_us = issued_us + INT64_C(7200000000),
      .token_refresh_expires_us = issued_us + INT64_C(2592000000000),
  };
}

struct weigate_event kit_event(const char *openid, int64_t at_us, unsigned number) {
  struct weigate_event event = {
      .struct_size = sizeof(event),
      .flags = WEIGATE_EVENT_LOGIN,
      .event_at_us = at_us,
      .event_day = (int32_t)(at_us / INT64_C(86400000000)),
      .latency_ms = 120,
      .appid = kit_text(KIT_APPID),
      .openid = kit_text(openid),
      .outcome = kit_text("signed_in"),
      .stage = kit_text("done"),
      .scope = kit_text("snsapi_userinfo"),
      .channel = kit_text("wechat"),
      .network = kit_text("203.0.113.0/24"),
      .node = kit_text("a"),
  };
  memcpy(event.event_id, &number, sizeof(number));
  return event;
}

struct weigate_ticket kit_ticket(const char *kind, const char *key, const char *value) {
  return (struct weigate_ticket){.struct_size = sizeof(struct weigate_ticket),
                                 .kind = kit_text(kind),
                                 .key = kit_text(key),
                                 .value = kit_text(value),
                                 .expires_at_us = kit_now_us() + INT64_C(60000000)};
}

/* --- calls with one item --- */

static struct weigate_result record_one(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event,
                                        const struct weigate_ticket *ticket) {
  struct weigate_signin signin = {.struct_size = sizeof(signin), .person = person, .event = event, .ticket = ticket};
  struct weigate_signins batch = {.struct_size = sizeof(batch), .stride = sizeof(signin), .count = 1, .items = &signin};
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.desc->record_signins(kit->handle, kit_call(kit), &batch, &result);
  if (class != WEIGATE_OK) fail_msg("record_signins: %s: %s", plugin_class_name(class), kit->call.message);
  return result;
}

enum weigate_item kit_record(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event,
                             const struct weigate_ticket *ticket) {
  return (enum weigate_item)record_one(kit, person, event, ticket).outcome;
}

const char *kit_refused_field(struct kit *kit, const struct weigate_person *person, const struct weigate_event *event) {
  struct weigate_result result = record_one(kit, person, event, NULL);
  return result.outcome == WEIGATE_ITEM_REJECTED && result.field ? result.field : "";
}

enum weigate_item kit_merge(struct kit *kit, const struct weigate_person *person) {
  struct weigate_people batch = {.struct_size = sizeof(batch), .stride = sizeof(*person), .count = 1, .items = person};
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.desc->merge_people(kit->handle, kit_call(kit), &batch, &result);
  if (class != WEIGATE_OK) fail_msg("merge_people: %s: %s", plugin_class_name(class), kit->call.message);
  return (enum weigate_item)result.outcome;
}

enum weigate_item kit_erase(struct kit *kit, const char *openid, struct weigate_stamp stamp) {
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text(KIT_APPID), .openid = kit_text(openid)};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  struct weigate_result result = {.struct_size = sizeof(result)};
  int class = kit->plugin.desc->erase_people(kit->handle, kit_call(kit), &keys, &stamp, &result);
  if (class != WEIGATE_OK) fail_msg("erase_people: %s: %s", plugin_class_name(class), kit->call.message);
  return (enum weigate_item)result.outcome;
}

/* --- reading back --- */

static int keep_person(void *context, size_t index, const struct weigate_person *person) {
  struct op *op = context;
  assert_int_equal(index, 0);
  if (person) op_keep_person(op, person);
  return 0;
}

struct store_person kit_load(struct kit *kit, const char *openid) {
  struct op *op = op_new_load(kit_text(KIT_APPID), kit_text(openid), 0);
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(op->key), .count = 1, .items = &op->key};
  int class =
      kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS, keep_person, op);
  if (class != WEIGATE_OK) fail_msg("load_people: %s: %s", plugin_class_name(class), kit->call.message);
  struct store_person found = op->found;
  op->found = (struct store_person){0};
  op_free(op);
  return found;
}

static void describe_group(struct buf *out, const char *name, const struct weigate_stamp *stamp, const struct weigate_text *texts,
                           size_t count) {
  buf_addf(out, " %s@%lld.%02x%02x%02x%02x", name, (long long)stamp->at_us, stamp->id[0], stamp->id[1], stamp->id[2],
           stamp->id[3]);
  for (size_t i = 0; i < count; i++) buf_addf(out, "|%.*s", (int)texts[i].size, texts[i].size ? texts[i].bytes : "");
}

const char *kit_describe(const struct store_person *found) {
  static char lines[2][32768];
  static size_t turn;
  const struct weigate_person *p = &found->person;
  struct buf out;
  if (!found->is_found) return "nobody";
  buf_init(&out, sizeof(lines[0]) - 1);
  buf_addf(&out, "%.*s/%.*s first %lld last %lld", (int)p->appid.size, p->appid.bytes, (int)p->openid.size, p->openid.bytes,
           (long long)p->first_seen_us, (long long)p->last_seen_us);
  const struct weigate_text profile[] = {p->nickname, p->headimgurl, p->privilege, p->language, p->raw};
  const struct weigate_text region[] = {p->province, p->city, p->country};
  if (p->has & WEIGATE_PERSON_PROFILE) describe_group(&out, "profile", &p->profile_stamp, profile, 5);
  if (p->has & WEIGATE_PERSON_SCOPE) describe_group(&out, "scope", &p->scope_stamp, &p->scope, 1);
  if (p->has & WEIGATE_PERSON_UNIONID) describe_group(&out, "unionid", &p->unionid_stamp, &p->unionid, 1);
  if (p->has & WEIGATE_PERSON_REGION) describe_group(&out, "region", &p->region_stamp, region, 3);
  if (p->has & WEIGATE_PERSON_SEX) describe_group(&out, "sex", &p->sex_stamp, NULL, 0);
  if (p->has & WEIGATE_PERSON_SEX) buf_addf(&out, "|%d", p->sex);
  if (p->has & WEIGATE_PERSON_TOKEN) describe_group(&out, "token", &p->token_stamp, &p->token_sealed, 1);
  if (p->has & WEIGATE_PERSON_COUNTS)
    buf_addf(&out, " logins %llu days %llu last %lld", (unsigned long long)p->login_count, (unsigned long long)p->login_days,
             (long long)p->last_login_us);
  assert_false(out.failed);
  char *line = lines[turn++ % 2];
  snprintf(line, sizeof(lines[0]), "%s", buf_text(&out));
  buf_done(&out);
  return line;
}

const char *kit_state_of(struct kit *kit, const char *openid) {
  struct store_person found = kit_load(kit, openid);
  const char *line = kit_describe(&found);
  store_person_done(&found);
  return line;
}

void assert_text(struct weigate_text text, const char *expected) {
  assert_int_equal(text.size, strlen(expected));
  assert_memory_equal(text.bytes, expected, text.size);
}

#ifdef __SANITIZE_THREAD__
/* Some tests fork a child that starts threads; all threads of the parent have ended by then. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
  return "die_after_fork=0";
}
#endif
