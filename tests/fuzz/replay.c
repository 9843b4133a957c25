/* SPDX-License-Identifier: Apache-2.0
 * replay: runs a fuzz target over the files and folders named as arguments, or over its own corpus folder; a fuzzing engine
 * brings its own main() instead. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#ifndef WEIGATE_FUZZ_ENGINE

/* Larger than any input a target is meant for. */
#define INPUT_MAX_BYTES (16u << 20)

static unsigned long replayed_count;

static int fail(const char *path, const char *why) {
  fprintf(stderr, "%s: %s\n", path, why);
  return -1;
}

/* Exactly as many bytes as the file has, so that a sanitizer sees a read behind them. */
static uint8_t *read_file(const char *path, size_t size) {
  uint8_t *data = malloc(size ? size : 1);
  FILE *file = fopen(path, "rb");
  size_t got = data && file ? fread(data, 1, size, file) : size + 1;
  if (file) fclose(file);
  if (got == size) return data;
  free(data);
  return NULL;
}

static int replay_file(const char *path, size_t size) {
  if (size > INPUT_MAX_BYTES) return fail(path, "too large for a seed");
  uint8_t *data = read_file(path, size);
  if (!data) return fail(path, strerror(errno));
  printf("%s\n", path);
  fflush(stdout); /* the last name printed is the one that failed */
  LLVMFuzzerTestOneInput(data, size);
  free(data);
  replayed_count++;
  return 0;
}

static int replay_path(const char *path);

static int replay_folder(const char *path) {
  struct dirent **entries;
  int count = scandir(path, &entries, NULL, alphasort);
  if (count < 0) return fail(path, strerror(errno));
  int result = 0;
  for (int i = 0; i < count; i++) {
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.' && replay_path(file) != 0) result = -1;
    free(entries[i]);
  }
  free(entries);
  return result;
}

static int replay_path(const char *path) {
  struct stat st;
  if (stat(path, &st) != 0) return fail(path, strerror(errno));
  return S_ISDIR(st.st_mode) ? replay_folder(path) : replay_file(path, (size_t)st.st_size);
}

/* fuzz_utf8 belongs to corpus/utf8 beside this file; make check names the source folder in $srcdir. */
static int replay_own_corpus(const char *program) {
  const char *source = getenv("srcdir"), *name = strstr(program, "fuzz_");
  for (const char *later = name; later; later = strstr(later + 1, "fuzz_")) name = later;
  if (!name) return fail(program, "name the corpus folder as an argument");
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source ? source : ".", name + strlen("fuzz_"));
  return replay_path(path);
}

int main(int argc, char **argv) {
  int result = argc > 1 ? 0 : replay_own_corpus(argv[0]);
  for (int i = 1; i < argc; i++)
    if (replay_path(argv[i]) != 0) result = -1;
  if (replayed_count == 0) result = fail(argv[0], "not one seed was found");
  printf("%lu replayed\n", replayed_count);
  return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
