/* SPDX-License-Identifier: Apache-2.0
 * test_log: each event is one line, wherever it goes, and a reader that has stopped stops nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

static char folder[64], path[96], text[1 << 20];

static int make_folder(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/test_log.XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/log", folder);
  clock_hold(1795340013, 0);
  clock_advance_ms(123);
  log_name("worker %d", 2);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char old[128];
  snprintf(old, sizeof old, "%s.1", path);
  clock_release();
  log_open(&(struct log_settings){.level = LOG_LEVEL_INFO, .destination = "stderr"}, NULL);
  unlink(path);
  unlink(old);
  return rmdir(folder);
}

static void open_log(enum log_level level, enum log_format format) {
  struct err err = {""};
  struct log_settings settings = {.level = level, .format = format, .destination = path};
  if (log_open(&settings, &err) != 0) fail_msg("%s", err.text);
}

static const char *read_file(const char *name) {
  int fd = open(name, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[n > 0 ? n : 0] = '\0';
  return text;
}

static size_t count_lines(const char *lines) {
  size_t count = 0;
  for (; *lines; lines++) count += *lines == '\n';
  return count;
}

static void line_holds_time_level_process_and_message(void **state) {
  (void)state;
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
  log_info("listening on %s", "/run/weigate.sock");
  log_error("gone");
  assert_string_equal(read_file(path), "2026-11-22T09:33:33.123Z info  worker 2: listening on /run/weigate.sock\n"
                                       "2026-11-22T09:33:33.123Z error worker 2: gone\n");
}

static void json_line_is_an_object_with_four_members(void **state) {
  (void)state;
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
  log_warn("nickname \"%s\"", "a\\b\n张");
  struct cJSON *object;
  const char *why;
  struct str value;
  read_file(path);
  assert_int_equal(count_lines(text), 1);
  assert_int_equal(json_parse_object(str_of(text), &object, &why), 0);
  assert_int_equal(json_get_string(object, "message", &value), JSON_GOT);
  assert_true(str_eq(value, STR("nickname \"a\\b\\x0a张\"")));
  assert_int_equal(json_get_string(object, "level", &value), JSON_GOT);
  assert_true(str_eq(value, STR("warn")));
  assert_int_equal(json_get_string(object, "process", &value), JSON_GOT);
  assert_true(str_eq(value, STR("worker 2")));
  assert_int_equal(json_get_string(object, "time", &value), JSON_GOT);
  assert_true(str_eq(value, STR("2026-11-22T09:33:33.123Z")));
  json_free(object);
}

static void Z13_text_from_outside_cannot_make_a_second_line(void **state) {
  (void)state;
  for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
    open_log(LOG_LEVEL_INFO, (enum log_format)format);
    log_info("nickname %s", "x\r\n2026-11-22T09:33:00.000Z info  master: all is well\x1b[2J\xC2\x85\xE2\x80\xA8\xE2\x80\xAE");
    assert_int_equal(count_lines(read_file(path)), 1);
    for (const char *at = text; at[0] && at[1]; at++) assert_true((unsigned char)*at >= 0x20);
    unlink(path);
  }
}

static void Z14_format_directives_in_text_are_literal(void **state) {
  (void)state;
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
  log_info("%s", "%n%s%x%99999d");
  assert_non_null(strstr(read_file(path), "worker 2: %n%s%x%99999d\n"));
}

static void long_line_is_cut_between_characters(void **state) {
  (void)state;
  char *name = malloc(30001);
  for (int i = 0; i < 10000; i++) memcpy(name + 3 * i, "张", 3);
  name[30000] = '\0';
  for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
    open_log(LOG_LEVEL_INFO, (enum log_format)format);
    log_info("x%s", name);
    assert_true(strlen(read_file(path)) < 2048);
    assert_null(strstr(text, "\\x"));
    assert_int_equal(count_lines(text), 1);
    unlink(path);
  }
  memset(name, '"', 30000);
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
  log_info("%s", name);
  assert_true(strlen(read_file(path)) < PIPE_BUF);
  assert_int_equal(count_lines(text), 1);
  free(name);
}

static void lines_below_the_level_are_not_written(void **state) {
  (void)state;
  open_log(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
  log_info("quiet");
  log_debug("quieter");
  assert_false(log_would(LOG_LEVEL_INFO));
  log_warn("loud");
  assert_int_equal(count_lines(read_file(path)), 1);
  open_log(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
  log_debug("heard");
  assert_int_equal(count_lines(read_file(path)), 2);
}

static void file_is_private_to_owner_and_group(void **state) {
  (void)state;
  struct stat st;
  umask(0);
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_mode & 0777, 0640);
}

static void bad_destinations_are_named(void **state) {
  (void)state;
  struct err err;
  assert_int_equal(log_open(&(struct log_settings){.destination = "/nonexistent/weigate.log"}, &err), -1);
  assert_non_null(strstr(err.text, "cannot open /nonexistent/weigate.log: No such file or directory"));
  assert_int_equal(log_open(&(struct log_settings){.destination = "weigate.log"}, &err), -1);
  assert_non_null(strstr(err.text, "\"weigate.log\" is not stderr, syslog or an absolute path"));
  assert_int_equal(log_open(&(struct log_settings){.destination = NULL}, &err), -1);
}

static void errno_is_kept(void **state) {
  (void)state;
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
  errno = ENOENT;
  log_info("failed: %m");
  assert_int_equal(errno, ENOENT);
  assert_non_null(strstr(read_file(path), "No such file or directory"));
}

static void reopen_after_rotation_writes_to_the_new_file(void **state) {
  (void)state;
  char old[128];
  snprintf(old, sizeof old, "%s.1", path);
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
  log_info("before");
  assert_int_equal(rename(path, old), 0);
  log_info("between");
  log_reopen();
  log_info("after");
  assert_int_equal(count_lines(read_file(old)), 2);
  assert_non_null(strstr(read_file(path), "after"));
  assert_int_equal(count_lines(text), 1);
}

/* X14 */
static void full_disk_costs_lines_and_nothing_else(void **state) {
  (void)state;
  unsigned long before = log_lost_count();
  assert_int_equal(log_open(&(struct log_settings){.level = LOG_LEVEL_INFO, .destination = "/dev/full"}, NULL), 0);
  log_info("no room");
  log_info("still no room");
  assert_int_equal(log_lost_count() - before, 2);
}

