/* SPDX-License-Identifier: Apache-2.0
 * person_csv: CSV as RFC 4180 has it, safe to open in a spreadsheet, and back into the JSON that person_text reads. */
#ifndef WEIGATE_STORE_PERSON_CSV_H
#define WEIGATE_STORE_PERSON_CSV_H

#include "store/person_text.h"

/* Columns of one file: ours, and those of whatever it was exported from. */
#define PERSON_CSV_COLUMNS_MAX 128

/* The names of person_columns, and one person under them; with a line feed. A cell that a spreadsheet would take for a formula
 * (it begins with = + - @, their full-width forms, tab, carriage return or line feed) gets an apostrophe in front, and so does
 * one that begins with an apostrophe. Any thread. */
void person_csv_add_head(struct buf *out);
void person_csv_add(struct buf *out, const struct weigate_person *person);

/* Length of the first record with its line end, quotes respected; 0: it is not whole yet (is_last: what is left is whole). Any
 * thread. */
size_t person_csv_measure(struct str text, bool is_last);

/* The head of a file: the names, in their order. */
struct person_csv {
  struct buf memory; /* the names, each with a NUL */
  size_t names[PERSON_CSV_COLUMNS_MAX];
  size_t count;
};
/* Reads the first record. Refused with a sentence: an empty or repeated name, too many, a quote out of place. */
int person_csv_read_head(struct str record, struct person_csv *ret_csv, struct err *err);
void person_csv_done(struct person_csv *csv);
const char *person_csv_name(const struct person_csv *csv, size_t column);

/* Appends the record as one JSON object: empty cells are left out, the apostrophe in front is taken off, cells of JSON columns go
 * in as they are. Refused with a sentence: another number of cells than the head has, a quote out of place. Any thread. */
int person_csv_to_json(const struct person_csv *csv, struct str record, struct buf *out, struct err *err);

#endif
