/* SPDX-License-Identifier: Apache-2.0
 * look: reads /proc/self and asks libc. */
#include "kit/look.h"

#include <dirent.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit/promise.h"

static size_t count_entries(const char *path) {
  size_t count = 0;
  DIR *directory = opendir(path);
  assert_non_null(directory);
  while (readdir(directory)) count++;
  closedir(directory);
  return count - 2; /* . and .. */
}

/* FNV-1a, to compare and for nothing else. */
static uint64_t hash(uint64_t seed, const void *bytes, size_t size) {
  uint64_t h = seed ? seed : UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < size; i++) h = (h ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
  return h;
}

static uint64_t hash_signals(void) {
  uint64_t h = 0;
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, NULL, &blocked);
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action = {0};
    int is_blocked = sigismember(&blocked, number);
    if (sigaction(number, NULL, &action) != 0) continue;
    h = hash(h, &action.sa_handler, sizeof(action.sa_handler));
    h = hash(h, &is_blocked, sizeof(is_blocked));
  }
  return h;
}

static uint64_t hash_environment(void) {
  uint64_t h = 0;
  for (char **variable = environ; variable && *variable; variable++) h = hash(h, *variable, strlen(*variable) + 1);
  return h;
}

static uint64_t resident(void) {
  unsigned long long total = 0, pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  assert_non_null(file);
  int read = fscanf(file, "%llu %llu", &total, &pages);
  fclose(file);
  assert_int_equal(read, 2);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void look_take(struct look *ret_look) {
  const char *locale = setlocale(LC_ALL, NULL);
  *ret_look = (struct look){.descriptors = count_entries("/proc/self/fd"),
                            .threads = count_entries("/proc/self/task"),
                            .resident_bytes = resident(),
                            .environment = hash_environment(),
                            .signals = hash_signals(),
                            .locale = hash(0, locale, strlen(locale)),
                            .umask = umask(022)};
  umask(ret_look->umask);
  assert_non_null(getcwd(ret_look->directory, sizeof(ret_look->directory)));
}

void look_compare(const struct look *before, const struct look *after) {
  assert_int_equal(after->descriptors, before->descriptors);
  assert_int_equal(after->threads, before->threads);
  assert_true(after->environment == before->environment);
  assert_true(after->signals == before->signals);
  assert_true(after->locale == before->locale);
  assert_int_equal(after->umask, before->umask);
  assert_string_equal(after->directory, before->directory);
}
