/* SPDX-License-Identifier: Apache-2.0
 * scripted_server: one thread accepts, one per connection plays the script. */
#include "scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connections of one server; more than a test needs. */
#define CONNECTIONS_MAX   2048
#define REQUEST_MAX_BYTES 8192

struct scripted_server {
  int listen_fd;
  int stop_fd, gate_fd; /* become readable and stay so */
  unsigned port;
  SSL_CTX *ssl_ctx;
  const struct script_step *first, *later;
  pthread_t thread;
  pthread_mutex_t lock; /* everything below */
  pthread_t players[CONNECTIONS_MAX];
  size_t connections_count, open_count, requests_count;
  char last_request[REQUEST_MAX_BYTES];
};

struct player {
  struct scripted_server *server;
  int fd;
  SSL *ssl;
  const struct script_step *script;
  char request[REQUEST_MAX_BYTES];
};

static void open_eventfd(int fd) {
  uint64_t one = 1;
  ssize_t n = write(fd, &one, sizeof one);
  (void)n;
}

/* Waits for the connection or another descriptor; false when the server stops or the peer hung up while nothing is read. */
static bool wait_for(struct player *player, short events, int other_fd, int timeout_ms) {
  struct pollfd fds[] = {{player->fd, events, 0}, {player->server->stop_fd, POLLIN, 0}, {other_fd, POLLIN, 0}};
  int n = poll(fds, 3, timeout_ms);
  if (n < 0 || fds[1].revents) return false;
  if (!events && (fds[0].revents & (POLLHUP | POLLERR))) return false;
  return true;
}

static ssize_t read_some(struct player *player, char *to, size_t size) {
  for (;;) {
    if (!(player->ssl && SSL_pending(player->ssl)) && !wait_for(player, POLLIN, -1, -1)) return -1;
    ssize_t n = player->ssl ? SSL_read(player->ssl, to, (int)size) : recv(player->fd, to, size, MSG_DONTWAIT);
    if (n > 0) return n;
    if (n == 0) return -1;
    if (player->ssl ? SSL_get_error(player->ssl, (int)n) != SSL_ERROR_WANT_READ : errno != EAGAIN) return -1;
  }
}

static bool send_bytes(struct player *player, struct str bytes) {
  while (bytes.n > 0) {
    if (!wait_for(player, POLLOUT, -1, -1)) return false;
    ssize_t n = player->ssl ? SSL_write(player->ssl, bytes.p, (int)bytes.n)
                            : send(player->fd, bytes.p, bytes.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n <= 0 && (player->ssl || errno != EAGAIN)) return false;
    if (n > 0) bytes = str_from(bytes, (size_t)n);
  }
  return true;
}

static bool read_request(struct player *player) {
  char *text = player->request;
  size_t used = 0;
  while (used < 4 || memcmp(text + used - 4, "\r\n\r\n", 4) != 0) {
    if (used == REQUEST_MAX_BYTES - 1 || read_some(player, text + used, 1) != 1) return false;
    used++;
  }
  pthread_mutex_lock(&player->server->lock);
  text[used] = '\0';
  memcpy(player->server->last_request, text, used + 1);
  player->server->requests_count++;
  pthread_mutex_unlock(&player->server->lock);
  return true;
}

static bool echo(struct player *player) {
  char answer[REQUEST_MAX_BYTES];
  char *path = strchr(player->request, ' ') + 1;
  int length = (int)strcspn(path, " ");
  int n = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%.*s", length, length, path);
  return send_bytes(player, str_make(answer, (size_t)n));
}

static void hold(struct player *player) {
  char rest[256];
  while (read_some(player, rest, sizeof rest) > 0) {
  }
}

static void drip(struct player *player, struct str bytes) {
  for (size_t i = 0; i < bytes.n; i++) {
    if (!send_bytes(player, str_make(bytes.p + i, 1)) || !wait_for(player, 0, -1, 5)) return;
  }
}

