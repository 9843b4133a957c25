/* SPDX-License-Identifier: Apache-2.0
 * control: a bounded number of clients with deadlines, and the table of commands; runs on the master's only thread. */
#include "master/control.h"

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/scope.h"
#include "conf/print.h"
#include "master/state.h"

/* An admin and a few scripts at once; more are told to come again by not being accepted yet. */
#define CLIENTS_MAX 16
/* A question is sent in one write; an answer may wait for a reload: a trial, the start of workers. */
#define ASK_MAX_MS    5000
#define ANSWER_MAX_MS 60000

enum client_state { CLIENT_NONE, CLIENT_ASKING, CLIENT_WAITS_FOR_STATUS, CLIENT_WAITS_FOR_RELOAD, CLIENT_ANSWERED };

struct client {
  struct control *control;
  enum client_state state; /* CLIENT_NONE: the slot is free */
  struct loop_watch watch;
  struct loop_timer deadline;
  struct buf in, out;
  size_t sent;
  unsigned reload; /* number of the one it waits for */
};

struct control {
  struct master *master;
  struct loop_watch watch; /* the listening socket */
  char path[sizeof((struct sockaddr_un *)0)->sun_path];
  dev_t device;
  ino_t inode;
  struct client clients[CLIENTS_MAX];
};

struct command {
  const char *name;
  void (*run)(struct client *client, const struct cJSON *request);
};

static void close_client(struct client *client) {
  struct loop *loop = client->control->master->loop;
  loop_timer_clear(loop, &client->deadline);
  loop_watch_remove(loop, &client->watch);
  close(client->watch.fd);
  buf_done(&client->in);
  buf_done(&client->out);
  client->state = CLIENT_NONE;
  loop_watch_change(loop, &client->control->watch, EPOLLIN);
}

static void end_late(struct loop_timer *timer) {
  close_client(timer->arg);
}

/* Sends what the socket takes; the rest when it is writable again. */
static void send_more(struct client *client) {
  while (client->sent < client->out.len) {
    ssize_t n = send(client->watch.fd, client->out.data + client->sent, client->out.len - client->sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      loop_watch_change(client->control->master->loop, &client->watch, EPOLLOUT);
      return;
    }
    if (n < 0) break;
    client->sent += (size_t)n;
  }
  close_client(client);
}

static void answer(struct client *client, struct str reply) {
  client->state = CLIENT_ANSWERED;
  buf_add_str(&client->out, reply);
  buf_add_char(&client->out, '\n');
  loop_timer_set(client->control->master->loop, &client->deadline, clock_mono_ms() + ASK_MAX_MS);
  send_more(client);
}

static void answer_error(struct client *client, const char *error) {
  SCOPE_BUF struct buf reply;
  buf_init(&reply, 4 * ERR_TEXT_BYTES);
  buf_addf(&reply, "{\"ok\":false,\"version\":\"%s\",\"error\":", PACKAGE_VERSION);
  json_add_string(&reply, str_of(error));
  buf_add_char(&reply, '}');
  answer(client, buf_str(&reply));
}

static void answer_reload(struct client *client) {
  const struct master *master = client->control->master;
  if (master->reload.error[0]) {
    answer_error(client, master->reload.error);
    return;
  }
  SCOPE_BUF struct buf reply;
  buf_init(&reply, 256);
  buf_addf(&reply, "{\"ok\":true,\"version\":\"%s\",\"generation\":%u}", PACKAGE_VERSION, master->current->settings.number);
  answer(client, buf_str(&reply));
}

static void run_status(struct client *client, const struct cJSON *request) {
  (void)request;
  client->state = CLIENT_WAITS_FOR_STATUS;
  status_ask(client->control->master);
}

static void run_reload(struct client *client, const struct cJSON *request) {
  (void)request;
  struct master *master = client->control->master;
  if (master->is_stopping) {
    answer_error(client, "weigate is stopping");
    return;
  }
  client->state = CLIENT_WAITS_FOR_RELOAD;
  client->reload = master->reload.begun_count + 1; /* before it begins: it may end at once */
  loop_timer_set(master->loop, &client->deadline, clock_mono_ms() + ANSWER_MAX_MS);
  reload_request(master);
}

