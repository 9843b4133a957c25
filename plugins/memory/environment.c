/* SPDX-License-Identifier: Apache-2.0
 * environment: opens LMDB as this plugin wants it, in memory that is reserved whole, so that no page is missing when it is
 * touched. Storage threads, one at a time. */
#include "environment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Threads of all workers that may read at once; 64 bytes each. */
#define READERS_MAX 1000
/* LMDB maps its table of readers; it takes one that is there as it is. Room for the readers, its head and its two mutexes. */
#define READERS_BYTES ((READERS_MAX + 16) * 64)
/* A file shorter than the least size was left by somebody who was killed while making it. */
#define UNFINISHED_BYTES (1 << 20)
#define TMPFS_MAGIC      0x01021994
#define RAMFS_MAGIC      0x858458f6

static pthread_mutex_t environments_lock = PTHREAD_MUTEX_INITIALIZER;
static struct environment *environments;

static int refuse(struct weigate_call *call, int class, int error, const char *doing, const char *path, const char *advice) {
  snprintf(call->native, sizeof(call->native), error > 0 ? "errno %d" : "LMDB %d", error);
  snprintf(call->message, sizeof(call->message), "cannot %s %.200s: %s; %s", doing, path, mdb_strerror(error), advice);
  return class;
}

static int refuse_system(struct weigate_call *call, const char *doing, const char *path) {
  int error = errno;
  if (error == ENOSPC || error == EDQUOT || error == ENOMEM)
    return refuse(call, WEIGATE_FULL, error, doing, path,
                  "make its file system larger (mount -o remount,size=...), or set a smaller size");
  if (error == EROFS) return refuse(call, WEIGATE_READ_ONLY, error, doing, path, "its file system is read-only");
  return refuse(call, WEIGATE_CONFIG, error, doing, path, "its directory must exist and be writable");
}

static int check_owner(int fd, const char *path, struct weigate_call *call) {
  struct stat file;
  if (fstat(fd, &file) != 0) return refuse_system(call, "look at", path);
  if (S_ISREG(file.st_mode) && file.st_uid == geteuid() && (file.st_mode & 077) == 0) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message),
           "%.200s belongs to somebody else, or others may read it; remove it: it must be a file of mode 0600 of the user "
           "weigate runs as",
           path);
  return WEIGATE_CONFIG;
}

static int open_file(const char *path, struct weigate_call *call, int *ret_fd) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EACCES) {
    snprintf(call->message, sizeof(call->message), "%.200s may not be opened by this user; remove it, or choose another path",
             path);
    return WEIGATE_CONFIG;
  }
  if (fd < 0) return refuse_system(call, "make", path);
  int class = check_owner(fd, path, call);
  if (class == WEIGATE_OK)
    *ret_fd = fd;
  else
    close(fd);
  return class;
}

int environment_claim_file(const char *path, const char *suffix, struct weigate_call *call) {
  char name[ENVIRONMENT_PATH_BYTES + 8];
  int fd;
  snprintf(name, sizeof(name), "%s%s", path, suffix);
  int class = open_file(name, call, &fd);
  if (class == WEIGATE_OK) close(fd);
  return class;
}

/* Reserves every page of a file: writing through a map never finds the file system full then, which would be a SIGBUS. */
static int reserve(const char *path, const char *suffix, uint64_t size_bytes, struct weigate_call *call, uint64_t *ret_size) {
  char name[ENVIRONMENT_PATH_BYTES + 8];
  struct stat file;
  int fd, error = 0;
  snprintf(name, sizeof(name), "%s%s", path, suffix);
  int class = open_file(name, call, &fd);
  if (class != WEIGATE_OK) return class;
  if (fstat(fd, &file) != 0) error = errno;
  if (!error && file.st_size < UNFINISHED_BYTES) error = posix_fallocate(fd, 0, (off_t)size_bytes);
  if (!error && fstat(fd, &file) != 0) error = errno;
  close(fd);
  *ret_size = (uint64_t)file.st_size;
  if (!error) return WEIGATE_OK;
  errno = error;
  return refuse_system(call, "reserve the memory of", name);
}

static void warn_of_disk(const struct weigate_host *host, const char *path) {
  struct statfs system;
  if (statfs(path, &system) != 0) return;
  unsigned long magic = (unsigned long)system.f_type & 0xfffffffful;
  if (magic != TMPFS_MAGIC && magic != RAMFS_MAGIC)
    host->log(WEIGATE_LOG_WARN,
              "memory: the path is not on a tmpfs; nothing is synced, and a power cut may leave a damaged file behind");
}

/* --- LMDB --- */

static int refuse_lmdb(struct weigate_call *call, int error, const char *path) {
  if (error == ENOSPC || error == ENOMEM) {
    errno = error;
    return refuse_system(call, "open", path);
  }
  if (error == MDB_INVALID || error == MDB_VERSION_MISMATCH || error == MDB_CORRUPTED)
    return refuse(call, WEIGATE_CORRUPT, error, "open", path,
                  "it is damaged or no store of this plugin: stop weigate and remove it");
  return refuse(call, WEIGATE_CONFIG, error, "open", path, "is another program at it?");
}

static int open_map(struct environment *environment) {
  MDB_txn *txn;
  int error = mdb_txn_begin(environment->env, NULL, MDB_RDONLY, &txn);
  if (error) return error;
  error = mdb_dbi_open(txn, NULL, 0, &environment->map);
  mdb_txn_abort(txn);
  return error;
}

