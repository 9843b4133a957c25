/* SPDX-License-Identifier: Apache-2.0
 * load: signs people in as fast as they are answered (or at a given rate), over kept HTTP/1.1 connections, and prints one line of
 * JSON. One thread. A sign-in is GET login, then GET callback with the state and cookie that came back and a code minted before;
 * with
 * --once PATH it is one request with a code. Waiting for WeChat's page is left out: the code is there already. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "load_answer.h"
#include "load_figures.h"

#define VISITORS_MAX 4096
#define PIDS_MAX     16
/* Head and page of one answer. */
#define ANSWER_MAX_BYTES 65536
/* A redirect with a state, five cookies and room. */
#define REQUEST_MAX_BYTES 16384

enum step { STEP_IDLE, STEP_LOGIN, STEP_CALLBACK };

struct visitor {
  int fd;
  enum step step;
  uint64_t began_ns, callback_ns;
  struct buf answer;
};

static struct {
  struct sockaddr_storage address;
  socklen_t address_bytes;
  const char *host, *login, *callback, *once, *session;
  double rate, seconds, warm_up_seconds;
  size_t in_flight;
  pid_t pids[PIDS_MAX];
  size_t pids_count;
} options = {.host = "127.0.0.1", .seconds = 3, .warm_up_seconds = 1, .in_flight = 64, .session = ""};

static struct visitor visitors[VISITORS_MAX];
static int epoll_fd, timer_fd;
static FILE *codes;
static bool is_measuring, codes_ran_out;
static uint64_t next_start_ns, measuring_since_ns, cpu_before_ns[PIDS_MAX];
/* A backlog of --rate: starts that are due and found nobody idle. */
static uint64_t *due;
static size_t due_first, due_count, due_cap;

static size_t failed_count, reconnects_count;
static int failed_status;
static struct times sign_ins, callbacks;

static _Noreturn void leave(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* --- connections --------------------------------------------------------------------------------------------------------------
 */

static void open_connection(struct visitor *visitor) {
  int on = 1;
  visitor->fd = socket(options.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (visitor->fd < 0 || connect(visitor->fd, (struct sockaddr *)&options.address, options.address_bytes)) leave("connect");
  if (options.address.ss_family == AF_INET) setsockopt(visitor->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(visitor->fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = visitor};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, visitor->fd, &event)) leave("epoll_ctl");
}

static void reopen_connection(struct visitor *visitor) {
  close(visitor->fd);
  open_connection(visitor);
  reconnects_count++;
}

/* A request is smaller than a socket's buffer, and nothing else is in it. */
static void send_request(struct visitor *visitor, struct buf *request) {
  ssize_t sent = send(visitor->fd, request->data, request->len, MSG_NOSIGNAL);
  if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
    reopen_connection(visitor);
    sent = send(visitor->fd, request->data, request->len, MSG_NOSIGNAL);
  }
  if (request->failed || sent != (ssize_t)request->len) leave("send");
  buf_clear(&visitor->answer);
  buf_done(request);
}

/* --- the steps of a sign-in ---------------------------------------------------------------------------------------------------
 */

static void add_path(struct buf *request, const char *path) {
  buf_init(request, REQUEST_MAX_BYTES);
  buf_addf(request, "GET %s", path);
}

static void add_headers(struct buf *request) {
  buf_addf(request,
           " HTTP/1.1\r\nHost: %s\r\nAccept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
           "User-Agent: Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
           "Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.47.2560(0x28002F30) NetType/WIFI Language/zh_CN\r\n",
           options.host);
}

static void add_code(struct buf *request) {
  char code[128];
  if (fgets(code, sizeof code, codes)) {
    buf_addf(request, "code=%.*s", (int)strcspn(code, "\r\n"), code);
    return;
  }
  codes_ran_out = true;
  buf_add_text(request, "code=none");
}

static void start(struct visitor *visitor, uint64_t began_ns) {
  struct buf request;
  visitor->began_ns = visitor->callback_ns = began_ns;
  visitor->step = options.once ? STEP_CALLBACK : STEP_LOGIN;
  add_path(&request, options.once ? options.once : options.login);
  if (options.once) {
    buf_add_char(&request, '?');
    add_code(&request);
  }
  add_headers(&request);
  buf_add_text(&request, "\r\n");
  send_request(visitor, &request);
}

/* The state stands in the address of WeChat's page, before its fragment. */
static struct str find_state(struct str location) {
  const char *found = location.n ? memmem(location.p, location.n, "&state=", 7) : NULL;
  struct str rest = found ? str_from(location, (size_t)(found - location.p) + 7) : STR_NONE, state = STR_NONE;
  while (state.n < rest.n && rest.p[state.n] != '&' && rest.p[state.n] != '#') state = str_make(rest.p, state.n + 1);
  return state;
}

