/* SPDX-License-Identifier: Apache-2.0
 * test_plugin: which files are loaded, which are refused, and with what sentence; options read with a plugin's own table. */
#include "kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct kit *kit;
static struct err err;
static char path[512];

static int setup(void **state) {
  void *made = NULL;
  (void)state;
  err.text[0] = '\0';
  unsetenv("MISFIT");
  if (kit_setup_closed(&made) != 0) return -1;
  kit = made;
  kit->settings.plugin = TEST_PLUGIN_DIR "/misfit.so";
  kit->settings.options_count = 0;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  void *made = kit;
  return kit_teardown(&made);
}

/* Loads it; -1 with err.text. */
static int load(void) {
  int result = plugin_load(&kit->settings, &kit->plugin, &err);
  if (result == 0) kit_close(kit);
  return result;
}

static void assert_says(const char *part) {
  if (!strstr(err.text, part)) fail_msg("\"%s\" does not say \"%s\"", err.text, part);
}

static void assert_refused(const char *part) {
  assert_int_equal(load(), -1);
  assert_says(part);
}

static void assert_misfit_refused(const char *misfit, const char *part) {
  setenv("MISFIT", misfit, 1);
  assert_refused(part);
}

static const char *in_directory(const char *name) {
  snprintf(path, sizeof(path), "%s/%s", kit->directory, name);
  return path;
}

static void write_file(const char *name, const void *bytes, size_t size) {
  int fd = open(in_directory(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, bytes, size), size);
  close(fd);
}

/* The first bytes of the test plugin under another name. */
static void copy_plugin(const char *name, size_t size_max) {
  static char bytes[4 * 1024 * 1024];
  int fd = open(TEST_PLUGIN_DIR "/misfit.so", O_RDONLY);
  ssize_t size = read(fd, bytes, sizeof(bytes));
  close(fd);
  assert_true(size > 0 && (size_t)size < sizeof(bytes));
  write_file(name, bytes, (size_t)size < size_max ? (size_t)size : size_max);
  kit->settings.plugin = path;
}

static void option(const char *name, const char *value) {
  kit->options[kit->settings.options_count] = (struct plugin_option){name, value, 12};
  kit->settings.options_count++;
}

/* --- files --- */

static void a_plugin_is_found_by_its_name(void **state) {
  (void)state;
  kit->settings.plugin = "misfit";
  assert_int_equal(plugin_load(&kit->settings, &kit->plugin, &err), 0);
  assert_string_equal(kit->plugin.path, TEST_PLUGIN_DIR "/misfit.so");
  assert_int_equal(strlen(kit->plugin.digest), 64);
  assert_string_equal(kit->plugin.desc->name, "misfit");
}

/* P01 */
static void a_relative_path_is_refused(void **state) {
  (void)state;
  kit->settings.plugin = "../misfit.so";
  assert_refused("absolute path");
  kit->settings.plugin = "Misfit";
  assert_refused("small letters");
  kit->settings.plugin = TEST_PLUGIN_DIR "/../"
                                         "x/misfit.so";
  assert_refused("without \".\" and \"..\"");
}

/* P01 */
static void a_symbolic_link_is_refused(void **state) {
  (void)state;
  assert_int_equal(symlink(TEST_PLUGIN_DIR "/misfit.so", in_directory("link.so")), 0);
  kit->settings.plugin = path;
  assert_refused("symbolic link");
}

/* P02 */
static void a_file_that_others_may_write_is_refused(void **state) {
  (void)state;
  copy_plugin("misfit.so", SIZE_MAX);
  assert_int_equal(load(), 0);
  assert_int_equal(chmod(path, 0775), 0);
  assert_refused("chmod go-w");
  assert_int_equal(chmod(path, 0757), 0);
  assert_refused("chmod go-w");
}

/* P02 */
static void a_directory_that_others_may_write_is_refused(void **state) {
  (void)state;
  copy_plugin("misfit.so", SIZE_MAX);
  assert_int_equal(chmod(kit->directory, 0777), 0);
  assert_refused("is writable by others, who could put another plugin there");
  assert_int_equal(chmod(kit->directory, 0700), 0);
  assert_int_equal(load(), 0);
}