/* LMDB makes a file of two pages; reserving comes after, because it takes an empty file for a new one and no other. */
static int open_env(struct environment *environment, const char *path, uint64_t size_bytes) {
  const unsigned flags = MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOTLS | MDB_NORDAHEAD;
  int error = mdb_env_create(&environment->env);
  if (!error) error = mdb_env_set_mapsize(environment->env, size_bytes);
  if (!error) error = mdb_env_set_maxreaders(environment->env, READERS_MAX);
  if (!error) error = mdb_env_open(environment->env, path, flags, 0600);
  if (!error) error = mdb_env_get_fd(environment->env, &environment->fd);
  /* LMDB leaves this one of its descriptors open for programs that are started. */
  if (!error && fcntl(environment->fd, F_SETFD, FD_CLOEXEC) != 0) error = errno;
  return error;
}

/* What LMDB says the data takes must be in the file: a page that is mapped but cut off would be a SIGBUS. */
static int check_whole(struct environment *environment, const char *path, struct weigate_call *call) {
  MDB_envinfo info;
  MDB_stat stat;
  struct stat file;
  if (mdb_env_info(environment->env, &info) || mdb_env_stat(environment->env, &stat) || fstat(environment->fd, &file) != 0)
    return refuse_system(call, "look at", path);
  environment->page_bytes = stat.ms_psize;
  environment->device = file.st_dev;
  environment->inode = file.st_ino;
  if ((uint64_t)file.st_size >= environment->size_bytes && (info.me_last_pgno + 1) * stat.ms_psize <= (uint64_t)file.st_size)
    return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "%.200s was cut short; stop weigate and remove it", path);
  return WEIGATE_CORRUPT;
}

static bool is_new(const char *path) {
  struct stat file;
  return stat(path, &file) != 0 || file.st_size == 0;
}

static uint64_t size_of(const char *path, uint64_t size_bytes) {
  struct stat file;
  return stat(path, &file) == 0 && file.st_size >= UNFINISHED_BYTES ? (uint64_t)file.st_size : size_bytes;
}

static int open_all(struct environment *environment, const struct weigate_host *host, const char *path, uint64_t size_bytes,
                    struct weigate_call *call) {
  uint64_t readers_bytes;
  bool was_new = is_new(path);
  environment->size_bytes = size_of(path, size_bytes);
  if (environment->size_bytes != size_bytes)
    host->log(WEIGATE_LOG_WARN,
              "memory: the store keeps the size that it was made with; to change it stop weigate and remove the file");
  int class = environment_claim_file(path, "", call);
  if (class == WEIGATE_OK) class = reserve(path, ENVIRONMENT_READERS, READERS_BYTES, call, &readers_bytes);
  if (class != WEIGATE_OK) return class;
  int error = open_env(environment, path, environment->size_bytes);
  class = error ? refuse_lmdb(call, error, path) : reserve(path, "", environment->size_bytes, call, &environment->size_bytes);
  if (class == WEIGATE_FULL && was_new) unlink(path);
  if (class == WEIGATE_OK) class = check_whole(environment, path, call);
  if (class != WEIGATE_OK) return class;
  error = open_map(environment);
  if (!error && was_new) warn_of_disk(host, path);
  return error ? refuse_lmdb(call, error, path) : WEIGATE_OK;
}

static void free_environment(struct environment *environment) {
  /* A child of fork() shares the parent's locks only by name: closing there would take them away. */
  if (environment->env && environment->pid == getpid()) mdb_env_close(environment->env);
  free(environment);
}

static struct environment *find(const char *path) {
  struct stat file;
  if (stat(path, &file) != 0) return NULL;
  for (struct environment *e = environments; e; e = e->next)
    if (e->pid == getpid() && e->device == file.st_dev && e->inode == file.st_ino) return e;
  return NULL;
}

int environment_get(const struct weigate_host *host, const char *path, uint64_t size_bytes, struct weigate_call *call,
                    struct environment **ret_environment) {
  int class = WEIGATE_OK;
  pthread_mutex_lock(&environments_lock);
  struct environment *environment = find(path);
  if (!environment) {
    environment = calloc(1, sizeof(*environment));
    if (environment) environment->pid = getpid();
    class = environment ? open_all(environment, host, path, size_bytes, call)
                        : refuse(call, WEIGATE_FAILED, ENOMEM, "open", path, "try later");
    if (class == WEIGATE_OK) {
      environment->next = environments;
      environments = environment;
    } else if (environment) {
      free_environment(environment);
    }
  }
  if (class == WEIGATE_OK) {
    environment->uses++;
    *ret_environment = environment;
  }
  pthread_mutex_unlock(&environments_lock);
  return class;
}

void environment_put(struct environment *environment) {
  if (!environment) return;
  pthread_mutex_lock(&environments_lock);
  if (--environment->uses == 0) {
    struct environment **at = &environments;
    while (*at != environment) at = &(*at)->next;
    *at = environment->next;
    free_environment(environment);
  }
  pthread_mutex_unlock(&environments_lock);
}

int environment_check(const struct environment *environment, const char *path, struct weigate_call *call) {
  struct stat ours, theirs;
  if (environment->pid != getpid()) {
    snprintf(call->message, sizeof(call->message), "the store was opened before a fork; each process opens its own");
    return WEIGATE_INVALID;
  }
  if (fstat(environment->fd, &ours) != 0 || stat(path, &theirs) != 0 || ours.st_ino != theirs.st_ino ||
      ours.st_dev != theirs.st_dev) {
    snprintf(call->message, sizeof(call->message), "%.200s was deleted or replaced while it was open; restart weigate", path);
    return WEIGATE_CORRUPT;
  }
  if ((uint64_t)ours.st_size >= environment->size_bytes) return WEIGATE_OK;
  snprintf(call->message, sizeof(call->message), "%.200s was cut short while it was open; stop weigate and remove it", path);
  return WEIGATE_CORRUPT;
}
