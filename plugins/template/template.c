/* SPDX-License-Identifier: Apache-2.0
 * template: the smallest complete storage plugin; copy it and begin. In each process once, after fork.
 *
 * It keeps people in a file of changes that every worker reads into memory: right for a few thousand people, and to learn from.
 * It compiles as C99 and as C++. What every call means is <weigate/storage.h>; how to go on from here is README.md, one folder
 * up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/records.h"
#include "journal.h"

/* PATH_MAX less the suffix of the file that replaces the old one. */
#define PATH_BYTES 4090

enum option { OPTION_PATH };

/* What a process has. */
struct weigate_store {
  struct weigate_host host;
  char path[PATH_BYTES + 1];
};

static int refuse(struct weigate_call *call, int status, const char *sentence) {
  snprintf(call->message, sizeof(call->message), "%s", sentence);
  return status;
}

/* Looks at the options, reaches for nothing yet. The host's struct may be longer or shorter than ours. */
static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  const char *path = values[OPTION_PATH].is_set ? values[OPTION_PATH].text : NULL;
  if (!path || path[0] != '/' || strlen(path) > PATH_BYTES)
    return refuse(call, WEIGATE_CONFIG, "path must be the absolute path of a file");
  struct weigate_store *store = (struct weigate_store *)calloc(1, sizeof(*store));
  if (!store) return refuse(call, WEIGATE_FAILED, "out of memory");
  memcpy(&store->host, host, host->struct_size < sizeof(store->host) ? host->struct_size : sizeof(store->host));
  snprintf(store->path, sizeof(store->path), "%s", path);
  *ret_store = store;
  return WEIGATE_OK;
}

static void close_store(struct weigate_store *store) {
  free(store);
}

static void disconnect(struct weigate_handle *handle) {
  journal_reset((struct journal *)(void *)handle);
  free(handle);
}

static int connect_store(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle) {
  struct journal *journal = (struct journal *)calloc(1, sizeof(*journal));
  if (!journal) return refuse(call, WEIGATE_FAILED, "out of memory");
  journal->fd = -1;
  journal->path = store->path;
  int status = records_connect(&journal->handle, &journal_ops, &store->host, call);
  if (status == WEIGATE_OK)
    *ret_handle = &journal->handle;
  else
    disconnect(&journal->handle);
  return status;
}

static const void *find_extension(const char *id) {
  return strcmp(id, WEIGATE_TICKETS_V1) == 0 ? &records_tickets : NULL;
}

static const struct weigate_option options[] = {
    {.struct_size = sizeof(struct weigate_option),
     .type = WEIGATE_TYPE_PATH,
     .flags = WEIGATE_OPTION_REQUIRED,
     .name = "path",
     .fallback = "/var/lib/weigate/profiles.journal",
     .help = "The file of changes, on a local file system; its directory must exist and be writable."},
};

static const struct weigate_storage_plugin plugin = {
    .magic = WEIGATE_STORAGE_MAGIC,
    .struct_size = sizeof(struct weigate_storage_plugin),
    .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
    .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
    .host_minor_min = 0,
    .name = "template",
    .version = "0.1.0",
    .summary = "A file of changes, read into memory: the smallest complete plugin, to begin one's own with.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .option_stride = sizeof(options[0]),
    .durability = WEIGATE_DURABLE_DISK,
    .writers_max = 1,
    .open = open_store,
    .connect = connect_store,
    .record_signins = records_record_signins,
    .merge_people = records_merge_people,
    .load_people = records_load_people,
    .erase_people = records_erase_people,
    .scan_people = records_scan_people,
    .scan_events = records_scan_events,
    .health = records_health,
    .maintain = records_maintain,
    .disconnect = disconnect,
    .close = close_store,
    .extension = find_extension,
};

const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host) {
  if (!host || host->magic != WEIGATE_STORAGE_MAGIC || !WEIGATE_HAS(host, struct weigate_host, digest)) return NULL;
  return &plugin;
}
