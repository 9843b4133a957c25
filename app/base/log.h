/* SPDX-License-Identifier: Apache-2.0
 * log: one line per event, escaped, bounded, written with one write(2). Secrets are never passed here in the first place. */
#ifndef WEIGATE_BASE_LOG_H
#define WEIGATE_BASE_LOG_H

#include <stdbool.h>

#include "base/err.h"
#include "base/text.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_settings {
  enum log_level level;
  enum log_format format;
  const char *destination; /* "stderr", "syslog" or an absolute path (opened 0640, append) */
};

/* Opens the destination. Before it is called lines go to stderr at level info. Before threads start. */
int log_open(const struct log_settings *settings, struct err *err);
/* Opens a path destination anew after rotation (SIGUSR1). The descriptor is swapped by dup2, so that no line is lost. Any thread.
 */
void log_reopen(void);
/* Name put in front of each line: "master", "worker 2", …; per process. */
void log_name(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool log_would(enum log_level level);
/* Lines that could not be written (full disk, blocked pipe) since start. */
unsigned long log_lost_count(void);

/* printf-like; the resulting line passes text_printable() and is cut below 2 KiB; errno is kept. Any thread. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same at every level that is set: what an admin did to people and keys. Any thread. */
void log_audit(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) (log_would(LOG_LEVEL_DEBUG) ? log_line(LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)

#endif
