/* SPDX-License-Identifier: Apache-2.0
 * import_file: a file or standard input as a row of JSON objects with line numbers, whether it holds JSON Lines or CSV. */
#ifndef WEIGATE_CTL_IMPORT_FILE_H
#define WEIGATE_CTL_IMPORT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/person_csv.h"

enum import_format { IMPORT_JSONL, IMPORT_CSV, IMPORT_GUESS }; /* the first two as in the choices of --format */

struct import_file {
  int fd;
  enum import_format format;
  struct person_csv csv;
  struct buf in; /* read and not yet given out from `at` on */
  size_t at;
  struct buf record; /* a CSV record as JSON */
  uint64_t line;     /* number of the next line */
  uint64_t size;     /* of the file in bytes, 0 where it has none */
  uint64_t taken;    /* bytes given out */
  bool is_ended;
};

/* Opens the path, "-" for standard input. Files are told apart by their first byte where the format is to be guessed. The head of
 * a CSV file is read here. */
int import_file_open(const char *path, enum import_format format, struct import_file *ret_file, struct err *err);
void import_file_close(struct import_file *file);

enum import_got { IMPORT_RECORD, IMPORT_BAD, IMPORT_END, IMPORT_FAILED };
/* The next record as JSON, valid until the next call, and the line it begins in. IMPORT_BAD: that one cannot be read (err says
 * why), go on; IMPORT_FAILED: nothing more can be read. Empty lines are passed over. */
enum import_got import_file_next(struct import_file *file, struct str *ret_json, uint64_t *ret_line, struct err *err);

#endif
