/* SPDX-License-Identifier: Apache-2.0
 * server: runs libmicrohttpd with epoll and two threads per listener. A request that has to wait is suspended, so that a thousand
 * calls in flight cost a thousand descriptors and no thread. */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "authorize.h"
#include "base/clock.h"
#include "calls.h"
#include "control.h"
#include "home.h"
#include "pages.h"
#include "people.h"
#include "transport.h"

/* Two threads answer more than 50,000 small calls a second; more would only compete with what is measured. */
#define THREADS 2
/* 4,096 sign-ins in flight with a connection each, and as many idle ones. */
#define CONNECTIONS_MAX 8192
/* A burst of connections that has not been accepted yet. */
#define BACKLOG 4096
/* A control request that brings a body of 8 MiB in base64 and some fields. */
#define REQUEST_BODY_MAX_BYTES (16u << 20)
/* The largest reply is a fault's body padded to the limit of fault_fields.c, 1 GiB, and a little. */
#define REPLY_BODY_MAX_BYTES ((1u << 30) + (1u << 20))
/* A certificate chain has a few KiB. */
#define PEM_MAX_BYTES 262144

struct server {
  struct sandbox *sandbox;
  struct MHD_Daemon *daemon;
  bool tls;
  char address[96];
  struct buf cert, key;
};

/* One per connection, in libmicrohttpd's socket context. */
struct peer {
  uint16_t port;
  uint64_t requests;
};

struct route {
  const char *method, *path; /* a path that ends in '*' stands for all that begin so; method NULL: any */
  void (*serve)(struct exchange *exchange);
};

extern const struct route routes[];

static void *open_exchange(void *cls, const char *uri, struct MHD_Connection *connection) {
  struct server *server = cls;
  struct exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange) return NULL;
  exchange->sandbox = server->sandbox;
  exchange->connection = connection;
  exchange->tls = server->tls;
  exchange->uri = str_dup(str_of(uri));
  buf_init(&exchange->body, REQUEST_BODY_MAX_BYTES);
  buf_init(&exchange->reply.body, REPLY_BODY_MAX_BYTES);
  return exchange;
}

static void close_exchange(void *cls, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why) {
  (void)cls;
  (void)connection;
  (void)why;
  struct exchange *exchange = *context;
  if (!exchange) return;
  if (exchange->counted) ledger_leave(exchange->sandbox->ledger);
  for (size_t i = 0; i < exchange->reply.headers_count; i++) free(exchange->reply.headers[i].value);
  buf_done(&exchange->reply.body);
  buf_done(&exchange->body);
  fault_put(exchange->fault);
  free(exchange->uri);
  free(exchange);
  *context = NULL;
}

static uint16_t read_port(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) return ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
  return ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
}

static void watch_connection(void *cls, struct MHD_Connection *connection, void **context,
                             enum MHD_ConnectionNotificationCode what) {
  struct server *server = cls;
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
    free(*context);
    *context = NULL;
    return;
  }
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  struct peer *peer = calloc(1, sizeof *peer);
  if (peer && info) peer->port = read_port(info->client_addr);
  *context = peer;
  atomic_fetch_add_explicit(&ledger_counts(server->sandbox->ledger)->connections, 1, memory_order_relaxed);
}

static void note_peer(struct exchange *exchange) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  struct peer *peer = info ? info->socket_context : NULL;
  if (!peer) return;
  exchange->port = peer->port;
  exchange->reused = peer->requests++ > 0;
}

static bool matches(const char *pattern, struct str path) {
  struct str wanted = str_of(pattern);
  if (wanted.n > 0 && wanted.p[wanted.n - 1] == '*') return str_starts(path, str_make(wanted.p, wanted.n - 1));
  return str_eq(wanted, path);
}

/* A page of another site must not steer the sandbox behind the developer's back: browsers name the origin of what they send. */
static bool comes_from_elsewhere(const struct exchange *exchange) {
  const char *origin = exchange_header(exchange, "Origin"), *host = exchange_header(exchange, "Host");
  if (!origin || strcmp(exchange->method, "GET") == 0 || !str_starts(exchange->path, STR("/sandbox/"))) return false;
  const char *slashes = strstr(origin, "://");
  return !slashes || !host || strcmp(slashes + 3, host) != 0;
}