static void call_back(struct visitor *visitor, const struct answer *login, struct str state) {
  struct buf request;
  add_path(&request, options.callback);
  buf_add_char(&request, '?');
  add_code(&request);
  buf_addf(&request, "&state=%.*s", STR_ARG(state));
  add_headers(&request);
  for (size_t i = 0; i < login->cookies_count; i++)
    buf_addf(&request, "%s%.*s", i ? "; " : "Cookie: ", STR_ARG(login->cookies[i]));
  buf_add_text(&request, login->cookies_count ? "\r\n\r\n" : "\r\n");
  visitor->step = STEP_CALLBACK;
  visitor->callback_ns = now_ns();
  send_request(visitor, &request);
}

static bool is_signed_in(const struct answer *answer) {
  if (options.once) return answer->status >= 200 && answer->status < 400;
  if (answer->status != 303 && answer->status != 302) return false;
  for (size_t i = 0; i < answer->cookies_count; i++)
    if (str_starts(answer->cookies[i], str_of(options.session)) && answer->cookies[i].n > strlen(options.session)) return true;
  return false;
}

static void start_next(struct visitor *visitor) {
  visitor->step = STEP_IDLE;
  if (options.rate == 0)
    start(visitor, now_ns());
  else if (due_first < due_count)
    start(visitor, due[due_first++]);
}

static void fail(struct visitor *visitor, int status) {
  if (is_measuring) failed_count++;
  failed_status = status;
  start_next(visitor);
}

static void finish(struct visitor *visitor, const struct answer *answer) {
  uint64_t now = now_ns();
  if (!is_signed_in(answer)) return fail(visitor, answer->status);
  if (is_measuring) {
    times_add(&sign_ins, now - visitor->began_ns);
    times_add(&callbacks, now - visitor->callback_ns);
  }
  start_next(visitor);
}

static void go_on(struct visitor *visitor, const struct answer *answer) {
  if (answer->is_last) reopen_connection(visitor);
  if (visitor->step == STEP_CALLBACK) return finish(visitor, answer);
  struct str state = find_state(answer->location);
  if (answer->status != 302 || state.n == 0) return fail(visitor, answer->status);
  call_back(visitor, answer, state);
}

/* Reads what is there; a kept connection that the peer closed between two requests is opened again. */
static void hear(struct visitor *visitor) {
  struct answer answer;
  for (;;) {
    char *room = buf_reserve(&visitor->answer, 8192);
    ssize_t got = room ? recv(visitor->fd, room, 8192, 0) : -1;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      reopen_connection(visitor);
      if (visitor->step != STEP_IDLE) fail(visitor, 0);
      return;
    }
    buf_grew(&visitor->answer, (size_t)got);
    enum answer_verdict verdict = answer_read(buf_str(&visitor->answer), &answer);
    if (verdict == ANSWER_BROKEN) leave("an answer that is not HTTP");
    if (verdict == ANSWER_MORE) continue;
    if (visitor->step != STEP_IDLE) go_on(visitor, &answer);
    return;
  }
}

/* --- at a given rate ----------------------------------------------------------------------------------------------------------
 */

static void add_due(uint64_t at_ns) {
  if (due_count == due_cap) {
    due_cap = due_cap ? due_cap * 2 : 65536;
    due = reallocarray(due, due_cap, sizeof *due);
    if (!due) leave("starts");
  }
  due[due_count++] = at_ns;
}

/* A sign-in is timed from the moment when it should have begun, so that a stall counts for everybody it held up. */
static void start_due(void) {
  static size_t at;
  for (uint64_t now = now_ns(); next_start_ns <= now; next_start_ns += (uint64_t)(1e9 / options.rate)) add_due(next_start_ns);
  for (size_t tried = 0; due_first < due_count && tried < options.in_flight; tried++, at++) {
    struct visitor *visitor = &visitors[at % options.in_flight];
    if (visitor->step == STEP_IDLE) start(visitor, due[due_first++]);
  }
  struct itimerspec next = {
      .it_value = {.tv_sec = (time_t)(next_start_ns / 1000000000u), .tv_nsec = (long)(next_start_ns % 1000000000u)}};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &next, NULL);
}

/* --- the run ------------------------------------------------------------------------------------------------------------------
 */

static void start_measuring(uint64_t now) {
  is_measuring = true;
  measuring_since_ns = now;
  for (size_t i = 0; i < options.pids_count; i++) cpu_before_ns[i] = cpu_ns(options.pids[i]);
}

static void start_all(void) {
  for (size_t i = 0; i < options.in_flight; i++) {
    buf_init(&visitors[i].answer, ANSWER_MAX_BYTES);
    open_connection(&visitors[i]);
  }
  next_start_ns = now_ns();
  if (options.rate > 0) return start_due();
  for (size_t i = 0; i < options.in_flight; i++) start(&visitors[i], now_ns());
}

static void run(void) {
  start_all();
  uint64_t began = now_ns(), warm = began + (uint64_t)(options.warm_up_seconds * 1e9),
           end = warm + (uint64_t)(options.seconds * 1e9);
  for (uint64_t now = began; now < end && !codes_ran_out; now = now_ns()) {
    struct epoll_event events[256];
    if (!is_measuring && now >= warm) start_measuring(now);
    int n = epoll_wait(epoll_fd, events, 256, 10);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr)
        hear(events[i].data.ptr);
      else
        start_due();
    }
  }
}