/* X14 */
static void pipe_that_nobody_reads_stops_nobody(void **state) {
  (void)state;
  int fds[2], saved = dup(STDERR_FILENO);
  unsigned long before = log_lost_count();
  assert_int_equal(pipe(fds), 0);
  dup2(fds[1], STDERR_FILENO);
  int result = log_open(&(struct log_settings){.level = LOG_LEVEL_INFO, .destination = "stderr"}, NULL);
  for (int i = 0; i < 5000; i++) /* 5,000 lines of 60 bytes are more than the 64 KiB of a pipe */
    log_info("line %d", i);
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(fds[1]);
  log_open(&(struct log_settings){.level = LOG_LEVEL_INFO, .destination = path}, NULL);
  size_t lines = 0;
  ssize_t n;
  while ((n = read(fds[0], text, sizeof text - 1)) > 0) {
    text[n] = '\0';
    lines += count_lines(text);
  }
  close(fds[0]);
  assert_int_equal(result, 0);
  assert_true(lines > 100);
  assert_int_equal(log_lost_count() - before, 5000 - lines); /* each line is either whole or counted */
}

static void *write_many(void *arg) {
  for (int i = 0; i < 2000; i++) log_info("thread %s says %d", (const char *)arg, i);
  return NULL;
}

static void threads_do_not_mix_their_lines(void **state) {
  (void)state;
  open_log(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
  pthread_t threads[3];
  static const char *const names[] = {"A", "B", "C"};
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, write_many, (void *)names[i]);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  size_t count = 0;
  struct str rest = str_of(read_file(path)), line;
  while (str_split(&rest, '\n', &line) && line.n > 0) {
    assert_true(str_starts(line, STR("2026-11-22T09:33:33.123Z info  worker 2: thread ")));
    count++;
  }
  assert_int_equal(count, 6000);
}

#define log_test(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
  const struct CMUnitTest tests[] = {
      log_test(line_holds_time_level_process_and_message),
      log_test(json_line_is_an_object_with_four_members),
      log_test(Z13_text_from_outside_cannot_make_a_second_line),
      log_test(Z14_format_directives_in_text_are_literal),
      log_test(long_line_is_cut_between_characters),
      log_test(lines_below_the_level_are_not_written),
      log_test(file_is_private_to_owner_and_group),
      log_test(bad_destinations_are_named),
      log_test(errno_is_kept),
      log_test(reopen_after_rotation_writes_to_the_new_file),
      log_test(full_disk_costs_lines_and_nothing_else),
      log_test(pipe_that_nobody_reads_stops_nobody),
      log_test(threads_do_not_mix_their_lines),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
