/* SPDX-License-Identifier: Apache-2.0
 * keys_rotate: weigatectl keys rotate; the program's only thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/scope.h"
#include "base/seal.h"
#include "conf/conf.h"
#include "conf/file.h"
#include "ctl/audit.h"
#include "ctl/ctl.h"
#include "ctl/keys_file.h"

/* SEAL_KEYS_MAX lines of 65 bytes and room for comments; the limit of session.keys_file. */
#define FILE_MAX_BYTES 4096

/* Keeps a second rotation out until this one is done; the file it locks must still be the one of that name. */
static int lock_keys(const char *path, int *ret_fd, struct stat *ret_st, struct err *err) {
  struct stat named;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return err_set(err, "cannot open %s: %m%s", path, errno == ENOENT ? "; weigatectl keys new makes it" : "");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, ret_st) == 0 && stat(path, &named) == 0 && named.st_ino == ret_st->st_ino) {
    *ret_fd = fd;
    return 0;
  }
  close(fd);
  return err_set(err, "another weigatectl is rotating %s", path);
}

/* The new key, then the old ones in their order, as many as may be; comments stay with what they stand above. */
static size_t add_keys(struct buf *out, const char *key, struct str old) {
  size_t kept = 1, dropped = 0;
  struct str line;
  buf_addf(out, "%s\n", key);
  while (str_split(&old, '\n', &line)) {
    struct str body = str_trim(line);
    if (str_ends(body, STR("\r"))) body = str_trim(str_make(body.p, body.n - 1));
    if (body.n == 0) continue;
    if (body.p[0] != '#' && kept == SEAL_KEYS_MAX) {
      dropped++;
      continue;
    }
    kept += body.p[0] != '#';
    buf_add_str(out, body);
    buf_add_char(out, '\n');
  }
  return dropped;
}

static int check_keys(struct str text, const char *path, size_t *ret_count, struct err *err) {
  struct seal_keys *keys = NULL;
  if (seal_keys_parse(text, &keys, err) != 0) return err_prefix(err, "%s", path);
  *ret_count = seal_keys_count(keys);
  seal_keys_free(keys);
  return 0;
}

static int replace_keys(const char *path, struct buf *old, struct buf *fresh, const struct stat *like, struct err *err) {
  char key[65];
  size_t count = 0;
  if (file_read_secret(path, old, err) != 0 || check_keys(buf_str(old), path, &count, err) != 0) return -1;
  if (seal_key_new(key) != 0) return err_set(err, "the kernel gives no random bytes: %m");
  size_t dropped = add_keys(fresh, key, buf_str(old));
  explicit_bzero(key, sizeof key);
  if (fresh->failed) return err_set(err, "%s has too many comments for another key", path);
  if (check_keys(buf_str(fresh), path, &count, err) != 0 || keys_file_replace(path, buf_str(fresh), like, err) != 0) return -1;
  printf("%s: a new key seals, %zu older still open%s\nlet the service read it: weigatectl reload (on every host that shares the "
         "file)\n",
         path, count - 1, dropped ? "; the oldest was dropped, and what it sealed is void" : "");
  return 0;
}

static int rotate(const char *path, struct err *err) {
  SCOPE_CLOSE int fd = -1;
  struct stat st;
  struct buf old, fresh;
  if (lock_keys(path, &fd, &st, err) != 0) return -1;
  buf_init(&old, FILE_MAX_BYTES);
  buf_init(&fresh, FILE_MAX_BYTES);
  int result = buf_reserve(&fresh, FILE_MAX_BYTES) ? replace_keys(path, &old, &fresh, &st, err) : err_set(err, "out of memory");
  if (old.data) explicit_bzero(old.data, old.cap);
  if (fresh.data) explicit_bzero(fresh.data, fresh.cap);
  buf_done(&old);
  buf_done(&fresh);
  return result;
}

int keys_rotate_run(const struct ctl *ctl, struct err *err) {
  struct conf *conf = NULL;
  if (conf_load(ctl->conf_path, CONF_WITHOUT_SECRETS, &conf, err) != 0) return -1;
  const char *path = conf_value(conf, "session", "", "keys_file", NULL);
  struct audit audit;
  audit_begin(&audit, conf, "keys rotate", "");
  int result = rotate(path, err);
  audit_end(&audit, result, "%s", path);
  conf_free(conf);
  return result;
}
