/* SPDX-License-Identifier: Apache-2.0
 * plugin: opening a store, and the table that is the plugin. In each process once, after fork. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "handle.h"
#include "parts.h"
#include "schema.h"

enum option { OPTION_DSN };

static int check_options(const struct weigate_store *store, struct weigate_call *call) {
  const char *mode = hosts_option(store->options, "sslmode");
  if (hosts_option(store->options, "password")[0]) {
    snprintf(call->message, sizeof(call->message),
             "dsn holds a password; put it in a passfile (passfile=/etc/weigate/pgpass, mode 0600) and take it out of dsn");
    return WEIGATE_CONFIG;
  }
  if (hosts_are_local(&store->hosts) || strcmp(mode, "verify-full") == 0) return WEIGATE_OK;
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
static int read_dsn(struct weigate_store *store, const char *dsn, struct weigate_call *call) {
  char *why = NULL;
  store->options = PQconninfoParse(dsn, &why);
  PQfreemem(why);
  if (!store->options) {
    snprintf(call->message, sizeof(call->message),
             "dsn cannot be read; write it as libpq does, such as: host=/run/postgresql dbname=weigate user=weigate_app");
    return WEIGATE_CONFIG;
  }
  const char *target = hosts_option(store->options, "target_session_attrs");
  store->wants_writes = target[0] == '\0' || strcmp(target, "read-write") == 0 || strcmp(target, "primary") == 0;
  return hosts_read(&store->hosts, store->options) == 0 ? check_options(store, call) : handle_no_memory(call);
}

static void close_store(struct weigate_store *store) {
  if (!store) return;
  cancel_finish();
  hosts_done(&store->hosts);
  PQconninfoFree(store->options);
  free(store);
}

static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  if (!values[OPTION_DSN].is_set || !values[OPTION_DSN].text || !values[OPTION_DSN].text[0]) {
    snprintf(call->message, sizeof(call->message), "dsn is not set: it says which database, such as: dbname=weigate");
    return WEIGATE_CONFIG;
  }
  struct weigate_store *store = calloc(1, sizeof(*store));
  if (!store) return handle_no_memory(call);
  memcpy(&store->host, host, host->struct_size < sizeof(store->host) ? host->struct_size : sizeof(store->host));
  int class = PQisthreadsafe() ? read_dsn(store, values[OPTION_DSN].text, call) : WEIGATE_UNSUPPORTED;
  if (class == WEIGATE_OK)
    *ret_store = store;
  else
    close_store(store);
  return class;
}

static const void *find_extension(const char *id) {
  return strcmp(id, WEIGATE_TICKETS_V1) == 0 ? &tickets_extension : NULL;
}

static const struct weigate_option options[] = {
    [OPTION_DSN] = {.struct_size = sizeof(struct weigate_option),
                    .type = WEIGATE_TYPE_TEXT,
                    .flags = WEIGATE_OPTION_REQUIRED | WEIGATE_OPTION_SECRET,
                    .name = "dsn",
                    .help = "The database as libpq writes it, without a password: host=db1,db2 dbname=weigate "
                            "sslmode=verify-full."},
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
    .maintain = care_maintain,
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
