/* SPDX-License-Identifier: Apache-2.0
 * file: one open, one look at the descriptor, one read: what was checked is what is used. Before threads start. */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/scope.h"

/* Reads what there is, straight into the buffer (no copy of a secret stays on the stack). A file that grows meanwhile ends where
 * its size was. */
static int read_all(int fd, const char *path, size_t size, struct buf *out, struct err *err) {
  if (size > out->max) return err_set(err, "%s is longer than %zu bytes", path, out->max);
  while (out->len < size) {
    char *to = buf_reserve(out, size - out->len);
    ssize_t n = to ? read(fd, to, size - out->len) : -1;
    if (!to) return err_set(err, "%s: out of memory", path);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_set(err, "cannot read %s: %m", path);
    if (n == 0) break;
    buf_grew(out, (size_t)n);
  }
  return 0;
}

static int open_regular(const char *path, int flags, int *ret_fd, struct stat *ret_st, struct err *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
  if (fd < 0 && errno == ELOOP && (flags & O_NOFOLLOW)) return err_set(err, "%s is a symbolic link; name the file itself", path);
  if (fd < 0 && errno == EACCES)
    return err_set(err, "cannot open %s: %m; user %d needs to read it (chgrp www-data, chmod 0640)", path, (int)geteuid());
  if (fd < 0) return err_set(err, "cannot open %s: %m", path);
  if (fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode)) {
    *ret_fd = fd;
    return 0;
  }
  close(fd);
  return err_set(err, "%s is not a regular file", path);
}

static int check_secret(const char *path, const struct stat *st, struct err *err) {
  uid_t us = geteuid();
  if (st->st_uid != 0 && st->st_uid != us && us != 0)
    return err_set(err, "%s belongs to user %d; it has to belong to root or to user %d (chown)", path, (int)st->st_uid, (int)us);
  if (st->st_mode & (S_IROTH | S_IWOTH))
    return err_set(err, "%s can be %s by everybody (mode %04o); chmod 0640 %s", path, st->st_mode & S_IWOTH ? "written" : "read",
                   (unsigned)(st->st_mode & 07777), path);
  if (st->st_mode & S_IWGRP)
    return err_set(err, "%s can be written by its group (mode %04o); chmod 0640 %s", path, (unsigned)(st->st_mode & 07777), path);
  return 0;
}

int file_read_conf(const char *path, struct buf *out, struct err *err) {
  SCOPE_CLOSE int fd = -1;
  struct stat st;
  if (open_regular(path, 0, &fd, &st, err) != 0) return -1;
  if (st.st_mode & S_IWOTH)
    return err_set(err, "%s can be written by everybody (mode %04o); chmod 0644 %s", path, (unsigned)(st.st_mode & 07777), path);
  return read_all(fd, path, (size_t)st.st_size, out, err);
}

int file_read_secret(const char *path, struct buf *out, struct err *err) {
  SCOPE_CLOSE int fd = -1;
  struct stat st;
  if (open_regular(path, O_NOFOLLOW, &fd, &st, err) != 0 || check_secret(path, &st, err) != 0) return -1;
  return read_all(fd, path, (size_t)st.st_size, out, err);
}
