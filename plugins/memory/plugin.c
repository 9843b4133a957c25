/* SPDX-License-Identifier: Apache-2.0
 * plugin: opening a store, and the table that is the plugin. In each process once, after fork. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/records.h"
#include "map.h"

/* Below 4 MiB a single large batch would push everybody out. */
#define SIZE_MIN       (INT64_C(4) << 20)
#define SIZE_MAX_BYTES (INT64_C(1) << 40)

enum option { OPTION_PATH, OPTION_SIZE };

static int refuse(struct weigate_call *call, int class, const char *sentence) {
  snprintf(call->message, sizeof(call->message), "%s", sentence);
  return class;
}

static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  const struct weigate_value *size = (const struct weigate_value *)(const void *)((const char *)values + values[0].struct_size);
  const char *path = values[OPTION_PATH].is_set ? values[OPTION_PATH].text : NULL;
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  if (!path || path[0] != '/' || strlen(path) > ENVIRONMENT_PATH_BYTES || path[strlen(path) - 1] == '/')
    return refuse(call, WEIGATE_CONFIG, "path must be the absolute path of a file");
  struct weigate_store *store = calloc(1, sizeof(*store));
  if (!store) return refuse(call, WEIGATE_FAILED, "out of memory");
  memcpy(&store->host, host, host->struct_size < sizeof(store->host) ? host->struct_size : sizeof(store->host));
  snprintf(store->path, sizeof(store->path), "%s", path);
  store->size_bytes = (uint64_t)size->number / 65536 * 65536; /* whole pages, of any size of page */
  *ret_store = store;
  return WEIGATE_OK;
}

static void close_store(struct weigate_store *store) {
  free(store);
}

static const void *find_extension(const char *id) {
  return strcmp(id, WEIGATE_TICKETS_V1) == 0 ? &records_tickets : NULL;
}

static const struct weigate_option options[] = {
    [OPTION_PATH] = {.struct_size = sizeof(struct weigate_option),
                     .type = WEIGATE_TYPE_PATH,
                     .name = "path",
                     .fallback = "/dev/shm/weigate",
                     .help = "The file that is mapped, on a tmpfs; two more with its name and -lock and -line stand beside it."},
    [OPTION_SIZE] = {.struct_size = sizeof(struct weigate_option),
                     .type = WEIGATE_TYPE_SIZE,
                     .name = "size",
                     .fallback = "256M",
                     .min = SIZE_MIN,
                     .max = SIZE_MAX_BYTES,
                     .help =
                         "Memory that is reserved when the file is made; when it is full, who was unseen longest makes room."},
};

static const struct weigate_storage_plugin plugin = {
    .magic = WEIGATE_STORAGE_MAGIC,
    .struct_size = sizeof(struct weigate_storage_plugin),
    .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
    .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
    .host_minor_min = 0,
    .name = "memory",
    .version = "0.1.0",
    .summary = "Shared memory of one host: outlives every worker, not a reboot; bounded, who was unseen longest makes room.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .option_stride = sizeof(options[0]),
    .durability = WEIGATE_DURABLE_OS,
    .writers_max = 1,
    .open = open_store,
    .connect = map_connect,
    .record_signins = records_record_signins,
    .merge_people = records_merge_people,
    .load_people = records_load_people,
    .erase_people = records_erase_people,
    .scan_people = records_scan_people,
    .scan_events = records_scan_events,
    .health = records_health,
    .maintain = records_maintain,
    .disconnect = map_disconnect,
    .close = close_store,
    .extension = find_extension,
};

const struct weigate_storage_plugin *weigate_storage_plugin_v1(const struct weigate_host *host) {
  if (!host || host->magic != WEIGATE_STORAGE_MAGIC || !WEIGATE_HAS(host, struct weigate_host, digest)) return NULL;
  return &plugin;
}