/* P02 */
static void a_file_of_another_user_is_refused(void **state) {
  (void)state;
  if (geteuid() != 0) skip();
  copy_plugin("misfit.so", SIZE_MAX);
  assert_int_equal(chown(path, 65534, 65534), 0);
  assert_refused("belongs to user 65534");
}

static void a_missing_file_is_named(void **state) {
  (void)state;
  kit->settings.plugin = "absent";
  assert_refused("storage.plugin: there is no plugin \"absent\" in " TEST_PLUGIN_DIR);
  kit->settings.plugin = "fiel";
  kit->settings.asked_by = "--from";
  assert_refused("--from: there is no plugin \"fiel\" in " TEST_PLUGIN_DIR "; did you mean file?");
  kit->settings.plugin = TEST_PLUGIN_DIR "/absent.so";
  assert_refused("--from: " TEST_PLUGIN_DIR "/absent.so: No such file");
  kit->settings.plugin = "/nonexistent/dir/x.so";
  assert_refused("/nonexistent/dir");
}

/* P03 */
static void what_is_no_library_is_refused(void **state) {
  (void)state;
  write_file("empty.so", "", 0);
  kit->settings.plugin = path;
  assert_refused("is empty");
  write_file("text.so", "#!/bin/sh\necho hello, world, this is not a library at all\n", 58);
  assert_refused("text.so cannot be loaded: ");
  copy_plugin("cut.so", 2000);
  assert_refused("cut.so cannot be loaded: the file is cut short");
  assert_int_equal(mkdir(in_directory("directory.so"), 0755), 0);
  assert_refused("is not a regular file");
  rmdir(path);
}

/* P03 */
static void a_library_for_another_machine_is_refused(void **state) {
  (void)state;
  copy_plugin("other.so", SIZE_MAX);
  int fd = open(path, O_WRONLY);
  assert_int_equal(pwrite(fd, "\xb7\x00", 2, 18), 2); /* e_machine: AArch64 */
  close(fd);
  assert_refused("other.so cannot be loaded: ");
}

/* --- descriptions --- */

/* P04 */
static void a_wrong_description_is_refused_by_name(void **state) {
  (void)state;
  assert_misfit_refused("null", "does not work with this version");
  assert_misfit_refused("magic", "not a storage plugin");
  assert_misfit_refused("major", "interface 2, this weigate has 1");
  assert_misfit_refused("short", "24 bytes");
  assert_misfit_refused("empty", "0 bytes");
  assert_misfit_refused("huge", "2147483647 bytes");
  assert_misfit_refused("call", "lacks the call erase_people");
  assert_misfit_refused("name", "does not say its name");
  assert_misfit_refused("options", "table of options is broken");
}

/* P05 */
static void a_later_minor_version_is_loaded_unless_it_needs_a_later_host(void **state) {
  (void)state;
  setenv("MISFIT", "later", 1);
  assert_int_equal(load(), 0);
  assert_misfit_refused("minor", "needs storage interface 1.9");
}

static void a_renamed_plugin_is_refused(void **state) {
  (void)state;
  kit->settings.plugin = "misfit";
  assert_misfit_refused("renamed", "is the plugin \"other\", not \"misfit\"");
}

/* P07 */
static void a_failed_open_leaves_nothing_open(void **state) {
  (void)state;
  char link[64];
  ssize_t before = 0, after = 0;
  assert_int_equal(load(), 0);
  for (int fd = 3; fd < 256; fd++) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd), before += access(link, F_OK) == 0;
  option("server", "fail");
  assert_refused("test.conf: [plugin misfit]: server: no such server");
  for (int fd = 3; fd < 256; fd++) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd), after += access(link, F_OK) == 0;
  assert_int_equal(before, after);
}

static void an_odd_class_and_an_open_end_of_message_are_survived(void **state) {
  (void)state;
  assert_misfit_refused("open", "xxxxxxxx");
}

