/* SPDX-License-Identifier: Apache-2.0
 * log: lines to stderr, a file or syslog; log_line() may be called by any thread and never waits for the reader of a pipe. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"

/* A line's message after escaping, bytes. Doubled by JSON quoting and with time, level and name in front (under 200 bytes) it
 * stays below PIPE_BUF (4,096), so that one write(2) to a pipe is not torn. */
#define LOG_MESSAGE_BYTES 1900
#define LOG_LINE_BYTES    PIPE_BUF
/* "worker 12", "drainer of worker 12" */
#define LOG_NAME_BYTES 48

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const int syslog_levels[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

static atomic_int level_now = LOG_LEVEL_INFO;
static atomic_ulong lost_count;
static enum log_format format_now = LOG_FORMAT_TEXT;
static bool to_syslog;
static int log_fd = STDERR_FILENO;
static char log_path[PATH_MAX]; /* "" unless the destination is a file */
static char process_name[LOG_NAME_BYTES];

/* A pipe on stderr is opened anew for ourselves, because O_NONBLOCK set on the inherited description would change it for
 * everybody who shares it. Where that is not permitted, the look with poll(2) before each line remains. */
static int open_stderr(void) {
  struct stat st;
  if (fstat(STDERR_FILENO, &st) == 0 && S_ISFIFO(st.st_mode)) {
    int fd = open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0) return fd;
  }
  return STDERR_FILENO;
}

static int open_path(const char *path) {
  return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* False when a write would wait: a pipe, terminal or socket whose reader has stopped. Files are always ready. */
static bool is_writable(int fd) {
  struct pollfd look = {.fd = fd, .events = POLLOUT};
  return poll(&look, 1, 0) == 1 && (look.revents & POLLOUT);
}

static void write_line(struct str line) {
  int fd = log_fd;
  ssize_t n = -1;
  if (is_writable(fd)) {
    do n = write(fd, line.p, line.n);
    while (n < 0 && errno == EINTR);
  }
  if (n != (ssize_t)line.n) atomic_fetch_add(&lost_count, 1);
}

static void add_time(struct buf *line) {
  char stamp[32];
  int64_t us = clock_wall_us();
  text_rfc3339(stamp, us / 1000000);
  buf_addf(line, "%.19s.%03dZ", stamp, (int)(us / 1000 % 1000));
}

static void add_text_line(struct buf *line, enum log_level level, struct str message) {
  add_time(line);
  buf_addf(line, " %-5s ", level_names[level]);
  if (process_name[0]) buf_addf(line, "%s: ", process_name);
  buf_add_str(line, message);
}

static void add_json_line(struct buf *line, enum log_level level, struct str message) {
  buf_add_text(line, "{\"time\":\"");
  add_time(line);
  buf_addf(line, "\",\"level\":\"%s\",\"process\":", level_names[level]);
  json_add_string(line, str_of(process_name));
  buf_add_text(line, ",\"message\":");
  json_add_string(line, message);
  buf_add_char(line, '}');
}

static void write_message(enum log_level level, struct str message) {
  if (to_syslog) {
    syslog(syslog_levels[level], "%s%s%.*s", process_name, process_name[0] ? ": " : "", STR_ARG(message));
    return;
  }
  struct buf line;
  buf_init(&line, LOG_LINE_BYTES);
  if (format_now == LOG_FORMAT_JSON)
    add_json_line(&line, level, message);
  else
    add_text_line(&line, level, message);
  buf_add_char(&line, '\n');
  if (line.failed)
    atomic_fetch_add(&lost_count, 1);
  else
    write_line(buf_str(&line));
  buf_done(&line);
}

int log_open(const struct log_settings *settings, struct err *err) {
  struct str destination = str_of(settings->destination);
  bool is_path = str_starts(destination, STR("/"));
  int fd = STDERR_FILENO;
  if (is_path) {
    if (destination.n >= sizeof log_path) return err_set(err, "log.destination: the path is longer than %d bytes", PATH_MAX - 1);
    fd = open_path(settings->destination);
    if (fd < 0)
      return err_set(err, "log.destination: cannot open %s: %m; create its folder or change its owner", settings->destination);
  } else if (str_eq(destination, STR("stderr"))) {
    fd = open_stderr();
  } else if (!str_eq(destination, STR("syslog"))) {
    return err_set(err, "log.destination: \"%s\" is not stderr, syslog or an absolute path",
                   settings->destination ? settings->destination : "");
  }
  if (log_fd != STDERR_FILENO) close(log_fd);
  log_fd = fd;
  to_syslog = str_eq(destination, STR("syslog"));
  if (to_syslog) openlog("weigate", LOG_PID | LOG_NDELAY, LOG_DAEMON);
  str_copy(is_path ? destination : STR_NONE, log_path, sizeof log_path);
  format_now = settings->format;
  atomic_store(&level_now, settings->level);
  return 0;
}

void log_reopen(void) {
  if (!log_path[0]) return;
  int fd = open_path(log_path);
  if (fd < 0 || dup3(fd, log_fd, O_CLOEXEC) < 0) log_warn("log: cannot open %s anew: %m; lines go on to the old file", log_path);
  if (fd >= 0) close(fd);
}

void log_name(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(process_name, sizeof process_name, format, args);
  va_end(args);
}

bool log_would(enum log_level level) {
  return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

unsigned long log_lost_count(void) {
  return atomic_load(&lost_count);
}

static void write_args(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static void write_args(enum log_level level, const char *format, va_list args) {
  int saved_errno = errno;
  char raw[LOG_MESSAGE_BYTES + 4]; /* room to see whether the cut falls into a code point */
  int n = vsnprintf(raw, sizeof raw, format, args);
  struct buf message;
  buf_init(&message, LOG_MESSAGE_BYTES);
  if (n > 0) text_printable(&message, str_make(raw, utf8_cut(str_of(raw), LOG_MESSAGE_BYTES)), LOG_MESSAGE_BYTES);
  write_message(level, buf_str(&message));
  buf_done(&message);
  errno = saved_errno;
}

void log_line(enum log_level level, const char *format, ...) {
  va_list args;
  if (!log_would(level)) return;
  va_start(args, format);
  write_args(level, format, args);
  va_end(args);
}

void log_audit(const char *format, ...) {
  va_list args;
  va_start(args, format);
  write_args(LOG_LEVEL_INFO, format, args);
  va_end(args);
}