static void report(uint64_t end_ns) {
  double seconds = (double)(end_ns - measuring_since_ns) / 1e9, count = sign_ins.count ? (double)sign_ins.count : NAN;
  printf("{\"sign_ins\":%zu,\"failed\":%zu,\"failed_status\":%d,\"reconnects\":%zu,\"codes_ran_out\":%s,\"seconds\":%.3f,\"per_"
         "second\":%.1f",
         sign_ins.count, failed_count, failed_status, reconnects_count, codes_ran_out ? "true" : "false", seconds,
         (double)sign_ins.count / seconds);
  printf(",\"sign_in_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f}", times_percentile_ms(&sign_ins, 0.5),
         times_percentile_ms(&sign_ins, 0.99), times_percentile_ms(&sign_ins, 1));
  printf(",\"callback_ms\":{\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f}", times_percentile_ms(&callbacks, 0.5),
         times_percentile_ms(&callbacks, 0.99), times_percentile_ms(&callbacks, 1));
  printf(",\"cpu_us\":[");
  for (size_t i = 0; i < options.pids_count; i++) {
    double us = (double)(cpu_ns(options.pids[i]) - cpu_before_ns[i]) / 1000 / count;
    printf("%s%.2f", i ? "," : "", isfinite(us) ? us : 0);
  }
  printf("]}\n");
}

/* --- options ------------------------------------------------------------------------------------------------------------------
 */

static int set_address(const char *text) {
  struct sockaddr_un *local = (struct sockaddr_un *)(void *)&options.address;
  struct sockaddr_in *in = (struct sockaddr_in *)(void *)&options.address;
  struct str rest = str_of(text), host;
  uint64_t port;
  char name[64];
  if (str_starts(rest, STR("unix:"))) {
    local->sun_family = AF_UNIX;
    options.address_bytes = sizeof *local;
    return str_copy(str_from(rest, 5), local->sun_path, sizeof local->sun_path);
  }
  in->sin_family = AF_INET;
  options.address_bytes = sizeof *in;
  if (!str_split(&rest, ':', &host) || str_copy(host, name, sizeof name) || inet_pton(AF_INET, name, &in->sin_addr) != 1)
    return -1;
  if (text_parse_u64(rest, 65535, &port)) return -1;
  in->sin_port = htons((uint16_t)port);
  return 0;
}

static _Noreturn void refuse(const char *argument) {
  fprintf(stderr,
          "load: %s\nusage: load --connect HOST:PORT|unix:PATH --codes FILE (--login PATH --callback PATH --session COOKIE= | "
          "--once PATH)"
          " [--host NAME] [--in-flight N] [--rate PER_SECOND] [--seconds S] [--warm-up S] [--pid PID]...\n",
          argument);
  exit(2);
}

static void set_option(int option, const char *value) {
  uint64_t number = 0;
  bool wrong = false;
  switch (option) {
  case 'a':
    wrong = set_address(value) != 0;
    break;
  case 'c':
    wrong = !(codes = fopen(value, "re"));
    break;
  case 'l':
    options.login = value;
    break;
  case 'b':
    options.callback = value;
    break;
  case 'o':
    options.once = value;
    break;
  case 'k':
    options.session = value;
    break;
  case 'h':
    options.host = value;
    break;
  case 'r':
    options.rate = strtod(value, NULL);
    break;
  case 's':
    options.seconds = strtod(value, NULL);
    break;
  case 'w':
    options.warm_up_seconds = strtod(value, NULL);
    break;
  case 'n':
    wrong = text_parse_u64(str_of(value), VISITORS_MAX, &number) || number == 0;
    options.in_flight = (size_t)number;
    break;
  case 'p':
    wrong = text_parse_u64(str_of(value), 1u << 22, &number) || options.pids_count == PIDS_MAX;
    if (!wrong) options.pids[options.pids_count++] = (pid_t)number;
    break;
  default:
    wrong = true;
  }
  if (wrong) refuse(value ? value : "unknown option");
}

static const struct option option_table[] = {
    {"connect", required_argument, NULL, 'a'},
    {"codes", required_argument, NULL, 'c'},
    {"login", required_argument, NULL, 'l'},
    {"callback", required_argument, NULL, 'b'},
    {"once", required_argument, NULL, 'o'},
    {"session", required_argument, NULL, 'k'},
    {"host", required_argument, NULL, 'h'},
    {"rate", required_argument, NULL, 'r'},
    {"seconds", required_argument, NULL, 's'},
    {"warm-up", required_argument, NULL, 'w'},
    {"in-flight", required_argument, NULL, 'n'},
    {"pid", required_argument, NULL, 'p'},
    {NULL, 0, NULL, 0},
};

int main(int argc, char **argv) {
  for (int option; (option = getopt_long(argc, argv, "", option_table, NULL)) != -1;) set_option(option, optarg);
  if (optind < argc) refuse(argv[optind]);
  if (!options.address_bytes || !codes || (!options.once && !(options.login && options.callback))) refuse("something is missing");
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (epoll_fd < 0 || timer_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event)) leave("epoll");
  run();
  report(now_ns());
  return 0;
}
