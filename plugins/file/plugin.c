/* SPDX-License-Identifier: Apache-2.0
 * plugin: opening a store, and the table that is the plugin. In each process once, after fork. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include "handle.h"
#include "parts.h"
#include "people.h"

/* STRICT tables came with 3.37. Later versions repaired a race between several connections that write and checkpoint
 * (before 3.51.3); the writers' line in lock.c keeps that from happening, whichever version is there. */
#define SQLITE_LEAST 3037000
/* PATH_MAX less the longest suffix, "-lock". */
#define PATH_BYTES 4090

enum option { OPTION_PATH };

/* File systems on which locks or shared memory between hosts do not hold what SQLite needs (statfs(2), linux/magic.h). */
static const struct {
  unsigned long magic;
  const char *name;
} network_file_systems[] = {
    {0x6969, "NFS"},      {0xff534d42, "CIFS"},  {0xfe534d42, "SMB"},  {0x517b, "SMB"},        {0x01021997, "9P"},
    {0x00c36400, "Ceph"}, {0x5346414f, "AFS"},   {0x6b414653, "AFS"},  {0x0bd00bd0, "Lustre"}, {0x73757245, "Coda"},
    {0x47504653, "GPFS"}, {0x7461636f, "OCFS2"}, {0x01161970, "GFS2"}, {0x19830326, "BeeGFS"},
};
#define FUSE_MAGIC 0x65735546ul

static int check_file_system(struct weigate_store *store, const char *directory, struct weigate_call *call) {
  struct statfs system;
  if (statfs(directory, &system) != 0) {
    snprintf(call->native, sizeof(call->native), "errno %d", errno);
    snprintf(call->message, sizeof(call->message), "path: the directory %.300s: %s; make it, owned by the user weigate runs as",
             directory, strerror(errno));
    return WEIGATE_CONFIG;
  }
  unsigned long magic = (unsigned long)system.f_type & 0xfffffffful;
  for (size_t i = 0; i < sizeof(network_file_systems) / sizeof(network_file_systems[0]); i++) {
    if (magic != network_file_systems[i].magic) continue;
    snprintf(call->message, sizeof(call->message),
             "path: %.300s is on a network file system (%s), where SQLite's locks do not hold; choose a local directory",
             directory, network_file_systems[i].name);
    return WEIGATE_CONFIG;
  }
  if (magic == FUSE_MAGIC)
    store->host.log(WEIGATE_LOG_WARN, "file: the database is on a FUSE file system; it is safe only if that is a local one");
  return WEIGATE_OK;
}

static int check_place(struct weigate_store *store, struct weigate_call *call) {
  char directory[PATH_BYTES + 1];
  const char *slash = strrchr(store->path, '/');
  size_t size = slash ? (size_t)(slash - store->path) : 0;
  if (!slash || store->path[0] != '/' || slash[1] == '\0' || strlen(store->path) > PATH_BYTES) {
    snprintf(call->message, sizeof(call->message), "path must be the absolute path of a file");
    return WEIGATE_CONFIG;
  }
  snprintf(directory, sizeof(directory), "%.*s", size ? (int)size : 1, store->path);
  return check_file_system(store, directory, call);
}

static int check_library(struct weigate_call *call) {
  if (sqlite3_libversion_number() >= SQLITE_LEAST && sqlite3_threadsafe()) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "SQLite %s%s will not do: 3.37 or later is needed, built for threads",
           sqlite3_libversion(), sqlite3_threadsafe() ? "" : " without threads");
  return WEIGATE_UNSUPPORTED;
}

static void close_store(struct weigate_store *store) {
  if (!store) return;
  free(store->path);
  free(store);
}

static int open_store(const struct weigate_host *host, const struct weigate_value *values, struct weigate_call *call,
                      struct weigate_store **ret_store) {
  call->retry_after_ms = 0;
  call->native[0] = call->message[0] = '\0';
  if (!values[OPTION_PATH].is_set || !values[OPTION_PATH].text) {
    snprintf(call->message, sizeof(call->message), "path is not set: it says where the database is");
    return WEIGATE_CONFIG;
  }
  struct weigate_store *store = calloc(1, sizeof(*store));
  if (store) store->path = strdup(values[OPTION_PATH].text);
  if (!store || !store->path) {
    close_store(store);
    snprintf(call->message, sizeof(call->message), "out of memory");
    return WEIGATE_FAILED;
  }
  memcpy(&store->host, host, host->struct_size < sizeof(store->host) ? host->struct_size : sizeof(store->host));
  int class = check_library(call);
  if (class == WEIGATE_OK) class = check_place(store, call);
  if (class != WEIGATE_OK) {
    close_store(store);
    return class;
  }
  *ret_store = store;
  return WEIGATE_OK;
}

static const void *find_extension(const char *id) {
  return strcmp(id, WEIGATE_TICKETS_V1) == 0 ? &tickets_extension : NULL;
}

static const struct weigate_option options[] = {
    [OPTION_PATH] = {.struct_size = sizeof(struct weigate_option),
                     .type = WEIGATE_TYPE_PATH,
                     .flags = WEIGATE_OPTION_REQUIRED,
                     .name = "path",
                     .fallback = "/var/lib/weigate/profiles.db",
                     .help = "The database file, on a local file system; its directory must exist and be writable."},
};

static const struct weigate_storage_plugin plugin = {
    .magic = WEIGATE_STORAGE_MAGIC,
    .struct_size = sizeof(struct weigate_storage_plugin),
    .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
    .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
    .host_minor_min = 0,
    .name = "file",
    .version = "0.1.0",
    .summary = "One SQLite file, shared by all workers of a host; each sign-in is on disk before it is acknowledged.",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .option_stride = sizeof(options[0]),
    .durability = WEIGATE_DURABLE_DISK,
    .writers_max = 1,
    .open = open_store,
    .connect = handle_connect,
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
