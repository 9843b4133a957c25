/* SPDX-License-Identifier: Apache-2.0
 * verify: both ends give their rows in key order, so one walk beside the other finds each key that only one has, or has
 * otherwise; nothing but those is kept. The program's only thread. */
#include "move/verify.h"

#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "move/mark.h"
#include "move/suspects.h"
#include "store/host.h"

/* Rows between two words about how far it is. */
#define TELL_EVERY 1024
/* A write to both stores is in both after this, unless one of them is down. */
#define SECOND_LOOK_MS 500
/* Tickets that end during the walk would be missing in the store that is read later. */
#define TICKETS_ALIVE_US INT64_C(60000000)
/* What a second look at events and tombstones goes back, before the first began: as far as clocks may differ. */
#define LOOK_BACK_US WEIGATE_FUTURE_MAX_US

const char *const verify_group_names[VERIFY_GROUPS] = {"people", "erasures", "events", "tickets"};
const char *const verify_why_names[VERIFY_WHYS] = {"missing", "extra", "differs"};

/* One end of the walk. */
struct side {
  const struct end *end;
  struct rows *rows;
  const struct row *row; /* NULL behind the last */
  struct row before;
};

struct verifying {
  const struct verify_settings *settings;
  struct verify_result result;
  struct suspects suspects;
  enum part part;
  struct side from, to;
  size_t untold;
  uint64_t total;
};

static enum verify_group group_of(const struct row *row) {
  static const struct {
    char letter;
    enum verify_group group;
  } groups[VERIFY_GROUPS] = {
      {ROW_PERSON, VERIFY_PEOPLE}, {ROW_TOMBSTONE, VERIFY_ERASURES}, {ROW_EVENT, VERIFY_EVENTS}, {ROW_TICKET, VERIFY_TICKETS}};
  size_t i = 0;
  while (i < VERIFY_GROUPS - 1 && row->key[0] != (uint8_t)groups[i].letter) i++;
  return groups[i].group;
}

/* --- the walk --- */

static int advance(struct side *side, struct err *err) {
  bool has_before = side->row != NULL;
  if (has_before) side->before = *side->row;
  if (rows_next(side->rows, &side->row, err) != 0) return -1;
  if (has_before && side->row && row_compare(&side->before, side->row) >= 0)
    return err_set(err, "%s gives its records out of order; a plugin must not (weigatectl plugins check)", side->end->name);
  return 0;
}

static int take(struct verifying *verifying, struct side *side, struct digest_sum *sum, struct err *err) {
  digest_add(sum, &side->row->digest);
  if (++verifying->untold == TELL_EVERY) {
    verifying->settings->tell(verifying->settings->context, verifying->part, verifying->untold, verifying->total);
    verifying->untold = 0;
  }
  return advance(side, err);
}

/* Takes the lesser key from where it is. */
static int walk_one(struct verifying *v, struct err *err) {
  struct side *from = &v->from, *to = &v->to;
  int order = !to->row ? -1 : !from->row ? 1 : row_compare(from->row, to->row);
  const struct row *in_from = order <= 0 ? from->row : NULL, *in_to = order >= 0 ? to->row : NULL;
  enum verify_group group = group_of(in_from ? in_from : in_to);
  bool is_same = in_from && in_to && digest_is_equal(&in_from->digest, &in_to->digest);
  if (!is_same && suspects_add(&v->suspects, in_from, in_to, err) != 0) return -1;
  if (in_from && take(v, from, &v->result.groups[group].from, err) != 0) return -1;
  return in_to ? take(v, to, &v->result.groups[group].to, err) : 0;
}

static bool is_stopped(const struct verifying *verifying) {
  return verifying->settings->from.is_stopped && verifying->settings->from.is_stopped();
}

static int walk(struct verifying *v, struct err *err) {
  if (advance(&v->from, err) != 0 || advance(&v->to, err) != 0) return -1;
  while (v->from.row || v->to.row) {
    if (walk_one(v, err) != 0) return -1;
    if (is_stopped(v)) return err_set(err, "stopped; nothing is known yet of what was not reached");
  }
  return 0;
}

/* --- what differs --- */

static enum verify_why why_of(const struct suspect *suspect) {
  if (!suspect->is_there[0]) return VERIFY_EXTRA;
  return suspect->is_there[1] ? VERIFY_DIFFERS : VERIFY_MISSING;
}

static struct weigate_text slice(const struct row *row, size_t first, size_t end) {
  return (struct weigate_text){(const char *)row->key + first, end > first ? end - first : 0};
}