static void reset(struct player *player) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(player->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Plays the step; false ends the connection. */
static bool play_step(struct player *player, const struct script_step *step) {
  switch (step->action) {
  case SCRIPT_READ:
    return read_request(player);
  case SCRIPT_SEND:
    return send_bytes(player, step->bytes);
  case SCRIPT_ECHO:
    return echo(player);
  case SCRIPT_FLOOD:
    while (send_bytes(player, step->bytes)) {
    }
    return false;
  case SCRIPT_DRIP:
    drip(player, step->bytes);
    return true;
  case SCRIPT_HOLD:
    hold(player);
    return false;
  case SCRIPT_GATE: {
    struct pollfd fds[] = {{player->server->gate_fd, POLLIN, 0}, {player->server->stop_fd, POLLIN, 0}};
    return poll(fds, 2, -1) > 0 && !fds[1].revents;
  }
  case SCRIPT_RESET:
    reset(player);
    return false;
  default:
    return false;
  }
}

static void *play(void *arg) {
  struct player *player = arg;
  bool is_ready = true;
  if (player->server->ssl_ctx) {
    struct timeval limit = {.tv_sec = 5}; /* a client that never says hello must not keep the thread */
    setsockopt(player->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    player->ssl = SSL_new(player->server->ssl_ctx);
    SSL_set_fd(player->ssl, player->fd);
    is_ready = SSL_accept(player->ssl) == 1;
  }
  const struct script_step *step = player->script;
  while (is_ready && (step->action == SCRIPT_AGAIN || play_step(player, step)))
    step = step->action == SCRIPT_AGAIN ? player->script : step + 1;
  if (player->ssl) SSL_free(player->ssl);
  pthread_mutex_lock(&player->server->lock);
  player->server->open_count--;
  pthread_mutex_unlock(&player->server->lock);
  close(player->fd);
  free(player);
  return NULL;
}

static void *accept_connections(void *arg) {
  struct scripted_server *server = arg;
  for (;;) {
    struct pollfd fds[] = {{server->listen_fd, POLLIN, 0}, {server->stop_fd, POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 || fds[1].revents) return NULL;
    int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct player *player = fd >= 0 ? calloc(1, sizeof *player) : NULL;
    if (!player || server->connections_count == CONNECTIONS_MAX) abort();
    pthread_mutex_lock(&server->lock);
    size_t index = server->connections_count++;
    server->open_count++;
    *player = (struct player){.server = server, .fd = fd, .script = index == 0 ? server->first : server->later};
    if (pthread_create(&server->players[index], NULL, play, player) != 0) abort();
    pthread_mutex_unlock(&server->lock);
  }
}

struct scripted_server *scripted_server_start_two(const struct script_step *first, const struct script_step *later,
                                                  void *ssl_ctx) {
  struct scripted_server *server = calloc(1, sizeof *server);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (!server) abort();
  server->first = first;
  server->later = later;
  server->ssl_ctx = ssl_ctx;
  pthread_mutex_init(&server->lock, NULL);
  server->stop_fd = eventfd(0, EFD_CLOEXEC);
  server->gate_fd = eventfd(0, EFD_CLOEXEC);
  server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(server->listen_fd, (struct sockaddr *)&address, size) != 0 || listen(server->listen_fd, 1024) != 0) abort();
  if (getsockname(server->listen_fd, (struct sockaddr *)&address, &size) != 0) abort();
  server->port = ntohs(address.sin_port);
  if (pthread_create(&server->thread, NULL, accept_connections, server) != 0) abort();
  return server;
}

struct scripted_server *scripted_server_start(const struct script_step *script, void *ssl_ctx) {
  return scripted_server_start_two(script, script, ssl_ctx);
}

void scripted_server_stop(struct scripted_server *server) {
  open_eventfd(server->stop_fd);
  pthread_join(server->thread, NULL);
  for (size_t i = 0; i < server->connections_count; i++) pthread_join(server->players[i], NULL);
  close(server->listen_fd);
  close(server->stop_fd);
  close(server->gate_fd);
  pthread_mutex_destroy(&server->lock);
  free(server);
}

unsigned scripted_server_port(const struct scripted_server *server) {
  return server->port;
}

void scripted_server_open_gate(struct scripted_server *server) {
  open_eventfd(server->gate_fd);
}

static size_t read_count(struct scripted_server *server, const size_t *count) {
  pthread_mutex_lock(&server->lock);
  size_t value = *count;
  pthread_mutex_unlock(&server->lock);
  return value;
}

size_t scripted_server_connections(struct scripted_server *server) {
  return read_count(server, &server->connections_count);
}

size_t scripted_server_open_connections(struct scripted_server *server) {
  return read_count(server, &server->open_count);
}

size_t scripted_server_requests(struct scripted_server *server) {
  return read_count(server, &server->requests_count);
}

bool scripted_server_saw(struct scripted_server *server, const char *text) {
  pthread_mutex_lock(&server->lock);
  bool saw = strstr(server->last_request, text) != NULL;
  pthread_mutex_unlock(&server->lock);
  return saw;
}
