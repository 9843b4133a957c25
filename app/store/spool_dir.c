/* SPDX-License-Identifier: Apache-2.0
 * spool_dir: everything that is done with the directory itself. Any thread; opened before threads start. */
#include "store/spool_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/scope.h"

#define STATE_BYTES     4096
#define TEMPORARY       ".new-"
#define SEGMENT         ".seg"
#define RIGHTS_OF_OTHER (S_IWGRP | S_IWOTH)
/* As long as a claim is kept (signin/claim.h: ten minutes, and a minute of skew on both sides), and a margin. */
#define OUTAGE_FRESH_US (INT64_C(15) * 60 * 1000000)

/* --- small things --- */

int spool_lock(int fd, int how) {
  int result;
  do result = flock(fd, how);
  while (result != 0 && errno == EINTR);
  return result;
}

int spool_write(int fd, struct str bytes, uint64_t offset) {
  while (bytes.n) {
    ssize_t written = pwrite(fd, bytes.p, bytes.n, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -1;
    if (written == 0) return errno = ENOSPC, -1;
    bytes = str_from(bytes, (size_t)written);
    offset += (uint64_t)written;
  }
  return 0;
}

void spool_dir_name(char to[SPOOL_NAME_BYTES]) {
  static atomic_uint count;
  snprintf(to, SPOOL_NAME_BYTES, "%016llx-%d-%x%04x" SEGMENT, (unsigned long long)clock_wall_us(), (int)getpid(),
           atomic_fetch_add(&count, 1), random_below(0x10000));
}

int spool_dir_temporary(int fd, char ret_name[SPOOL_NAME_BYTES]) {
  char name[SPOOL_NAME_BYTES];
  spool_dir_name(name);
  snprintf(ret_name, SPOOL_NAME_BYTES, TEMPORARY "%.50s", name);
  int made = openat(fd, ret_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0 || spool_lock(made, LOCK_EX | LOCK_NB) == 0) return made;
  close(made);
  return -1;
}

static bool has_end(const char *name, const char *end) {
  return str_ends(str_of(name), str_of(end));
}

DIR *spool_dir_stream(int fd) {
  int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *stream = own < 0 ? NULL : fdopendir(own);
  if (!stream && own >= 0) close(own);
  return stream;
}

void spool_dir_sweep(int fd) {
  DIR *stream = spool_dir_stream(fd);
  if (!stream) return;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (!str_starts(str_of(entry->d_name), STR(TEMPORARY))) continue;
    SCOPE_CLOSE int file = openat(fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (file >= 0 && spool_lock(file, LOCK_EX | LOCK_NB) == 0) unlinkat(fd, entry->d_name, 0);
  }
  closedir(stream);
}

/* --- what is there --- */

static int compare_names(const void *a, const void *b) {
  return strcmp(a, b);
}

int spool_dir_list(int fd, char (**ret_names)[SPOOL_NAME_BYTES], size_t *ret_count) {
  char(*names)[SPOOL_NAME_BYTES] = NULL;
  size_t count = 0, room = 0;
  DIR *stream = spool_dir_stream(fd);
  if (!stream) return -1;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (entry->d_name[0] == '.' || !has_end(entry->d_name, SEGMENT) || strlen(entry->d_name) >= SPOOL_NAME_BYTES) continue;
    if (count == room) {
      char(*more)[SPOOL_NAME_BYTES] = realloc(names, (room = room ? 2 * room : 16) * sizeof(*names));
      if (!more) break;
      names = more;
    }
    snprintf(names[count++], SPOOL_NAME_BYTES, "%.63s", entry->d_name);
  }
  closedir(stream);
  if (count) qsort(names, count, sizeof(*names), compare_names);
  *ret_names = names;
  *ret_count = count;
  return 0;
}

static uint64_t bytes_of(int fd) {
  uint64_t sum = 0;
  struct stat file;
  DIR *stream = spool_dir_stream(fd);
  if (!stream) return 0;
  for (struct dirent *entry; (entry = readdir(stream));)
    if (has_end(entry->d_name, SEGMENT) && fstatat(fd, entry->d_name, &file, AT_SYMLINK_NOFOLLOW) == 0)
      sum += (uint64_t)file.st_size;
  closedir(stream);
  return sum;
}

uint64_t spool_dir_bytes(const struct spool_dir *dir) {
  return bytes_of(dir->fd) + bytes_of(dir->aside_fd);
}

/* --- the outage --- */

void spool_outage_note(const struct spool_dir *dir) {
  atomic_store(&dir->state->outage_at_us, clock_wall_us());
}

