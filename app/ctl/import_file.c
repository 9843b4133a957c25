/* SPDX-License-Identifier: Apache-2.0
 * import_file: reads blocks, cuts records out of them; the program's only thread. */
#include "ctl/import_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 65536

static struct str rest_of(const struct import_file *file) {
  return str_from(buf_str(&file->in), file->at);
}

/* Another block behind what is there; what was given out makes room. */
static int read_block(struct import_file *file, struct err *err) {
  struct str rest = rest_of(file);
  if (rest.n > 0) memmove(file->in.data, rest.p, rest.n);
  file->in.len = rest.n;
  file->at = 0;
  char *to = buf_reserve(&file->in, BLOCK_BYTES);
  if (!to) return err_set(err, "out of memory");
  ssize_t n;
  do n = read(file->fd, to, BLOCK_BYTES);
  while (n < 0 && errno == EINTR);
  if (n < 0) return err_set(err, "cannot read on: %m");
  buf_grew(&file->in, (size_t)n);
  file->is_ended = n == 0;
  return 0;
}

static size_t measure_line(struct str text, bool is_last) {
  const char *end = text.n > 0 ? memchr(text.p, '\n', text.n) : NULL;
  return end ? (size_t)(end - text.p) + 1 : is_last ? text.n : 0;
}

static size_t measure(const struct import_file *file, struct str text) {
  return file->format == IMPORT_CSV ? person_csv_measure(text, file->is_ended) : measure_line(text, file->is_ended);
}

static uint64_t count_lines(struct str text) {
  uint64_t count = 0;
  for (size_t i = 0; i < text.n; i++) count += text.p[i] == '\n';
  return count;
}

static void take(struct import_file *file, size_t n) {
  file->line += count_lines(str_make(file->in.data + file->at, n));
  file->at += n;
  file->taken += n;
}

/* What is longer than any record is passed over up to the end of its first line. */
static enum import_got skip_long(struct import_file *file, struct err *err) {
  while (measure_line(rest_of(file), file->is_ended) == 0 && !file->is_ended) {
    file->taken += rest_of(file).n;
    file->at = file->in.len;
    if (read_block(file, err) != 0) return IMPORT_FAILED;
  }
  take(file, measure_line(rest_of(file), file->is_ended));
  err_set(err, "it is longer than %d bytes%s", PERSON_TEXT_MAX_BYTES,
          file->format == IMPORT_CSV ? "; is a quote left open?" : "");
  return IMPORT_BAD;
}

/* One whole record as it stands in the file. */
static enum import_got next_record(struct import_file *file, struct str *ret_record, uint64_t *ret_line, struct err *err) {
  size_t n;
  while ((n = measure(file, rest_of(file))) == 0 && !file->is_ended && rest_of(file).n <= PERSON_TEXT_MAX_BYTES)
    if (read_block(file, err) != 0) return IMPORT_FAILED;
  *ret_line = file->line;
  if (n == 0 && file->is_ended && rest_of(file).n == 0) return IMPORT_END;
  if (n == 0 || n > PERSON_TEXT_MAX_BYTES) return skip_long(file, err);
  *ret_record = str_make(file->in.data + file->at, n);
  take(file, n);
  return IMPORT_RECORD;
}

static bool is_blank(struct str record) {
  for (size_t i = 0; i < record.n; i++)
    if (!strchr(" \t\r\n", record.p[i]) || record.p[i] == '\0') return false;
  return true;
}

enum import_got import_file_next(struct import_file *file, struct str *ret_json, uint64_t *ret_line, struct err *err) {
  struct str record;
  enum import_got got;
  do got = next_record(file, &record, ret_line, err);
  while (got == IMPORT_RECORD && is_blank(record));
  if (got != IMPORT_RECORD) return got;
  *ret_json = record;
  if (file->format == IMPORT_JSONL) return IMPORT_RECORD;
  buf_clear(&file->record);
  if (person_csv_to_json(&file->csv, record, &file->record, err) != 0) return IMPORT_BAD;
  *ret_json = buf_str(&file->record);
  return IMPORT_RECORD;
}

/* A JSON line begins with a brace; a byte order mark may stand before. */
static int guess_format(struct import_file *file, struct err *err) {
  if (read_block(file, err) != 0) return -1;
  struct str text = rest_of(file);
  if (str_starts(text, STR("\xEF\xBB\xBF"))) text = str_from(text, 3);
  while (text.n > 0 && strchr(" \t\r\n", text.p[0])) text = str_from(text, 1);
  if (file->format == IMPORT_GUESS) file->format = text.n == 0 || text.p[0] == '{' ? IMPORT_JSONL : IMPORT_CSV;
  return 0;
}

static int read_head(struct import_file *file, struct err *err) {
  struct str record = STR_NONE;
  uint64_t line;
  if (file->format != IMPORT_CSV) return 0;
  enum import_got got = next_record(file, &record, &line, err);
  if (got == IMPORT_END) return err_set(err, "it is empty; a CSV file begins with the names of its columns");
  return got == IMPORT_RECORD ? person_csv_read_head(record, &file->csv, err) : -1;
}

int import_file_open(const char *path, enum import_format format, struct import_file *ret_file, struct err *err) {
  struct import_file file = {.format = format, .line = 1};
  bool is_stdin = str_eq(str_of(path), STR("-"));
  struct stat st;
  file.fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (file.fd < 0 || fstat(file.fd, &st) != 0) return err_set(err, "cannot open %s: %m", path);
  if (S_ISDIR(st.st_mode)) {
    close(file.fd);
    return err_set(err, "%s is a folder", path);
  }
  if (S_ISREG(st.st_mode)) file.size = (uint64_t)st.st_size;
  buf_init(&file.in, PERSON_TEXT_MAX_BYTES + 2 * BLOCK_BYTES);
  buf_init(&file.record, 2 * PERSON_TEXT_MAX_BYTES);
  if (guess_format(&file, err) == 0 && read_head(&file, err) == 0) {
    *ret_file = file;
    return 0;
  }
  import_file_close(&file);
  return err_prefix(err, "%s", is_stdin ? "standard input" : path);
}

void import_file_close(struct import_file *file) {
  close(file->fd);
  person_csv_done(&file->csv);
  buf_done(&file->in);
  buf_done(&file->record);
}
