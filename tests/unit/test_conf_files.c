/* SPDX-License-Identifier: Apache-2.0
 * test_conf_files: which files of secrets are read, and which are refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"

#define MINIMAL "[account]\nappid = wx1\nsecret_file = /s\npublic_url = https://a.example\n"

static char folder[] = "/tmp/weigate-conf-XXXXXX";
static struct conf *conf;
static struct err err;

static char *write_file(const char *name, const char *text, mode_t mode) {
  static char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  assert_int_equal(fchmod(fd, mode), 0);
  close(fd);
  return path;
}

static int make_folder(void **state) {
  (void)state;
  umask(022);
  if (!mkdtemp(folder) || seal_start(NULL) != 0) return -1;
  write_file("keys", "1111111111111111111111111111111111111111111111111111111111111111\n", 0640);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  char path[128];
  snprintf(path, sizeof path, "%s/keys", folder);
  unlink(path);
  return rmdir(folder);
}

static int forget(void **state) {
  (void)state;
  conf_free(conf);
  conf = NULL;
  return 0;
}

static int load_with_secret(const char *path) {
  char text[512];
  snprintf(text, sizeof text,
           "[account]\nappid = wx1\nsecret_file = %s\npublic_url = https://a.example\n[session]\nkeys_file = %s/keys\n", path,
           folder);
  forget(NULL);
  return conf_parse(str_of(text), "weigate.conf", 0, &conf, &err);
}

static void assert_secret_refused(const char *path, const char *words) {
  assert_int_equal(load_with_secret(path), -1);
  if (!strstr(err.text, words)) fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void secret_and_keys_are_read(void **state) {
  (void)state;
  char *path = write_file("secret", "s3cret\n", 0600);
  if (load_with_secret(path) != 0) fail_msg("%s", err.text);
  assert_string_equal(conf->accounts[0].secret, "s3cret");
  assert_int_equal(seal_keys_count(conf->session.keys), 1);
  unlink(path);
}

static void secret_that_others_can_read_or_write_is_refused(void **state) {
  (void)state;
  static const struct {
    mode_t mode;
    const char *words;
  } rows[] = {{0644, "can be read by everybody (mode 0644); chmod 0640"},
              {0602, "can be written by everybody"},
              {0660, "can be written by its group"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *path = write_file("secret", "s3cret\n", rows[i].mode);
    assert_secret_refused(path, rows[i].words);
    assert_non_null(strstr(err.text, "weigate.conf:3: account.secret_file"));
    unlink(path);
  }
}

static void secret_that_is_no_plain_file_is_refused_at_once(void **state) { /* G05 */
  (void)state;
  char path[128], link[128];
  snprintf(path, sizeof path, "%s/fifo", folder);
  snprintf(link, sizeof link, "%s/link", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(symlink("/etc/hostname", link), 0);
  assert_secret_refused(path, "is not a regular file");
  assert_secret_refused(link, "is a symbolic link");
  assert_secret_refused(folder, "is not a regular file");
  assert_secret_refused("/dev/zero", "is not a regular file");
  assert_secret_refused("/nonexistent", "cannot open /nonexistent");
  unlink(path);
  unlink(link);
}

static void secret_with_odd_content_is_refused(void **state) {
  (void)state;
  static const char *const odd[] = {"", "\n", "two words\n", "two\nlines\n", "tab\t\n"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    char *path = write_file("secret", odd[i], 0600);
    assert_secret_refused(path, "secret");
    unlink(path);
  }
}

static void secret_stays_out_of_the_sentence(void **state) {
  (void)state;
  char *path = write_file("secret", "s3cret with blanks\n", 0600);
  assert_int_equal(load_with_secret(path), -1);
  assert_null(strstr(err.text, "s3cret"));
  unlink(path);
}

static void configuration_that_everybody_may_write_is_refused(void **state) {
  (void)state;
  char *path = write_file("weigate.conf", MINIMAL, 0646);
  assert_int_equal(conf_load(path, CONF_WITHOUT_SECRETS, &conf, &err), -1);
  assert_non_null(strstr(err.text, "can be written by everybody (mode 0646)"));
  unlink(path);
}

/* G12: what was looked at is what is read, however often the name comes to mean another file in between. */
static atomic_bool swaps;

static void *swap_files(void *arg) {
  char bad[256], good[256], name[256];
  (void)arg;
  snprintf(bad, sizeof bad, "%s/bad", folder);
  snprintf(good, sizeof good, "%s/good", folder);
  snprintf(name, sizeof name, "%s/swapped", folder);
  while (swaps) {
    renameat2(AT_FDCWD, bad, AT_FDCWD, name, RENAME_EXCHANGE);
    renameat2(AT_FDCWD, good, AT_FDCWD, name, RENAME_EXCHANGE);
  }
  return NULL;
}

static void file_that_is_swapped_between_look_and_read_is_never_believed(void **state) {
  static const char *const names[] = {"good", "bad", "swapped"};
  pthread_t thread;
  char path[256];
  int read_count = 0;
  (void)state;
  if (getenv("WEIGATE_TEST_PATIENCE")) skip(); /* valgrind runs one thread at a time, and neither of these ever waits */
  write_file("good", "11111111111111111111111111111111\n", 0600);
  write_file("bad", "22222222222222222222222222222222\n", 0644);
  snprintf(path, sizeof path, "%s", write_file("swapped", "11111111111111111111111111111111\n", 0600));
  swaps = true;
  assert_int_equal(pthread_create(&thread, NULL, swap_files, NULL), 0);
  for (int i = 0; i < 5000; i++) {
    if (load_with_secret(path) != 0) continue;
    read_count++;
    assert_string_equal(conf->accounts[0].secret, "11111111111111111111111111111111");
    forget(NULL);
  }
  swaps = false;
  pthread_join(thread, NULL);
  assert_true(read_count > 0);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(file_that_is_swapped_between_look_and_read_is_never_believed, forget),
      cmocka_unit_test_teardown(secret_and_keys_are_read, forget),
      cmocka_unit_test_teardown(secret_that_others_can_read_or_write_is_refused, forget),
      cmocka_unit_test_teardown(secret_that_is_no_plain_file_is_refused_at_once, forget),
      cmocka_unit_test_teardown(secret_with_odd_content_is_refused, forget),
      cmocka_unit_test_teardown(secret_stays_out_of_the_sentence, forget),
      cmocka_unit_test_teardown(configuration_that_everybody_may_write_is_refused, forget),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