/* The path's own handler; 404 and 405 otherwise. */
static void route_exchange(struct exchange *exchange) {
  bool found = false;
  if (comes_from_elsewhere(exchange)) {
    reply_error(exchange, 403, "only the sandbox's own page and programs may steer it");
    return;
  }
  for (const struct route *route = routes; route->path; route++) {
    if (!matches(route->path, exchange->path)) continue;
    found = true;
    if (route->method && strcmp(route->method, exchange->method) != 0) continue;
    route->serve(exchange);
    return;
  }
  if (found)
    reply_error(exchange, 405, "this path has other methods");
  else
    reply_error(exchange, 404, "no such path; the sandbox describes itself at /sandbox/");
}

static void read_head(struct exchange *exchange, struct MHD_Connection *connection, const char *method) {
  struct str uri = str_of(exchange->uri);
  const char *mark = memchr(uri.p, '?', uri.n);
  exchange->connection = connection;
  exchange->method = method;
  exchange->path = mark ? str_make(uri.p, (size_t)(mark - uri.p)) : uri;
  exchange->query = mark ? str_from(uri, exchange->path.n + 1) : STR_NONE;
  exchange->phase = PHASE_BODY;
  note_peer(exchange);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_bytes, void **context) {
  (void)cls;
  (void)url;
  (void)version;
  struct exchange *exchange = *context;
  if (!exchange || !exchange->uri) return MHD_NO;
  if (exchange->phase == PHASE_HEAD) {
    read_head(exchange, connection, method);
    return MHD_YES;
  }
  if (exchange->phase != PHASE_BODY) return transport_continue(exchange);
  if (*upload_bytes > 0) {
    buf_add(&exchange->body, upload, *upload_bytes);
    *upload_bytes = 0;
    return MHD_YES;
  }
  if (exchange->body.failed)
    reply_error(exchange, 413, "the body is larger than 16 MiB");
  else
    route_exchange(exchange);
  return transport_start(exchange);
}

static int open_listener(const struct listen_address *listen_at, int *ret_fd, struct err *err) {
  const struct sockaddr *address = (const struct sockaddr *)&listen_at->address;
  int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
  if (fd < 0) return err_set(err, "socket: %s", strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, address, listen_at->address_bytes) || listen(fd, BACKLOG)) {
    int why = errno;
    close(fd);
    return err_set(err, "cannot listen on port %d: %s", read_port(address), strerror(why));
  }
  *ret_fd = fd;
  return 0;
}

static void name_listener(struct server *server, int fd) {
  struct sockaddr_storage address;
  socklen_t n = sizeof address;
  char host[INET6_ADDRSTRLEN] = "127.0.0.1";
  getsockname(fd, (struct sockaddr *)&address, &n);
  bool v6 = address.ss_family == AF_INET6;
  const void *bytes = v6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)&address)->sin6_addr
                         : (const void *)&((const struct sockaddr_in *)(const void *)&address)->sin_addr;
  inet_ntop(address.ss_family, bytes, host, sizeof host);
  snprintf(server->address, sizeof server->address, "%s://%s%s%s:%d", server->tls ? "https" : "http", v6 ? "[" : "", host,
           v6 ? "]" : "", read_port((const struct sockaddr *)&address));
}

static int read_pem(const char *path, struct buf *out, struct err *err) {
  FILE *file = fopen(path, "re");
  if (!file) return err_set(err, "%s: %s", path, strerror(errno));
  buf_init(out, PEM_MAX_BYTES + 1);
  char *to = buf_reserve(out, PEM_MAX_BYTES);
  size_t n = to ? fread(to, 1, PEM_MAX_BYTES, file) : 0;
  fclose(file);
  buf_grew(out, n);
  buf_add_char(out, '\0');
  return n > 0 && !out->failed ? 0 : err_set(err, "%s is empty", path);
}

