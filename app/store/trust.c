/* SPDX-License-Identifier: Apache-2.0
 * trust: walks from the root to the file, descriptor by descriptor, so that what was checked is what is opened. At start, in a
 * worker. */
#include "store/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/text.h"

static int check_owner(const char *path, const struct stat *file, struct err *err) {
  if (file->st_uid != 0 && file->st_uid != geteuid())
    return err_set(err, "%s belongs to user %u; it must belong to root or to the user weigate runs as: chown root %s", path,
                   (unsigned)file->st_uid, path);
  return 0;
}

static int check_directory(const char *path, const struct stat *file, struct err *err) {
  bool is_sticky = file->st_mode & S_ISVTX && file->st_uid == 0;
  if (check_owner(path, file, err) != 0) return -1;
  if (file->st_mode & (S_IWGRP | S_IWOTH) && !is_sticky)
    return err_set(err, "%s is writable by others, who could put another plugin there: chmod go-w %s", path, path);
  return 0;
}

static int check_file(const char *path, const struct stat *file, struct err *err) {
  if (!S_ISREG(file->st_mode)) return err_set(err, "%s is not a regular file", path);
  if (check_owner(path, file, err) != 0) return -1;
  if (file->st_mode & (S_IWGRP | S_IWOTH)) return err_set(err, "%s is writable by others: chmod go-w %s", path, path);
  return 0;
}

/* Opens one directory after the other from the root; *ret_fd is the last one. */
static int walk(char *directory, int *ret_fd, struct err *err) {
  struct stat file;
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &file) != 0 || check_directory("/", &file, err) != 0) {
    if (fd >= 0) close(fd);
    return fd < 0 ? err_set(err, "/: %s", strerror(errno)) : -1;
  }
  for (char *part = directory + 1; *part;) {
    char *slash = strchr(part, '/');
    if (slash) *slash = '\0';
    int next = openat(fd, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int error = next < 0 || fstat(next, &file) != 0 ? errno : 0;
    close(fd);
    if (error) err_set(err, "%s: %s", directory, strerror(error));
    if (error || check_directory(directory, &file, err) != 0) {
      if (next >= 0) close(next);
      return -1;
    }
    fd = next;
    if (!slash) break;
    *slash = '/';
    part = slash + 1;
  }
  *ret_fd = fd;
  return 0;
}

/* Refuses what could lead elsewhere than it says. */
static int check_spelling(const char *path, struct err *err) {
  struct str rest = str_of(path), part;
  if (path[0] != '/') return err_set(err, "%s: a plugin is given by its name or by an absolute path", path);
  while (str_split(&rest, '/', &part))
    if (str_eq(part, STR("..")) || str_eq(part, STR(".")))
      return err_set(err, "%s: write the path without \".\" and \"..\"", path);
  return 0;
}

static int digest_file(int fd, const char *path, char ret_digest[65], struct err *err) {
  unsigned char block[16384], hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256_state state;
  off_t at = 0;
  ssize_t n;
  crypto_hash_sha256_init(&state);
  while ((n = pread(fd, block, sizeof(block), at)) > 0) {
    crypto_hash_sha256_update(&state, block, (unsigned long long)n);
    at += n;
  }
  if (n < 0) return err_set(err, "%s: %s", path, strerror(errno));
  if (at == 0) return err_set(err, "%s is empty; install the plugin again", path);
  crypto_hash_sha256_final(&state, hash);
  text_hex_encode(ret_digest, hash, sizeof(hash));
  return 0;
}

static int open_file(int directory_fd, const char *path, const char *name, int *ret_fd, struct err *err) {
  struct stat file;
  int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 && errno == ELOOP) return err_set(err, "%s is a symbolic link; name the file itself", path);
  if (fd < 0 && errno == ENOENT)
    return err_set(err, "%s: No such file; storage.plugin names a file of storage.plugin_dir without its .so", path);
  if (fd < 0) return err_set(err, "%s: %s", path, strerror(errno));
  if (fstat(fd, &file) != 0 || check_file(path, &file, err) != 0) {
    close(fd);
    return -1;
  }
  *ret_fd = fd;
  return 0;
}

int trust_open(const char *path, int *ret_fd, char ret_digest[65], struct err *err) {
  if (check_spelling(path, err) != 0) return -1;
  const char *name = strrchr(path, '/') + 1;
  SCOPE_FREE char *parent = str_dup(str_make(path, name - path > 1 ? (size_t)(name - path) - 1 : 1));
  if (!parent) return err_set(err, "%s: out of memory", path);
  /* Symbolic links above the directory (/lib) are resolved first; what they lead to is walked without any. */
  SCOPE_FREE char *directory = realpath(parent, NULL);
  if (!directory) return err_set(err, "%s: %s; is the plugin installed there?", parent, strerror(errno));
  SCOPE_CLOSE int directory_fd = -1;
  int fd = -1;
  if (walk(directory, &directory_fd, err) != 0 || open_file(directory_fd, path, name, &fd, err) != 0) return -1;
  if (digest_file(fd, path, ret_digest, err) != 0) {
    close(fd);
    return -1;
  }
  *ret_fd = fd;
  return 0;
}