static void run_config(struct client *client, const struct cJSON *request) {
  (void)request;
  SCOPE_BUF struct buf reply;
  buf_init(&reply, CONTROL_REPLY_MAX_BYTES);
  buf_addf(&reply, "{\"ok\":true,\"version\":\"%s\",\"config\":", PACKAGE_VERSION);
  conf_print_json(&reply, client->control->master->current->conf);
  buf_add_char(&reply, '}');
  answer(client, buf_str(&reply));
}

/* What weigatectl did to people and keys belongs into the service's log, wherever that goes. */
static void run_audit(struct client *client, const struct cJSON *request) {
  struct str text;
  if (json_get_string(request, "text", &text) != JSON_GOT) {
    answer_error(client, "audit needs a text");
    return;
  }
  log_audit("%.*s", STR_ARG(text));
  answer(client, STR("{\"ok\":true,\"version\":\"" PACKAGE_VERSION "\"}"));
}

static const struct command commands[] = {
    {"status", run_status}, {"reload", run_reload}, {"config", run_config}, {"audit", run_audit}};

static void run_command(struct client *client, struct str name, const struct cJSON *request) {
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (str_eq(name, str_of(commands[i].name))) {
      commands[i].run(client, request);
      return;
    }
  answer_error(client, "unknown command");
}

static void refuse_version(struct client *client, struct str version) {
  char error[256];
  snprintf(error, sizeof error,
           "this is weigatectl %.*s, and weigate %s is running; restart weigate, or use the weigatectl it came with",
           (int)(version.n < 32 ? version.n : 32), version.p, PACKAGE_VERSION);
  answer_error(client, error);
}

static void handle_request(struct client *client, struct str line) {
  struct cJSON *request = NULL;
  struct str name, version;
  const char *why = NULL;
  if (json_parse_object(line, &request, &why) != 0 || json_get_string(request, "command", &name) != JSON_GOT ||
      json_get_string(request, "version", &version) != JSON_GOT)
    answer_error(client, "expected one line: {\"command\":…,\"version\":…}");
  else if (!str_eq(version, STR(PACKAGE_VERSION)))
    refuse_version(client, version);
  else
    run_command(client, name, request);
  json_free(request);
}

static void read_request(struct client *client) {
  char block[1024];
  ssize_t n = recv(client->watch.fd, block, sizeof block, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    close_client(client);
    return;
  }
  buf_add(&client->in, block, (size_t)n);
  const char *end = client->in.failed ? NULL : memchr(client->in.data, '\n', client->in.len);
  if (end) {
    loop_watch_change(client->control->master->loop, &client->watch, EPOLLRDHUP);
    handle_request(client, str_make(client->in.data, (size_t)(end - client->in.data)));
  } else if (client->in.failed) {
    answer_error(client, "the question is too long");
  }
}

static void handle_client(struct loop_watch *watch, uint32_t events) {
  struct client *client = watch->arg;
  if (client->state == CLIENT_ASKING)
    read_request(client);
  else if (client->state == CLIENT_ANSWERED && (events & EPOLLOUT))
    send_more(client);
  else
    close_client(client); /* the peer left before its answer */
}

/* The socket's mode lets nobody else in; a descriptor may still be passed on, so the peer is looked at as well. */
static bool is_admin(int fd) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static struct client *find_free(struct control *control) {
  for (size_t i = 0; i < CLIENTS_MAX; i++)
    if (control->clients[i].state == CLIENT_NONE) return &control->clients[i];
  return NULL;
}

static void accept_client(struct loop_watch *watch, uint32_t events) {
  struct control *control = watch->arg;
  struct client *client = find_free(control);
  (void)events;
  if (!client) {
    loop_watch_change(control->master->loop, watch, 0); /* until one leaves */
    return;
  }
  int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  *client = (struct client){.control = control, .state = CLIENT_ASKING};
  client->watch = (struct loop_watch){.fd = fd, .ready = handle_client, .arg = client};
  client->deadline = (struct loop_timer){.fired = end_late, .arg = client};
  buf_init(&client->in, CONTROL_REQUEST_MAX_BYTES);
  buf_init(&client->out, CONTROL_REPLY_MAX_BYTES);
  if (!is_admin(fd) || loop_timer_set(control->master->loop, &client->deadline, clock_mono_ms() + ASK_MAX_MS) != 0 ||
      loop_watch_add(control->master->loop, &client->watch, EPOLLIN | EPOLLRDHUP) != 0)
    close_client(client);
}