static struct MHD_Daemon *start_daemon(struct server *server, int fd) {
  struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, server->cert.data},
                                 {MHD_OPTION_HTTPS_MEM_KEY, 0, server->key.data},
                                 {MHD_OPTION_END, 0, NULL}};
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (server->tls ? MHD_USE_TLS : 0);
  return MHD_start_daemon(flags, 0, NULL, NULL, handle, server,                                     /* */
                          MHD_OPTION_LISTEN_SOCKET, fd,                                             /* */
                          MHD_OPTION_THREAD_POOL_SIZE, (unsigned)THREADS,                           /* */
                          MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,                   /* */
                          MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)server->sandbox->options.idle_s, /* */
                          MHD_OPTION_URI_LOG_CALLBACK, open_exchange, server,                       /* */
                          MHD_OPTION_NOTIFY_COMPLETED, close_exchange, server,                      /* */
                          MHD_OPTION_NOTIFY_CONNECTION, watch_connection, server,                   /* */
                          MHD_OPTION_ARRAY, server->tls ? tls : tls + 2,                            /* */
                          MHD_OPTION_END);
}

int server_start(struct sandbox *sandbox, const struct listen_address *listen_at, struct server **ret_server, struct err *err) {
  int fd = -1;
  struct server *server = calloc(1, sizeof *server);
  if (!server) return err_set(err, "out of memory");
  server->sandbox = sandbox;
  server->tls = listen_at->tls;
  if (server->tls &&
      (read_pem(sandbox->options.cert_file, &server->cert, err) || read_pem(sandbox->options.key_file, &server->key, err)))
    goto fail;
  if (open_listener(listen_at, &fd, err)) goto fail;
  name_listener(server, fd);
  server->daemon = start_daemon(server, fd);
  if (!server->daemon) {
    err_set(err, "cannot serve %s%s", server->address, server->tls ? ": do --cert and --key belong together?" : "");
    goto fail;
  }
  *ret_server = server;
  return 0;

fail:
  if (fd >= 0) close(fd);
  buf_done(&server->cert);
  buf_done(&server->key);
  free(server);
  return -1;
}

const char *server_address(const struct server *server) {
  return server->address;
}

void server_stop(struct server *server) {
  if (!server) return;
  MHD_stop_daemon(server->daemon);
  buf_done(&server->cert);
  buf_done(&server->key);
  free(server);
}

/* clang-format off */
const struct route routes[] = {
  {NULL, "/sns/oauth2/access_token", call_access_token},
  {NULL, "/sns/oauth2/refresh_token", call_refresh_token},
  {NULL, "/sns/userinfo", call_userinfo},
  {NULL, "/sns/auth", call_auth},
  {"GET", "/connect/oauth2/authorize", authorize_serve},
  {"GET", "/connect/qrconnect", authorize_serve_qr},
  {"GET", "/connect/confirm", authorize_confirm},
  {"GET", "/mmopen/*", pages_avatar},
  {"GET", "/", home_redirect},
  {"GET", "/sandbox", home_redirect},
  {"GET", "/sandbox/", home_serve},
  {"GET", "/sandbox/accounts", control_accounts},
  {"GET", "/sandbox/people", control_people},
  {"GET", "/sandbox/kinds", control_kinds},
  {"GET", "/sandbox/faults", control_faults},
  {"POST", "/sandbox/faults", control_faults_add},
  {"DELETE", "/sandbox/faults", control_faults_remove},
  {"GET", "/sandbox/next", control_next},
  {"PUT", "/sandbox/next", control_next_set},
  {"DELETE", "/sandbox/next", control_next_clear},
  {"POST", "/sandbox/codes", control_codes},
  {"GET", "/sandbox/ledger", control_ledger},
  {"DELETE", "/sandbox/ledger", control_ledger_clear},
  {"GET", "/sandbox/counts", control_counts},
  {"GET", "/sandbox/clock", control_clock},
  {"POST", "/sandbox/clock", control_clock_advance},
  {"PUT", "/sandbox/latency", control_latency},
  {"POST", "/sandbox/reset", control_reset},
  {NULL, NULL, NULL},
};
/* clang-format on */
