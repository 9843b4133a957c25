/* SPDX-License-Identifier: Apache-2.0
 * keys_file: a temporary file beside it, fsync, link or rename, fsync of the folder; the program's only thread. */
#include "ctl/keys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/random.h"
#include "base/scope.h"

struct draft {
  char path[PATH_MAX];
  char folder[PATH_MAX];
};

static int name_draft(const char *path, struct draft *draft, struct err *err) {
  uint8_t bytes[8];
  char hex[2 * sizeof bytes + 1];
  const char *slash = strrchr(path, '/');
  if (random_bytes(bytes, sizeof bytes) != 0) return err_set(err, "the kernel gives no random bytes: %m");
  text_hex_encode(hex, bytes, sizeof bytes);
  int n = snprintf(draft->path, sizeof draft->path, "%s.%s", path, hex);
  if (!slash || n < 0 || (size_t)n >= sizeof draft->path) return err_set(err, "%s: the path is too long", path);
  snprintf(draft->folder, sizeof draft->folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
  return 0;
}

/* Whoever may read the file it is made like may read it; failing to give it away leaves it to us alone. */
static int make_like(int fd, const struct stat *like, const char *path, struct err *err) {
  if (!like) return 0;
  bool given = fchown(fd, like->st_uid, like->st_gid) == 0 || fchown(fd, (uid_t)-1, like->st_gid) == 0;
  if (given && fchmod(fd, (like->st_mode & 0640) | 0600) != 0) return err_set(err, "cannot set the mode of %s: %m", path);
  return 0;
}

static int write_draft(const char *path, struct str text, const struct stat *like, struct err *err) {
  SCOPE_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return err_set(err, "cannot make %s: %m; is the folder there, and yours to write?", path);
  for (struct str rest = text; rest.n > 0;) {
    ssize_t n = write(fd, rest.p, rest.n);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return err_set(err, "cannot write %s: %m", path);
    rest = str_from(rest, (size_t)n);
  }
  if (make_like(fd, like, path, err) != 0) return -1;
  return fsync(fd) == 0 ? 0 : err_set(err, "cannot write %s to the disk: %m", path);
}

static int sync_folder(const char *folder, struct err *err) {
  SCOPE_CLOSE int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) return err_set(err, "cannot write the folder %s to the disk: %m", folder);
  return 0;
}

int keys_file_create(const char *path, struct str text, const struct stat *like, struct err *err) {
  struct draft draft;
  if (name_draft(path, &draft, err) != 0) return -1;
  int result = write_draft(draft.path, text, like, err);
  if (result == 0 && link(draft.path, path) != 0)
    result = errno == EEXIST ? err_set(err, "%s is there already; weigatectl keys rotate adds a key to it", path)
                             : err_set(err, "cannot make %s: %m", path);
  unlink(draft.path);
  return result == 0 ? sync_folder(draft.folder, err) : -1;
}

int keys_file_replace(const char *path, struct str text, const struct stat *like, struct err *err) {
  struct draft draft;
  if (name_draft(path, &draft, err) != 0) return -1;
  int result = write_draft(draft.path, text, like, err);
  if (result == 0 && rename(draft.path, path) != 0) result = err_set(err, "cannot replace %s: %m", path);
  if (result != 0) unlink(draft.path);
  return result == 0 ? sync_folder(draft.folder, err) : -1;
}
