/* SPDX-License-Identifier: Apache-2.0
 * misfit: a plugin that describes itself as the environment variable MISFIT says: wrong in one way each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weigate/storage.h>

struct weigate_store {
  int unused;
};

/* Longer than this version's description, as of a later header. */
struct longer {
  struct weigate_storage_plugin known;
  void *later[8];
};

static struct weigate_store the_store;

static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  (void)host;
  const char *misfit = getenv("MISFIT");
  if (misfit && strcmp(misfit, "open") == 0) {
    memset(call->message, 'x', sizeof(call->message)); /* not terminated */
    return 99;
  }
  if (values[0].is_set && strcmp(values[0].text, "fail") == 0) {
    snprintf(call->message, sizeof(call->message), "server: no such server");
    return WEIGATE_CONFIG;
  }
  *ret_store = &the_store;
  return WEIGATE_OK;
}

static int refuse_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  (void)store, (void)call, (void)ret_handle;
  return WEIGATE_UNAVAILABLE;
}

static int record(struct weigate_handle *h, struct weigate_call *c, const struct weigate_signins *b, struct weigate_result *r) {
  (void)h, (void)c, (void)b, (void)r;
  return WEIGATE_FAILED;
}

static int merge(struct weigate_handle *h, struct weigate_call *c, const struct weigate_people *b, struct weigate_result *r) {
  (void)h, (void)c, (void)b, (void)r;
  return WEIGATE_FAILED;
}

static int load(struct weigate_handle *h, struct weigate_call *c, const struct weigate_keys *k, uint32_t w, weigate_person_sink s,
                void *x) {
  (void)h, (void)c, (void)k, (void)w, (void)s, (void)x;
  return WEIGATE_FAILED;
}

static int erase(struct weigate_handle *h, struct weigate_call *c, const struct weigate_keys *k, const struct weigate_stamp *t,
                 struct weigate_result *r) {
  (void)h, (void)c, (void)k, (void)t, (void)r;
  return WEIGATE_FAILED;
}

static int scan_people(struct weigate_handle *h, struct weigate_call *c, struct weigate_scan *n, weigate_person_sink s, void *x) {
  (void)h, (void)c, (void)n, (void)s, (void)x;
  return WEIGATE_FAILED;
}

static int scan_events(struct weigate_handle *h, struct weigate_call *c, struct weigate_scan *n, weigate_event_sink s, void *x) {
  (void)h, (void)c, (void)n, (void)s, (void)x;
  return WEIGATE_FAILED;
}

static int health(struct weigate_handle *h, struct weigate_call *c, struct weigate_health *r) {
  (void)h, (void)c, (void)r;
  return WEIGATE_FAILED;
}

static int maintain(struct weigate_handle *h, struct weigate_call *c, uint32_t w) {
  (void)h, (void)c, (void)w;
  return WEIGATE_FAILED;
}

static void disconnect(struct weigate_handle *h) {
  (void)h;
}

static void close_store(struct weigate_store *s) {
  (void)s;
}

#define OPTION(...)                                                                                                              \
  { .struct_size = sizeof(struct weigate_option), .help = "For the tests.", __VA_ARGS__ }

static const struct weigate_option options[] = {
    OPTION(.name = "server", .type = WEIGATE_TYPE_TEXT),
    OPTION(.name = "retries", .type = WEIGATE_TYPE_INT, .fallback = "3", .min = -1, .max = 10),
    OPTION(.name = "cache", .type = WEIGATE_TYPE_SIZE, .fallback = "64K", .min = 4096, .max = 1073741824),
    OPTION(.name = "patience", .type = WEIGATE_TYPE_DURATION, .fallback = "5s", .min = 100, .max = 60000),
    OPTION(.name = "socket", .type = WEIGATE_TYPE_PATH),
    OPTION(.name = "tls", .type = WEIGATE_TYPE_CHOICE, .choices = "off|auto|on", .fallback = "auto"),
    OPTION(.name = "compress", .type = WEIGATE_TYPE_BOOL, .fallback = "no"),
    OPTION(.name = "password_bits", .type = WEIGATE_TYPE_INT, .flags = WEIGATE_OPTION_SECRET, .min = 0, .max = 9),
};

static struct weigate_option_old { uint32_t struct_size; } broken_options[1] = {{4}};

static void be_good(struct weigate_storage_plugin *p) {
  *p = (struct weigate_storage_plugin){
      .magic = WEIGATE_STORAGE_MAGIC,
      .struct_size = sizeof(*p),
      .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
      .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
      .name = "misfit",
      .version = "1",
      .summary = "Wrong in one way.",
      .options = options,
      .option_count = sizeof(options) / sizeof(options[0]),
      .option_stride = sizeof(options[0]),
      .open = open_store,
      .connect = refuse_connect,
      .record_signins = record,
      .merge_people = merge,
      .load_people = load,
      .erase_people = erase,
      .scan_people = scan_people,
      .scan_events = scan_events,
      .health = health,
      .maintain = maintain,
      .disconnect = disconnect,
      .close = close_store,
  };
}

const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host) {
  static struct longer description;
  struct weigate_storage_plugin *p = &description.known;
  const char *misfit = getenv("MISFIT");
  (void)host;
  be_good(p);
  memset(description.later, 0x5a, sizeof(description.later));
  if (!misfit) return p;
  if (strcmp(misfit, "null") == 0) return NULL;
  if (strcmp(misfit, "magic") == 0) p->magic = 0x464c457f;
  if (strcmp(misfit, "major") == 0) p->abi_major = 2;
  if (strcmp(misfit, "minor") == 0) p->host_minor_min = 9;
  if (strcmp(misfit, "later") == 0) p->abi_minor = 9, p->struct_size = sizeof(description);
  if (strcmp(misfit, "short") == 0) p->struct_size = 24;
  if (strcmp(misfit, "empty") == 0) p->struct_size = 0;
  if (strcmp(misfit, "huge") == 0) p->struct_size = 0x7fffffff;
  if (strcmp(misfit, "call") == 0) p->erase_people = NULL;
  if (strcmp(misfit, "name") == 0) p->name = "Other";
  if (strcmp(misfit, "renamed") == 0) p->name = "other";
  if (strcmp(misfit, "options") == 0) p->options = (const void *)broken_options, p->option_stride = 4;
  return p;
}
