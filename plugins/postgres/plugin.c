/* SPDX-License-Identifier: Apache-2.0
 * plugin: opening a store, and the table that is the plugin. In each process once, after fork. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "handle.h"
#include "parts.h"
#include "schema.h"

enum option { OPTION_DSN, OPTION_ADMIN_DSN, OPTION_KEEP, OPTION_COUNT = OPTION_KEEP + KEEP_COUNT };

static int check_options(const struct weigate_store *store, const struct target *target, struct weigate_call *call) {
  const char *mode = hosts_option(target->options, "sslmode");
  if (hosts_option(target->options, "password")[0]) {
    snprintf(call->message, sizeof(call->message),
             "dsn holds a password; put it in a passfile (passfile=/etc/weigate/pgpass, mode 0600) and take it out of dsn");
    return WEIGATE_CONFIG;
  }
  if (hosts_are_local(&target->hosts) || strcmp(mode, "verify-full") == 0) return WEIGATE_OK;
  char text[256];
  snprintf(
      text, sizeof(text),
      "postgres: dsn names a server on another machine with sslmode=%.12s: what is sent can be read or answered by others on "
      "the way; use sslmode=verify-full with sslrootcert",
      mode[0] ? mode : "prefer");
  store->host.log(WEIGATE_LOG_WARN, text);
  return WEIGATE_OK;
}

/* libpq's own sentence would quote the text, and a password with it. */
static int read_dsn(const struct weigate_store *store, const char *dsn, struct target *target, struct weigate_call *call) {
  char *why = NULL;
  target->options = PQconninfoParse(dsn, &why);
  PQfreemem(why);
  if (!target->options) {
    snprintf(call->message, sizeof(call->message),
             "dsn cannot be read; write it as libpq does, such as: host=/run/postgresql dbname=weigate user=weigate_app");
    return WEIGATE_CONFIG;
  }
  const char *attrs = hosts_option(target->options, "target_session_attrs");
  target->wants_writes = attrs[0] == '\0' || strcmp(attrs, "read-write") == 0 || strcmp(attrs, "primary") == 0;
  return hosts_read(&target->hosts, target->options) == 0 ? check_options(store, target, call) : handle_no_memory(call);
}

static void close_store(struct weigate_store *store) {
  if (!store) return;
  cancel_finish();
  hosts_done(&store->service.hosts);
  hosts_done(&store->admin.hosts);
  PQconninfoFree(store->service.options);
  PQconninfoFree(store->admin.options);
  free(store);
}

/* The host's struct may be longer than ours: the first one's size is the distance to the next. */
static const struct weigate_value *option_value(const struct weigate_value *values, int option) {
  return (const void *)((const char *)values + (size_t)option * values[0].struct_size);
}

/* NULL where it is not set. */
static const char *option_text(const struct weigate_value *values, int option) {
  const struct weigate_value *value = option_value(values, option);
  return value->is_set && value->text && value->text[0] ? value->text : NULL;
}

static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  const char *dsn = option_text(values, OPTION_DSN), *admin_dsn = option_text(values, OPTION_ADMIN_DSN);
  if (!dsn) {
    snprintf(call->message, sizeof(call->message), "dsn is not set: it says which database, such as: dbname=weigate");
    return WEIGATE_CONFIG;
  }
  struct weigate_store *store = calloc(1, sizeof(*store));
  if (!store) return handle_no_memory(call);
  memcpy(&store->host, host, host->struct_size < sizeof(store->host) ? host->struct_size : sizeof(store->host));
  for (int i = 0; i < KEEP_COUNT; i++) store->keep_ms[i] = option_value(values, OPTION_KEEP + i)->number;
  int class = PQisthreadsafe() ? read_dsn(store, dsn, &store->service, call) : WEIGATE_UNSUPPORTED;
  if (class == WEIGATE_OK && admin_dsn) class = read_dsn(store, admin_dsn, &store->admin, call);
  if (class == WEIGATE_OK)
    *ret_store = store;
  else
    close_store(store);
  return class;
}

static const void *find_extension(const char *id) {
  static const struct extension {
    const char *id;
    const void *calls;
  } extensions[] = {
      {WEIGATE_TICKETS_V1, &tickets_extension},
      {WEIGATE_UPKEEP_V1, &upkeep_extension},
      {WEIGATE_PRIVACY_V1, &privacy_extension},
  };
  for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
    if (strcmp(id, extensions[i].id) == 0) return extensions[i].calls;
  return NULL;
}