bool spool_outage_is_fresh(const struct spool_dir *dir) {
  int64_t at_us = atomic_load(&dir->state->outage_at_us), now_us = clock_wall_us();
  return at_us && now_us - at_us < OUTAGE_FRESH_US && at_us - now_us < OUTAGE_FRESH_US;
}

/* --- opening --- */

/* The parent decides whether the directory can be made. */
static int judge_absent(const char *path, bool makes, struct err *err) {
  char parent[4096];
  struct stat file;
  if (str_copy(str_of(path), parent, sizeof(parent)) != 0) return err_set(err, "%s: the path is too long", path);
  char *slash = strrchr(parent, '/');
  *(slash == parent ? slash + 1 : slash) = '\0';
  if (makes && (mkdir(path, 0700) == 0 || errno == EEXIST)) return 0; /* another worker may be first */
  if (!makes && stat(parent, &file) == 0 && S_ISDIR(file.st_mode)) return 0;
  return err_set(err,
                 "%s cannot be made: %s; make it (install -d -o USER -g GROUP -m 0700 %s, as the user weigate runs as) or set "
                 "spool_dir = off",
                 path, strerror(makes ? errno : ENOENT), path);
}

/* Root, who checks for somebody else, may have any owner. */
static int judge(const char *path, const struct stat *file, struct err *err) {
  if (S_ISLNK(file->st_mode)) return err_set(err, "%s is a symbolic link; name the directory itself", path);
  if (!S_ISDIR(file->st_mode)) return err_set(err, "%s is not a directory", path);
  if (geteuid() != 0 && file->st_uid != geteuid())
    return err_set(err, "%s belongs to user %u, not to the user weigate runs as: chown %u %s", path, (unsigned)file->st_uid,
                   (unsigned)geteuid(), path);
  if (file->st_mode & RIGHTS_OF_OTHER) return err_set(err, "%s is writable by others: chmod 0700 %s", path, path);
  if (access(path, R_OK | W_OK | X_OK) != 0)
    return err_set(err, "%s cannot be written: %s; chmod 0700 %s, or is the file system read-only?", path, strerror(errno), path);
  return 0;
}

int spool_check(const struct spool_settings *settings, bool makes, struct err *err) {
  struct stat file;
  if (!settings->dir) return 0;
  if (lstat(settings->dir, &file) == 0) return judge(settings->dir, &file, err);
  if (errno != ENOENT) return err_set(err, "%s: %s", settings->dir, strerror(errno));
  if (judge_absent(settings->dir, makes, err) != 0) return -1;
  return makes && (lstat(settings->dir, &file) != 0 || judge(settings->dir, &file, err) != 0) ? -1 : 0;
}

static int open_below(int fd, const char *name) {
  if (mkdirat(fd, name, 0700) != 0 && errno != EEXIST) return -1;
  return openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Room is taken before it is mapped: a full disk is an error here and no SIGBUS later. */
static struct spool_state *map_state(int fd) {
  struct stat file;
  SCOPE_CLOSE int state = openat(fd, "state", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (state < 0 || spool_lock(state, LOCK_EX) != 0 || fstat(state, &file) != 0) return NULL;
  int error = file.st_size >= STATE_BYTES ? 0 : posix_fallocate(state, 0, STATE_BYTES);
  spool_lock(state, LOCK_UN); /* a mapping would keep the lock beyond close */
  if (error) return errno = error, NULL;
  void *mapped = mmap(NULL, STATE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, state, 0);
  return mapped == MAP_FAILED ? NULL : mapped;
}

int spool_dir_open(const struct spool_settings *settings, struct spool_dir *ret_dir, struct err *err) {
  struct spool_dir dir = {-1, -1, -1, NULL};
  if (spool_check(settings, true, err) != 0) return -1;
  dir.fd = open(settings->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (dir.fd >= 0) dir.aside_fd = open_below(dir.fd, "aside");
  if (dir.aside_fd >= 0) dir.tickets_fd = open_below(dir.fd, "tickets");
  if (dir.tickets_fd >= 0) dir.state = map_state(dir.fd);
  if (dir.state) {
    *ret_dir = dir;
    return 0;
  }
  err_set(err, "%s cannot be used: %s", settings->dir, strerror(errno));
  spool_dir_close(&dir);
  return -1;
}

void spool_dir_close(struct spool_dir *dir) {
  if (dir->state) munmap(dir->state, STATE_BYTES);
  if (dir->tickets_fd >= 0) close(dir->tickets_fd);
  if (dir->aside_fd >= 0) close(dir->aside_fd);
  if (dir->fd >= 0) close(dir->fd);
  *dir = (struct spool_dir){-1, -1, -1, NULL};
}
