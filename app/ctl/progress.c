/* SPDX-License-Identifier: Apache-2.0
 * progress: bar, rate, time left, and keeping to a rate; the program's only thread. */
#include "ctl/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/scope.h"
#include "ctl/term.h"

/* Redrawn often enough to look alive and rarely enough to cost nothing; a log file gets a line a minute. */
#define REDRAW_MS    200
#define QUIET_MS     1000
#define LINE_EACH_MS 60000
/* A line of the bar: what, numbers, rate, time left, and the bar in what a terminal's width leaves. */
#define LINE_MAX_BYTES  512
#define BAR_CELLS_MAX   40
#define BAR_CELLS_MIN   10
#define COLUMNS_DEFAULT 80

static volatile sig_atomic_t interrupted;

static void note_interrupt(int signal_number) {
  (void)signal_number;
  interrupted = 1;
}

void progress_catch_signals(void) {
  struct sigaction action = {.sa_handler = note_interrupt};
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

bool progress_is_interrupted(void) {
  return interrupted != 0;
}

void progress_pause(uint64_t ms) {
  const struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  if (!interrupted) clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* 1234567 as "1,234,567". */
static void add_count(struct buf *out, uint64_t count) {
  char digits[32];
  int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)count);
  for (int i = 0; i < n; i++) {
    buf_add_char(out, digits[i]);
    if (i + 1 < n && (n - i - 1) % 3 == 0) buf_add_char(out, ',');
  }
}

static size_t measure_columns(void) {
  struct winsize size;
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
}

/* How much of the way is done, in whatever measures it; whole 0: nobody knows. */
static void measure_way(const struct progress *progress, uint64_t *ret_part, uint64_t *ret_whole) {
  bool by_parts = progress->parts_total > 0;
  *ret_whole = by_parts ? progress->parts_total : progress->total;
  *ret_part = by_parts ? progress->parts_done : progress->done;
  if (*ret_part > *ret_whole) *ret_part = *ret_whole;
}

/* "51,200 of 1,000,000 people, 12,345/s, 1m 17s left" */
static void add_numbers(struct buf *out, const struct progress *progress, uint64_t now_ms) {
  uint64_t took_ms = now_ms - progress->started_ms, part, whole;
  measure_way(progress, &part, &whole);
  add_count(out, progress->done);
  if (progress->total > 0) buf_add_text(out, " of ");
  if (progress->total > 0) add_count(out, progress->total);
  buf_addf(out, " %s, ", progress->unit);
  add_count(out, took_ms > 0 ? progress->done * 1000 / took_ms : 0);
  buf_add_text(out, "/s");
  if (part == 0 || part == whole) return;
  buf_add_text(out, ", ");
  term_add_span(out, (uint64_t)((double)took_ms * (double)(whole - part) / (double)part / 1000) + 1);
  buf_add_text(out, " left");
}

static void add_bar(struct buf *out, const struct progress *progress, size_t cells) {
  uint64_t part, whole;
  measure_way(progress, &part, &whole);
  size_t full = (size_t)((double)part / (double)whole * (double)cells);
  buf_add_text(out, " [");
  for (size_t i = 0; i < cells; i++) buf_add_char(out, i < full ? '#' : '.');
  buf_add_char(out, ']');
}

static void draw(struct progress *progress, uint64_t now_ms) {
  struct buf line SCOPE_BUF, numbers SCOPE_BUF;
  buf_init(&line, LINE_MAX_BYTES);
  buf_init(&numbers, LINE_MAX_BYTES);
  add_numbers(&numbers, progress, now_ms);
  buf_add_text(&line, progress->what);
  size_t taken = line.len + numbers.len + 5,
         columns = measure_columns(); /* blank, two brackets, blank, and the last column free */
  bool is_measured = progress->total > 0 || progress->parts_total > 0;
  if (progress->is_terminal && is_measured && columns >= taken + BAR_CELLS_MIN)
    add_bar(&line, progress, columns - taken < BAR_CELLS_MAX ? columns - taken : BAR_CELLS_MAX);
  buf_add_char(&line, ' ');
  buf_add_str(&line, buf_str(&numbers));
  if (progress->is_terminal && line.len >= columns) line.len = columns - 1;
  fprintf(stderr, progress->is_terminal ? "\r\033[K%.*s" : "%.*s\n", STR_ARG(buf_str(&line)));
  fflush(stderr);
  progress->drawn_ms = now_ms;
  progress->is_drawn = true;
}

/* Until what is done is no more than the rate permits in the time since the start. */
static void keep_rate(struct progress *progress) {
  while (progress->rate_max > 0 && !interrupted) {
    uint64_t due_ms = progress->started_ms + progress->done * 1000 / progress->rate_max, now_ms = clock_mono_ms();
    if (due_ms <= now_ms) return;
    uint64_t pause_ms = due_ms - now_ms < REDRAW_MS ? due_ms - now_ms : REDRAW_MS;
    progress_pause(pause_ms);
    if (progress->is_terminal && progress->is_drawn) draw(progress, clock_mono_ms());
  }
}

void progress_start(struct progress *progress, const char *what, const char *unit, uint64_t total, uint64_t rate_max) {
  *progress = (struct progress){.what = what,
                                .unit = unit,
                                .total = total,
                                .rate_max = rate_max,
                                .started_ms = clock_mono_ms(),
                                .is_terminal = isatty(STDERR_FILENO) == 1};
  progress->drawn_ms = progress->started_ms;
}

void progress_add(struct progress *progress, uint64_t count) {
  progress_add_part(progress, count, 0);
}

void progress_add_part(struct progress *progress, uint64_t count, uint64_t parts) {
  uint64_t now_ms = clock_mono_ms();
  uint64_t each_ms = !progress->is_terminal ? LINE_EACH_MS : progress->is_drawn ? REDRAW_MS : QUIET_MS;
  progress->done += count;
  progress->parts_done += parts;
  if (now_ms - progress->drawn_ms >= each_ms) draw(progress, now_ms);
  keep_rate(progress);
}

void progress_end(struct progress *progress) {
  if (progress->is_terminal && progress->is_drawn) fputs("\r\033[K", stderr);
  progress->is_drawn = false;
}
