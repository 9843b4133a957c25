/* SPDX-License-Identifier: Apache-2.0
 * call: connects, sends one line, reads one line; the program's only thread. */
#include "ctl/call.h"

#include "config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/json.h"
#include "base/scope.h"
#include "base/text.h"
#include "master/control.h"

/* The master answers a reload within a minute (trial of the plugin, start of workers), everything else within two seconds. */
#define ANSWER_MAX_MS 65000

static int refuse_socket(const char *path, struct err *err) {
  if (errno == ENOENT || errno == ECONNREFUSED) return err_set(err, "weigate is not running (nobody answers at %s)", path);
  if (errno == EACCES) return err_set(err, "cannot reach %s: %m; run weigatectl as the user that runs weigate, or as root", path);
  return err_set(err, "cannot reach %s: %m", path);
}

static int connect_master(const struct conf *conf, int *ret_fd, struct err *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = conf->server.control_socket;
  if (!path) return err_set(err, "server.control_socket is off: the running service cannot be asked");
  if (str_copy(str_of(path), address.sun_path, sizeof address.sun_path) != 0)
    return err_set(err, "server.control_socket: the path is longer than %zu bytes", sizeof address.sun_path - 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
    *ret_fd = fd;
    return 0;
  }
  refuse_socket(path, err);
  if (fd >= 0) close(fd);
  return -1;
}

/* Up to the newline that ends it, which is dropped. */
static int read_line(int fd, struct buf *line, struct err *err) {
  for (;;) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    char block[16384];
    if (poll(&look, 1, ANSWER_MAX_MS) == 0) return err_set(err, "weigate does not answer");
    ssize_t n = recv(fd, block, sizeof block, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return err_set(err, "weigate closed the connection without an answer; is it stopping, or does it belong to another user?");
    buf_add(line, block, (size_t)n);
    if (line->failed) return err_set(err, "the answer is too long");
    if (block[n - 1] != '\n') continue;
    line->len--;
    return 0;
  }
}

/* text: a member of its own, or NULL. */
static int send_question(int fd, const char *command, const char *text, struct err *err) {
  SCOPE_BUF struct buf question;
  buf_init(&question, CONTROL_REQUEST_MAX_BYTES);
  buf_addf(&question, "{\"command\":\"%s\",\"version\":\"%s\"", command, PACKAGE_VERSION);
  if (text) buf_add_text(&question, ",\"text\":");
  if (text) json_add_string(&question, str_of(text));
  buf_add_text(&question, "}\n");
  if (question.failed) return err_set(err, "the question is too long");
  ssize_t n = send(fd, question.data, question.len, MSG_NOSIGNAL);
  return n == (ssize_t)question.len ? 0 : err_set(err, "cannot ask weigate: %m");
}

static int ask(const struct conf *conf, const char *command, const char *text, struct buf *line, struct cJSON **ret_answer,
               struct err *err) {
  SCOPE_CLOSE int fd = -1;
  if (connect_master(conf, &fd, err) != 0 || send_question(fd, command, text, err) != 0 || read_line(fd, line, err) != 0)
    return -1;
  cJSON *answer = cJSON_ParseWithLength(line->data, line->len);
  if (!answer) return err_set(err, "weigate's answer is no JSON");
  if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(answer, "ok"))) {
    *ret_answer = answer;
    return 0;
  }
  const cJSON *why = cJSON_GetObjectItemCaseSensitive(answer, "error");
  err_set(err, "%s", cJSON_IsString(why) ? why->valuestring : "weigate refused without a reason");
  cJSON_Delete(answer);
  return -1;
}

int call_master(const struct conf *conf, const char *command, struct buf *line, struct cJSON **ret_answer, struct err *err) {
  return ask(conf, command, NULL, line, ret_answer, err);
}

int call_audit(const struct conf *conf, const char *text) {
  SCOPE_BUF struct buf line;
  struct cJSON *answer = NULL;
  buf_init(&line, CONTROL_REQUEST_MAX_BYTES);
  int result = ask(conf, "audit", text, &line, &answer, NULL);
  cJSON_Delete(answer);
  return result;
}

int call_whose(const struct conf *conf, uid_t *ret_uid, gid_t *ret_gid) {
  SCOPE_CLOSE int fd = -1;
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (connect_master(conf, &fd, NULL) != 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return -1;
  *ret_uid = peer.uid;
  *ret_gid = peer.gid;
  return 0;
}

const char *call_text(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
  return cJSON_IsString(item) ? item->valuestring : "";
}

double call_number(const cJSON *object, const char *name) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
  return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

bool call_is(const cJSON *object, const char *name) {
  return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}