/* A socket left behind by a master that was killed is removed; one that answers is somebody's. */
static int remove_stale(const char *path, const struct sockaddr_un *address, struct err *err) {
  struct stat st;
  if (lstat(path, &st) != 0) return 0;
  if (!S_ISSOCK(st.st_mode))
    return err_set(err, "server.control_socket: %s exists and is not a socket; remove it or name another path", path);
  SCOPE_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED &&
      unlink(path) == 0)
    return 0;
  return err_set(err, "server.control_socket: another weigate answers at %s; stop it, or give this one another path", path);
}

static int bind_socket(struct control *control, const struct sockaddr_un *address, struct err *err) {
  control->watch.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (control->watch.fd < 0) return err_set(err, "cannot make the control socket: %m");
  mode_t mask = umask(0177);
  int bound = bind(control->watch.fd, (const struct sockaddr *)address, sizeof *address);
  int saved_errno = errno;
  umask(mask);
  errno = saved_errno;
  if (bound != 0)
    return err_set(
        err,
        "server.control_socket: cannot make %s: %m; create its folder for user %d (install -d -o %d -m 0750 FOLDER), name "
        "another path, or set it to off",
        control->path, (int)geteuid(), (int)geteuid());
  struct stat st;
  if (lstat(control->path, &st) != 0 || listen(control->watch.fd, CLIENTS_MAX) != 0)
    return err_set(err, "cannot listen at %s: %m", control->path);
  control->device = st.st_dev;
  control->inode = st.st_ino;
  return 0;
}

int control_open(struct master *master, const char *path, struct control **ret_control, struct err *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (str_copy(str_of(path), address.sun_path, sizeof address.sun_path) != 0)
    return err_set(err, "server.control_socket: the path is longer than %zu bytes", sizeof address.sun_path - 1);
  if (remove_stale(path, &address, err) != 0) return -1;
  struct control *control = calloc(1, sizeof *control);
  if (!control) return err_set(err, "out of memory");
  control->master = master;
  control->watch = (struct loop_watch){.fd = -1, .ready = accept_client, .arg = control};
  str_copy(str_of(path), control->path, sizeof control->path);
  if (bind_socket(control, &address, err) == 0) {
    if (loop_watch_add(master->loop, &control->watch, EPOLLIN) == 0) {
      *ret_control = control;
      return 0;
    }
    err_set(err, "cannot watch the control socket: %m");
  }
  if (control->watch.fd >= 0) close(control->watch.fd);
  free(control);
  return -1;
}

void control_close(struct control *control) {
  struct stat st;
  if (!control) return;
  for (size_t i = 0; i < CLIENTS_MAX; i++)
    if (control->clients[i].state != CLIENT_NONE) close_client(&control->clients[i]);
  if (lstat(control->path, &st) == 0 && st.st_dev == control->device && st.st_ino == control->inode) unlink(control->path);
  loop_watch_remove(control->master->loop, &control->watch);
  close(control->watch.fd);
  free(control);
}

void control_forget(const struct control *control) {
  if (!control) return;
  for (size_t i = 0; i < CLIENTS_MAX; i++)
    if (control->clients[i].state != CLIENT_NONE) close(control->clients[i].watch.fd);
  close(control->watch.fd);
}

void control_reloaded(struct control *control, unsigned number) {
  for (size_t i = 0; control && i < CLIENTS_MAX; i++) {
    struct client *client = &control->clients[i];
    if (client->state == CLIENT_WAITS_FOR_RELOAD && client->reload <= number) answer_reload(client);
  }
}

void control_status(struct control *control, struct str reply) {
  for (size_t i = 0; control && i < CLIENTS_MAX; i++)
    if (control->clients[i].state == CLIENT_WAITS_FOR_STATUS) answer(&control->clients[i], reply);
}