/* P15: both export the same name; each answers for itself. */
static void two_plugins_call_their_own_functions(void **state) {
  (void)state;
  struct plugin misfit, faulty;
  struct plugin_settings other = kit->settings;
  other.plugin = TEST_PLUGIN_DIR "/faulty.so";
  assert_int_equal(plugin_describe(&kit->settings, &misfit, &err), 0);
  assert_int_equal(plugin_describe(&other, &faulty, &err), 0);
  assert_string_equal(misfit.desc->name, "misfit");
  assert_string_equal(faulty.desc->name, "faulty");
  assert_ptr_not_equal(misfit.desc->open, faulty.desc->open);
  assert_int_equal(load(), 0);
  plugin_unload(&misfit);
  plugin_unload(&faulty);
}

/* P16: none, and more than a process can hold; the same name twice is refused by the configuration. In a process of its own. */
static void none_and_too_many_are_refused(void **state) {
  int status;
  (void)state;
  kit->settings.plugin = "";
  assert_refused("a plugin is given by its name");
  pid_t child = fork();
  if (child == 0) {
    for (unsigned i = 0; i < 65; i++) {
      char name[32];
      snprintf(name, sizeof(name), "copy%u.so", i);
      copy_plugin(name, SIZE_MAX);
      if (load() != 0) _exit(strstr(err.text, "different plugins are loaded already") ? 0 : 2);
    }
    _exit(3);
  }
  waitpid(child, &status, 0);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

/* --- options --- */

static void assert_option_refused(const char *name, const char *value, const char *part) {
  kit->settings.options_count = 0;
  option(name, value);
  assert_refused(part);
  assert_says("test.conf:12: ");
}

static void an_unknown_option_gets_a_hint(void **state) {
  (void)state;
  assert_option_refused("retry", "1", "no option \"retry\"");
  assert_option_refused("retris", "1", "did you mean \"retries\"?");
}

static void an_option_that_stands_there_twice_is_refused(void **state) {
  (void)state;
  option("server", "a");
  option("server", "b");
  assert_refused("server stands there twice");
}

static void odd_values_are_refused_with_what_is_expected(void **state) {
  (void)state;
  assert_option_refused("retries", "11", "retries = 11 is not a whole number, from -1 to 10");
  assert_option_refused("retries", "-2", "from -1 to 10");
  assert_option_refused("retries", "three", "a whole number");
  assert_option_refused("retries", "99999999999999999999", "a whole number");
  assert_option_refused("cache", "2G", "a size such as 64K, 256M or 1G, from 4K to 1G");
  assert_option_refused("patience", "5", "a duration such as");
  assert_option_refused("patience", "2m", "from 100ms to 1m");
  assert_option_refused("socket", "relative", "an absolute path");
  assert_option_refused("tls", "maybe", "one of off|auto|on");
  assert_option_refused("compress", "true", "yes or no");
}

static void a_secret_value_is_not_shown(void **state) {
  (void)state;
  assert_option_refused("password_bits", "canary77", "password_bits is not a whole number");
  assert_null(strstr(err.text, "canary77"));
}

static void a_required_option_is_asked_for(void **state) {
  (void)state;
  kit->settings.plugin = TEST_PLUGIN_DIR "/faulty.so";
  assert_refused("test.conf: [plugin faulty] needs control: ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_plugin_is_found_by_its_name),
      TEST(a_relative_path_is_refused),
      TEST(a_symbolic_link_is_refused),
      TEST(a_file_that_others_may_write_is_refused),
      TEST(a_directory_that_others_may_write_is_refused),
      TEST(a_file_of_another_user_is_refused),
      TEST(a_missing_file_is_named),
      TEST(what_is_no_library_is_refused),
      TEST(a_library_for_another_machine_is_refused),
      TEST(a_wrong_description_is_refused_by_name),
      TEST(a_later_minor_version_is_loaded_unless_it_needs_a_later_host),
      TEST(a_renamed_plugin_is_refused),
      TEST(a_failed_open_leaves_nothing_open),
      TEST(an_odd_class_and_an_open_end_of_message_are_survived),
      TEST(two_plugins_call_their_own_functions),
      TEST(none_and_too_many_are_refused),
      TEST(an_unknown_option_gets_a_hint),
      TEST(an_option_that_stands_there_twice_is_refused),
      TEST(odd_values_are_refused_with_what_is_expected),
      TEST(a_secret_value_is_not_shown),
      TEST(a_required_option_is_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
