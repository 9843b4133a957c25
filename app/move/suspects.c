/* SPDX-License-Identifier: Apache-2.0
 * suspects: the second look. The program's only thread. */
#include "move/suspects.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int suspects_add(struct suspects *suspects, const struct row *from, const struct row *to, struct err *err) {
  if (suspects->count == SUSPECTS_MAX) {
    suspects->untold++;
    return 0;
  }
  if (suspects->count == suspects->room) {
    size_t room = suspects->room ? 2 * suspects->room : 64;
    struct suspect *items = realloc(suspects->items, room * sizeof(*items));
    if (!items) return err_set(err, "out of memory");
    suspects->items = items;
    suspects->room = room;
  }
  struct suspect *suspect = &suspects->items[suspects->count++];
  const struct row *sides[SUSPECT_SIDES] = {from, to};
  *suspect = (struct suspect){.row = *(from ? from : to)};
  for (size_t i = 0; i < SUSPECT_SIDES; i++) {
    suspect->is_there[i] = sides[i] != NULL;
    if (sides[i]) suspect->digests[i] = sides[i]->digest;
  }
  return 0;
}

void suspects_done(struct suspects *suspects) {
  free(suspects->items);
  *suspects = (struct suspects){0};
}

static bool agrees(const struct suspect *suspect) {
  if (suspect->is_there[0] != suspect->is_there[1]) return false;
  return !suspect->is_there[0] || digest_is_equal(&suspect->digests[0], &suspect->digests[1]);
}

static void keep_those_that_differ(struct suspects *suspects) {
  size_t kept = 0;
  for (size_t i = 0; i < suspects->count; i++)
    if (!agrees(&suspects->items[i])) suspects->items[kept++] = suspects->items[i];
  suspects->count = kept;
}

/* --- by key --- */

/* Some suspects that one side is asked for. */
struct asking {
  struct suspect *items[PAGE_MAX];
  size_t count, side;
};

static void split_key(const struct suspect *suspect, struct weigate_text *ret_first, struct weigate_text *ret_second) {
  const char *first = (const char *)suspect->row.key + 1, *end = (const char *)suspect->row.key + suspect->row.key_size;
  const char *nul = memchr(first, '\0', (size_t)(end - first));
  if (!nul) nul = end - 1;
  *ret_first = (struct weigate_text){first, (size_t)(nul - first)};
  *ret_second = (struct weigate_text){nul + 1, (size_t)(end - nul) - 1};
}

static int note_person(void *context, size_t index, const struct weigate_person *person) {
  struct asking *asking = context;
  if (!person || index >= asking->count) return 0;
  asking->items[index]->is_there[asking->side] = true;
  asking->items[index]->digests[asking->side] = digest_person(person, clock_wall_us());
  return 0;
}

static int note_ticket(void *context, size_t index, const struct weigate_ticket *ticket) {
  struct asking *asking = context;
  if (!ticket || index >= asking->count) return 0;
  asking->items[index]->is_there[asking->side] = true;
  asking->items[index]->digests[asking->side] = digest_ticket(ticket);
  return 0;
}

static void forget_side(struct asking *asking) {
  for (size_t i = 0; i < asking->count; i++) asking->items[i]->is_there[asking->side] = false;
}

static int load_people(const struct end *end, struct weigate_call *call, void *context) {
  struct asking *asking = context;
  struct weigate_key keys[PAGE_MAX];
  for (size_t i = 0; i < asking->count; i++) {
    keys[i] = (struct weigate_key){.struct_size = sizeof(keys[i])};
    split_key(asking->items[i], &keys[i].appid, &keys[i].openid);
  }
  const struct weigate_keys batch = {
      .struct_size = sizeof(batch), .stride = sizeof(keys[0]), .count = asking->count, .items = keys};
  forget_side(asking);
  return end->plugin->desc->load_people(*end->handle, call, &batch, WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS, note_person,
                                        asking);
}

static int get_tickets(const struct end *end, struct weigate_call *call, void *context) {
  struct asking *asking = context;
  struct weigate_ticket keys[PAGE_MAX];
  for (size_t i = 0; i < asking->count; i++) {
    keys[i] = (struct weigate_ticket){.struct_size = sizeof(keys[i])};
    split_key(asking->items[i], &keys[i].kind, &keys[i].key);
  }
  const struct weigate_tickets batch = {
      .struct_size = sizeof(batch), .stride = sizeof(keys[0]), .count = asking->count, .items = keys};
  forget_side(asking);
  return end->plugin->tickets->get(*end->handle, call, &batch, note_ticket, asking);
}

static int ask(struct asking *asking, end_work work, const struct end *const ends[SUSPECT_SIDES], struct err *err) {
  for (asking->side = 0; asking->count && asking->side < SUSPECT_SIDES; asking->side++)
    if (end_call(ends[asking->side], "read what differs", work, asking, err) != 0) return -1;
  asking->count = 0;
  return 0;
}

static int ask_by_key(struct suspects *suspects, char letter, end_work work, const struct end *const ends[SUSPECT_SIDES],
                      struct err *err) {
  struct asking asking = {.count = 0};
  for (size_t i = 0; i < suspects->count; i++) {
    if (suspects->items[i].row.key[0] != (uint8_t)letter) continue;
    asking.items[asking.count++] = &suspects->items[i];
    if (asking.count == PAGE_MAX && ask(&asking, work, ends, err) != 0) return -1;
  }
  return ask(&asking, work, ends, err);
}

/* --- by a scan --- */

static int compare_suspects(const void *a, const void *b) {
  return row_compare(&((const struct suspect *)a)->row, &((const struct suspect *)b)->row);
}

static int scan_side(struct suspects *suspects, enum part part, const struct end *end, size_t side, int64_t since_us,
                     struct err *err) {
  const struct row *row;
  struct rows *rows = rows_open(end, part, since_us, 0, err);
  int result = rows ? rows_next(rows, &row, err) : -1;
  for (; result == 0 && row; result = rows_next(rows, &row, err)) {
    const struct suspect wanted = {.row = *row};
    struct suspect *found = bsearch(&wanted, suspects->items, suspects->count, sizeof(wanted), compare_suspects);
    if (!found) continue;
    found->is_there[side] = true;
    found->digests[side] = row->digest;
  }
  rows_close(rows);
  return result;
}

static bool has_letter(const struct suspects *suspects, char letter) {
  for (size_t i = 0; i < suspects->count; i++)
    if (suspects->items[i].row.key[0] == (uint8_t)letter) return true;
  return false;
}

int suspects_look_again(struct suspects *suspects, enum part part, const struct end *const ends[SUSPECT_SIDES], int64_t since_us,
                        struct err *err) {
  bool is_scanned = has_letter(suspects, ROW_EVENT) || has_letter(suspects, ROW_TOMBSTONE);
  if (suspects->count == 0) return 0;
  for (size_t i = 0; is_scanned && i < SUSPECT_SIDES; i++)
    if (scan_side(suspects, part, ends[i], i, since_us, err) != 0) return -1;
  if (ask_by_key(suspects, ROW_PERSON, load_people, ends, err) != 0) return -1;
  if (ask_by_key(suspects, ROW_TICKET, get_tickets, ends, err) != 0) return -1;
  keep_those_that_differ(suspects);
  return 0;
}
