/* SPDX-License-Identifier: Apache-2.0
 * manners: what a plugin leaves alone in a process that is not its own, and what it keeps to itself. */
#include "kit/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "kit/look.h"

#define CANARY "Canary77"

static void record_somebody(void) {
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  struct weigate_event event = kit_event("o1", kit_now_us(), 1);
  kit_record(kit, &person, &event, NULL);
}

static void the_process_is_left_as_it_was(void) {
  struct look before, after;
  umask(022);
  kit_open(kit); /* once before: libraries keep what they opened for good, a source of random numbers for example */
  record_somebody();
  kit_close(kit);
  look_take(&before);
  kit_open(kit);
  struct look during;
  record_somebody();
  look_take(&during);
  during.descriptors = before.descriptors;
  during.threads = before.threads;
  look_compare(&before, &during);
  kit_close(kit);
  look_take(&after);
  look_compare(&before, &after);
}

static void its_first_opening_changes_no_setting_of_the_process(void) {
  struct look before, after;
  look_take(&before);
  kit_open(kit);
  record_somebody();
  look_take(&after);
  after.descriptors = before.descriptors;
  after.threads = before.threads;
  look_compare(&before, &after);
}

static void every_descriptor_is_closed_on_exec(void) {
  bool was_open[1024];
  for (int fd = 0; fd < 1024; fd++) was_open[fd] = fcntl(fd, F_GETFD) >= 0;
  kit_open(kit);
  record_somebody();
  for (int fd = 0; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && !was_open[fd]) assert_true(flags & FD_CLOEXEC);
  }
}

/* --- what it says --- */

/* Everything the plugin logs, from debug on, goes to a file. */
static void log_to_file(void) {
  struct err err = {{0}};
  struct log_settings settings = {.level = LOG_LEVEL_DEBUG, .format = LOG_FORMAT_TEXT, .destination = kit_beside("log")};
  if (log_open(&settings, &err) != 0) fail_msg("%s", err.text);
}

/* Reads at most 1 MiB; terminated, the caller's. */
static char *read_file(const char *path) {
  size_t size = 1 << 20, used = 0;
  char *text = calloc(1, size + 1);
  ssize_t n;
  SCOPE_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
  assert_true(text && fd >= 0);
  while (used < size && (n = read(fd, text + used, size - used)) > 0) used += (size_t)n;
  return text;
}

static void assert_log_lacks_canary(void) {
  char *text = read_file(kit_beside("log"));
  assert_null(strstr(text, CANARY));
  free(text);
}

static void nothing_is_printed(void) {
  struct stat file;
  log_to_file();
  SCOPE_CLOSE int fd = open(kit_beside("printed"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0);
  kit_open(kit);
  record_somebody();
  struct weigate_person bad = kit_person("", kit_now_us(), 1);
  kit_record(kit, &bad, NULL, NULL);
  kit_close(kit);
  fflush(stdout);
  assert_int_equal(fstat(fd, &file), 0);
  assert_int_equal(file.st_size, 0);
}

static void assert_message_lacks_canary(void) {
  assert_non_null(memchr(kit->call.message, '\0', sizeof(kit->call.message)));
  assert_null(strstr(kit->call.message, CANARY));
}

static void refuse_nicknames(void) {
  static char longest[WEIGATE_NICKNAME_MAX + 100];
  memset(longest, 'x', sizeof(longest));
  memcpy(longest, CANARY, strlen(CANARY));
  struct weigate_person person = kit_person("o" CANARY, kit_now_us(), 1);
  person.nickname = kit_text(CANARY);
  person.token_sealed = kit_text(CANARY);
  kit_record(kit, &person, NULL, NULL);
  assert_message_lacks_canary();
  person.nickname = (struct weigate_text){longest, sizeof(longest)};
  kit_record(kit, &person, NULL, NULL);
  assert_message_lacks_canary();
  person.nickname = kit_text(CANARY "\xff");
  kit_record(kit, &person, NULL, NULL);
  assert_message_lacks_canary();
}

static void refuse_keys(void) {
  struct weigate_key key = {.struct_size = sizeof(key), .appid = kit_text("wx" CANARY), .openid = kit_text("o" CANARY "\xff")};
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(key), .count = 1, .items = &key};
  assert_int_equal(kit->plugin.desc->load_people(kit->handle, kit_call(kit), &keys, 0, NULL, NULL), WEIGATE_INVALID);
  assert_true(kit->call.message[0] != '\0');
  assert_message_lacks_canary();
  struct weigate_scan scan = {.struct_size = sizeof(scan), .limit = 10, .cursor_size = 10};
  memcpy(scan.cursor, CANARY "xx", 10);
  assert_int_equal(kit->plugin.desc->scan_people(kit->handle, kit_call(kit), &scan, NULL, NULL), WEIGATE_INVALID);
  assert_message_lacks_canary();
}