#define DAY_MS   INT64_C(86400000)
#define KEEP_MAX (36500 * DAY_MS)
#define KEEP_OPTION(keep, option_name, default_text, least_days, sentence)                                                       \
  [OPTION_KEEP + (keep)] = {.struct_size = sizeof(struct weigate_option),                                                        \
                            .type = WEIGATE_TYPE_DURATION,                                                                       \
                            .name = option_name,                                                                                 \
                            .fallback = default_text,                                                                            \
                            .min = (least_days)*DAY_MS,                                                                          \
                            .max = KEEP_MAX,                                                                                     \
                            .help = sentence}

const char *const keep_names[KEEP_COUNT] = {
    [KEEP_EVENTS] = "keep_events", [KEEP_USER_DAYS] = "keep_user_days",   [KEEP_HISTORY] = "keep_history",
    [KEEP_PEOPLE] = "keep_people", [KEEP_TOMBSTONES] = "keep_tombstones", [KEEP_REQUESTS] = "keep_requests"};

static const struct weigate_option options[OPTION_COUNT] = {
    [OPTION_DSN] = {.struct_size = sizeof(struct weigate_option),
                    .type = WEIGATE_TYPE_TEXT,
                    .flags = WEIGATE_OPTION_REQUIRED | WEIGATE_OPTION_SECRET,
                    .name = "dsn",
                    .help = "The database as libpq writes it, without a password: host=db1,db2 dbname=weigate "
                            "sslmode=verify-full."},
    [OPTION_ADMIN_DSN] = {.struct_size = sizeof(struct weigate_option),
                          .type = WEIGATE_TYPE_TEXT,
                          .flags = WEIGATE_OPTION_SECRET,
                          .name = "admin_dsn",
                          .help =
                              "The same database as a role that owns the tables, and not through a pooler: for storage init and "
                              "storage maintain. Default: dsn."},
    KEEP_OPTION(KEEP_EVENTS, "keep_events", "0s", 0, "How long sign-in events are kept, by whole months; 0s: for ever."),
    KEEP_OPTION(KEEP_USER_DAYS, "keep_user_days", "0s", 0,
                "How long it is kept who signed in on which day, by whole months; 0s: for ever."),
    KEEP_OPTION(KEEP_HISTORY, "keep_history", "0s", 0, "How long it is kept what a profile said earlier; 0s: for ever."),
    KEEP_OPTION(KEEP_PEOPLE, "keep_people", "0s", 0, "People who were not seen for so long are erased; 0s: never."),
    KEEP_OPTION(KEEP_TOMBSTONES, "keep_tombstones", "90d", 90,
                "How long an erased person's old writes are refused; longer than any backup that may be restored."),
    KEEP_OPTION(KEEP_REQUESTS, "keep_requests", "0s", 0, "How long people's requests that are done are kept; 0s: for ever."),
};

static const struct weigate_storage_plugin plugin = {
    .magic = WEIGATE_STORAGE_MAGIC,
    .struct_size = sizeof(struct weigate_storage_plugin),
    .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
    .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
    .host_minor_min = 0,
    .name = "postgres",
    .version = "0.1.0",
    .summary = "A PostgreSQL database, shared by all hosts; tables that analysts can read.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .option_stride = sizeof(options[0]),
    .durability = WEIGATE_DURABLE_DISK,
    .writers_max = 0,
    .open = open_store,
    .connect = handle_connect,
    .setup = schema_setup,
    .record_signins = signins_record,
    .merge_people = people_merge,
    .load_people = people_load,
    .erase_people = people_erase,
    .scan_people = scan_people,
    .scan_events = scan_events,
    .health = care_health,
    .maintain = upkeep_maintain,
    .disconnect = handle_disconnect,
    .close = close_store,
    .extension = find_extension,
};

/* Members of the host's struct that every call needs. */
static int is_host_enough(const struct weigate_host *host) {
  return host && host->magic == WEIGATE_STORAGE_MAGIC && WEIGATE_HAS(host, struct weigate_host, digest) && host->log &&
         host->now_us && host->mono_ms && host->digest;
}

const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host) {
  return is_host_enough(host) ? &plugin : NULL;
}