static void describe(const struct row *row, struct verify_difference *ret) {
  const uint8_t *nul = memchr(row->key + 1, '\0', row->key_size - 1u);
  size_t middle = nul ? (size_t)(nul - row->key) : row->key_size;
  host_services.digest(row->key, row->key_size, ret->name.bytes);
  ret->group = group_of(row);
  switch (ret->group) {
  case VERIFY_PEOPLE:
    ret->appid = slice(row, 1, middle);
    ret->openid = slice(row, middle + 1, row->key_size);
    break;
  case VERIFY_TICKETS:
    ret->kind = slice(row, 1, middle);
    ret->key = slice(row, middle + 1, row->key_size);
    break;
  case VERIFY_EVENTS:
    ret->event_at_us = (int64_t)bytes_get_u64(row->key + 1);
    ret->id = slice(row, 9, row->key_size);
    break;
  case VERIFY_ERASURES:
    ret->id = slice(row, 1, row->key_size);
    break;
  }
}

static void tell_differences(struct verifying *v, enum part part) {
  static const enum verify_group first_groups[PART_COUNT] = {VERIFY_PEOPLE, VERIFY_EVENTS, VERIFY_TICKETS};
  for (size_t i = 0; i < v->suspects.count; i++) {
    struct verify_difference difference = {.why = why_of(&v->suspects.items[i])};
    describe(&v->suspects.items[i].row, &difference);
    v->result.groups[difference.group].counts[difference.why]++;
    v->settings->differs(v->settings->context, &difference);
  }
  v->result.groups[first_groups[part]].counts[VERIFY_DIFFERS] += v->suspects.untold;
}

static int look_again(struct verifying *v, enum part part, int64_t begun_us, struct err *err) {
  const struct end *const ends[SUSPECT_SIDES] = {&v->settings->from, &v->settings->to};
  if (v->suspects.count == 0) return 0;
  end_pause(&v->settings->from, SECOND_LOOK_MS);
  return suspects_look_again(&v->suspects, part, ends, begun_us - LOOK_BACK_US, err);
}

/* --- parts --- */

static int open_side(struct side *side, const struct end *end, enum part part, struct err *err) {
  *side = (struct side){.end = end};
  side->rows = rows_open(end, part, 0, clock_wall_us() + TICKETS_ALIVE_US, err);
  return side->rows ? 0 : -1;
}

static int verify_part(struct verifying *v, enum part part, struct err *err) {
  int64_t begun_us = clock_wall_us();
  v->part = part;
  v->settings->tell(v->settings->context, part, 0, part == PART_PEOPLE ? v->total : 0);
  int result = open_side(&v->from, &v->settings->from, part, err);
  if (result == 0) result = open_side(&v->to, &v->settings->to, part, err);
  if (result == 0) result = walk(v, err);
  rows_close(v->from.rows);
  rows_close(v->to.rows);
  v->from = v->to = (struct side){0};
  if (result == 0) result = look_again(v, part, begun_us, err);
  if (result == 0) tell_differences(v, part);
  suspects_done(&v->suspects);
  return result;
}

static int refuse_half(const struct verifying *v, struct err *err) {
  struct copy_mark mark;
  bool is_found = false;
  if (mark_load(&v->settings->to, &is_found, &mark, err) != 0) return -1;
  if (!is_found || mark.is_done) return 0;
  return err_set(err, "%s holds only a part of %s: the copy that began %s has not ended; run it again to finish it",
                 v->settings->to.name, mark.from, mark_begun(&mark).text);
}

static int judge(const struct verifying *v, struct err *err) {
  uint64_t counts[VERIFY_WHYS] = {0}, all = 0;
  for (size_t i = 0; i < VERIFY_GROUPS; i++)
    for (size_t j = 0; j < VERIFY_WHYS; j++) {
      counts[j] += v->result.groups[i].counts[j];
      all += v->result.groups[i].counts[j];
    }
  if (all == 0) return 0;
  return err_set(err, "%s and %s differ: %llu records are missing in %s, %llu are only there, %llu are not the same",
                 v->settings->from.name, v->settings->to.name, (unsigned long long)counts[VERIFY_MISSING], v->settings->to.name,
                 (unsigned long long)counts[VERIFY_EXTRA], (unsigned long long)counts[VERIFY_DIFFERS]);
}

static int add_estimate(const struct end *end, struct weigate_call *call, void *context) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  int class = end->plugin->desc->health(*end->handle, call, &health);
  if (class == WEIGATE_OK) *(uint64_t *)context += health.people_estimate;
  return class;
}

int verify_run(const struct verify_settings *settings, struct verify_result *ret_result, struct err *err) {
  struct verifying verifying = {.settings = settings};
  int result = refuse_half(&verifying, err);
  if (result == 0) result = end_call(&settings->from, "ask for its health", add_estimate, &verifying.total, err);
  if (result == 0) result = end_call(&settings->to, "ask for its health", add_estimate, &verifying.total, err);
  for (enum part part = 0; result == 0 && part < PART_COUNT; part++) result = verify_part(&verifying, part, err);
  *ret_result = verifying.result;
  return result == 0 ? judge(&verifying, err) : result;
}