static void messages_and_log_hold_nothing_about_people(void) {
  log_to_file();
  kit_open(kit);
  refuse_nicknames();
  refuse_keys();
  kit_erase(kit, "o" CANARY, kit_stamp(kit_now_us(), 2));
  assert_message_lacks_canary();
  kit_close(kit);
  assert_log_lacks_canary();
}

static const struct weigate_option *secret_option(const struct weigate_storage_plugin *desc) {
  for (uint32_t i = 0; i < desc->option_count; i++) {
    const struct weigate_option *option = (const void *)((const char *)desc->options + (size_t)i * desc->option_stride);
    if (option->flags & WEIGATE_OPTION_SECRET && option->type == WEIGATE_TYPE_TEXT) return option;
  }
  return NULL;
}

/* Where an option is secret its value is not in any sentence, however wrong it is. */
static void secret_values_are_not_shown(void) {
  struct plugin described;
  struct err err = {{0}};
  struct weigate_handle *handle = NULL;
  if (plugin_describe(&kit->settings, &described, &err) != 0) fail_msg("%s", err.text);
  const struct weigate_option *secret = secret_option(described.desc); /* the plugin's own, which stays */
  plugin_unload(&described);
  if (!secret) skip_because("no option is secret");
  log_to_file();
  for (size_t i = 0; i < kit->settings.options_count; i++)
    if (strcmp(kit->options[i].name, secret->name) == 0) kit->options[i].value = "host=" CANARY " password=" CANARY;
  int class = WEIGATE_CONFIG;
  if (plugin_load(&kit->settings, &kit->plugin, &err) == 0) {
    class = plugin_connect(&kit->plugin, kit_call(kit), &handle);
    assert_message_lacks_canary();
  }
  assert_int_not_equal(class, WEIGATE_OK);
  assert_null(strstr(err.text, CANARY));
  assert_log_lacks_canary();
}

/* --- odd surroundings --- */

static int try_connect(void) {
  struct weigate_handle *handle = NULL;
  int class = plugin_connect(&kit->plugin, kit_call(kit), &handle);
  if (handle) plugin_disconnect(&kit->plugin, handle);
  return class;
}

static void without_descriptors_it_fails_and_recovers(void) {
  struct rlimit limit, none;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  int lowest = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  close(lowest);
  none = (struct rlimit){(rlim_t)lowest, limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  int connected = try_connect();
  struct weigate_person person = kit_person("o1", kit_now_us(), 1);
  int recorded = kit_try_record(kit, &person, NULL);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_true(connected == WEIGATE_OK || kit->call.message[0] || recorded == WEIGATE_OK);
  assert_int_equal(try_connect(), WEIGATE_OK);
  assert_int_equal(kit_record(kit, &person, NULL, NULL), recorded == WEIGATE_OK ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_NEW);
}

static void do_nothing(int number) {
  (void)number;
}

/* Signals of the host's arrive at any time; system calls are interrupted. */
static void interruptions_are_no_errors(void) {
  struct sigaction action = {.sa_handler = do_nothing};
  struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
  assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
  assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
  for (unsigned i = 0; i < 200; i++) {
    char openid[16];
    snprintf(openid, sizeof(openid), "o%u", i);
    struct weigate_person person = kit_person(openid, kit_now_us(), i + 1);
    assert_int_equal(kit_record(kit, &person, NULL, NULL), WEIGATE_ITEM_NEW);
    assert_string_not_equal(kit_state_of(kit, openid), "nobody");
  }
  setitimer(ITIMER_REAL, &never, NULL);
}

static const struct kit_check checks[] = {
    {CHECK(the_process_is_left_as_it_was), .numbers = "97", .is_closed = true},
    {CHECK(its_first_opening_changes_no_setting_of_the_process), .numbers = "97", .is_closed = true},
    {CHECK(every_descriptor_is_closed_on_exec), .numbers = "98", .is_closed = true, .hint = "O_CLOEXEC, SOCK_CLOEXEC, \"re\""},
    {CHECK(nothing_is_printed), .numbers = "97", .is_closed = true,
     .hint = "descriptors 0 to 2 are the host's; there is host->log"},
    {CHECK(messages_and_log_hold_nothing_about_people), .numbers = "99", .is_closed = true,
     .hint = "a message says what is wrong, not with whose record"},
    {CHECK(secret_values_are_not_shown), .numbers = "18", .is_closed = true},
    {CHECK(without_descriptors_it_fails_and_recovers), .numbers = "84", .level = KIT_FULL},
    {CHECK(interruptions_are_no_errors), .numbers = "84", .level = KIT_FULL,
     .hint = "a system call that returns EINTR is called again"},
};

const struct kit_chapter kit_manners = {"manners", checks, sizeof checks / sizeof checks[0]};
