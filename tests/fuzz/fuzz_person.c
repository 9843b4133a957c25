/* SPDX-License-Identifier: Apache-2.0
 * fuzz_person: whatever a file for people import holds, a record that is read is written and read again as the same one, in both
 * forms. */
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "store/person_csv.h"
#include "store/person_text.h"

static void check_same(struct str line, const struct weigate_person *was) {
  struct person_text text;
  struct buf once, twice;
  struct err err = {""};
  FUZZ_CHECK(person_text_read(line, &text, &err) == 0);
  buf_init(&once, 4 * PERSON_TEXT_MAX_BYTES);
  buf_init(&twice, 4 * PERSON_TEXT_MAX_BYTES);
  person_text_add_json(&once, was);
  person_text_add_json(&twice, &text.person);
  FUZZ_CHECK(str_eq(buf_str(&once), buf_str(&twice)));
  buf_done(&once);
  buf_done(&twice);
  person_text_done(&text);
}

static void check_json(const struct weigate_person *person) {
  struct buf line;
  buf_init(&line, 4 * PERSON_TEXT_MAX_BYTES);
  person_text_add_json(&line, person);
  FUZZ_CHECK(!line.failed && utf8_is_valid(buf_str(&line)) && !str_has(buf_str(&line), '\n'));
  check_same(buf_str(&line), person);
  buf_done(&line);
}

static void check_csv(const struct weigate_person *person) {
  struct buf file, line;
  struct person_csv csv;
  struct err err = {""};
  buf_init(&file, 4 * PERSON_TEXT_MAX_BYTES);
  buf_init(&line, 4 * PERSON_TEXT_MAX_BYTES);
  person_csv_add_head(&file);
  size_t head = file.len;
  person_csv_add(&file, person);
  FUZZ_CHECK(!file.failed && person_csv_measure(buf_str(&file), false) == head);
  FUZZ_CHECK(person_csv_read_head(str_make(file.data, head), &csv, &err) == 0);
  struct str record = str_from(buf_str(&file), head);
  FUZZ_CHECK(person_csv_measure(record, false) == record.n && person_csv_to_json(&csv, record, &line, &err) == 0);
  check_same(buf_str(&line), person);
  person_csv_done(&csv);
  buf_done(&file);
  buf_done(&line);
}

/* The input as a CSV file: whatever its cells say, an object of JSON or a refusal comes of them. */
static void check_as_csv(struct str input) {
  struct person_csv csv;
  struct buf line;
  struct err err = {""};
  size_t n = person_csv_measure(input, true);
  FUZZ_CHECK(n <= input.n);
  if (person_csv_read_head(str_make(input.p, n), &csv, &err) != 0) return;
  buf_init(&line, 4 * PERSON_TEXT_MAX_BYTES);
  for (input = str_from(input, n); (n = person_csv_measure(input, true)) > 0; input = str_from(input, n)) {
    struct person_text text;
    buf_clear(&line);
    if (person_csv_to_json(&csv, str_make(input.p, n), &line, &err) != 0) continue;
    if (person_text_read(buf_str(&line), &text, &err) == 0) person_text_done(&text);
  }
  person_csv_done(&csv);
  buf_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str input = str_make((const char *)data, size);
  struct person_text text;
  struct err err = {""};
  if (size > PERSON_TEXT_MAX_BYTES / 8) return 0; /* what is written may grow eightfold */
  if (person_text_read(input, &text, &err) == 0) {
    check_json(&text.person);
    check_csv(&text.person);
    person_text_done(&text);
  }
  check_as_csv(input);
  return 0;
}
