/* SPDX-License-Identifier: Apache-2.0
 * copy: passes over the parts of a store, and the mark that tells how far they are. The program's only thread. */
#include "move/copy.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/scope.h"
#include "move/known.h"
#include "move/mark.h"
#include "store/kinds.h"

/* How often the mark is written: so much is copied again after a kill, at the price of a commit. */
#define MARK_EVERY_MS 1000
/* A later pass looks this much further back than the one before began: as far as clocks may differ, and longer than any write
 * takes to become visible. */
#define OVERLAP_US WEIGATE_FUTURE_MAX_US
/* A source that is written to without a mirror changes for ever. */
#define PASSES_MAX 12
/* Kinds that a later version may have beside those of this one are not known, so not copied. */
#define KINDS_MAX 16

struct copy {
  const struct copy_settings *settings;
  struct copy_result result;
  struct copy_mark mark;
  struct page *page;
  uint64_t marked_ms;
  uint64_t ticket_cursors[KINDS_MAX];
  uint64_t people_estimate;
  int64_t first_event_us; /* of this pass */
};

/* --- how far it is --- */

static void note_place(struct copy *copy, enum part part, const struct place *place) {
  copy->mark.part = part;
  copy->mark.cursor_size = place->cursor_size;
  memcpy(copy->mark.cursor, place->cursor, sizeof(copy->mark.cursor));
}

static int save_mark(struct copy *copy, struct err *err) {
  copy->marked_ms = clock_mono_ms();
  return mark_save(&copy->settings->to, &copy->mark, err);
}

static int save_mark_sometimes(struct copy *copy, struct err *err) {
  return clock_mono_ms() - copy->marked_ms < MARK_EVERY_MS ? 0 : save_mark(copy, err);
}

/* Events lie in the order of time: how much of it is behind us tells how many there may be. */
static uint64_t estimate_events(const struct copy *copy, uint64_t done) {
  const struct page *page = copy->page;
  if (page->count == 0 || copy->first_event_us == 0) return 0;
  double behind = (double)(page->events[page->count - 1].event_at_us - copy->first_event_us);
  double all = (double)(clock_wall_us() - copy->first_event_us);
  return behind <= 0 || all <= behind ? 0 : (uint64_t)((double)done * all / behind);
}

static uint64_t estimate(const struct copy *copy, enum part part, uint64_t done) {
  bool is_first = copy->mark.pass == 1;
  if (part == PART_PEOPLE) return is_first ? copy->people_estimate : 0;
  return part == PART_EVENTS ? estimate_events(copy, done) : 0;
}

static int refuse_stopped(const struct copy *copy, struct err *err) {
  return err_set(err, "stopped; %s holds only a part of %s", copy->settings->to.name, copy->settings->from.name);
}

static bool is_stopped(const struct copy *copy) {
  return copy->settings->from.is_stopped && copy->settings->from.is_stopped();
}

/* --- one part --- */

/* A page that was read, on to the target. */
static int put_read(struct copy *copy, enum part part, uint64_t *done, struct err *err) {
  struct put_count *count = &copy->result.counts[part];
  size_t read = copy->page->count;
  uint64_t known = 0;
  *done += read;
  uint64_t total = estimate(copy, part, *done);
  if (known_drop(copy->page, &copy->settings->to, &known, err) != 0) return -1;
  count->read += known;
  count->same += known;
  if (put_page(copy->page, &copy->settings->to, count, err) != 0) return -1;
  copy->mark.copied += read;
  if (read) copy->settings->tell(copy->settings->context, part, copy->mark.pass, read, total);
  return 0;
}

static int copy_records(struct copy *copy, enum part part, struct err *err) {
  const struct page_question question = {.part = part,
                                         .want = part == PART_PEOPLE ? WEIGATE_WANT_TOKEN | WEIGATE_WANT_ERASED : 0,
                                         .since_us = copy->mark.since_us,
                                         .limit = copy->settings->page_limit};
  struct place place = {.cursor_size = copy->mark.part == part ? copy->mark.cursor_size : 0};
  uint64_t done = 0;
  memcpy(place.cursor, copy->mark.cursor, sizeof(place.cursor));
  do {
    if (page_read(copy->page, &copy->settings->from, &question, &place, err) != 0) return -1;
    if (part == PART_EVENTS && done == 0 && copy->page->count) copy->first_event_us = copy->page->events[0].event_at_us;
    if (put_read(copy, part, &done, err) != 0) return -1;
    note_place(copy, part, &place);
    if (is_stopped(copy)) return refuse_stopped(copy, err);
    if (place.cursor_size && save_mark_sometimes(copy, err) != 0) return -1;
  } while (place.cursor_size);
  return 0;
}

/* Tickets of a kind come in the order they were written: a later pass goes on where the one before ended. */
static int copy_kind(struct copy *copy, size_t kind, uint64_t *done, struct err *err) {
  const struct page_question question = {.part = PART_TICKETS, .kind = kinds[kind].name, .limit = copy->settings->page_limit};
  struct place place = {.ticket_cursor = copy->ticket_cursors[kind]};
  bool moves;
  do {
    uint64_t before = place.ticket_cursor;
    if (page_read(copy->page, &copy->settings->from, &question, &place, err) != 0) return -1;
    if (put_read(copy, PART_TICKETS, done, err) != 0) return -1;
    copy->ticket_cursors[kind] = place.ticket_cursor;
    if (is_stopped(copy)) return refuse_stopped(copy, err);
    moves = place.ticket_cursor != before;
  } while (moves);
  return 0;
}

static int copy_tickets(struct copy *copy, enum part part, struct err *err) {
  uint64_t done = 0;
  (void)part;
  for (size_t i = 0; i < kinds_count && i < KINDS_MAX; i++)
    if (kinds[i].is_copied && copy_kind(copy, i, &done, err) != 0) return -1;
  return 0;
}

/* --- passes --- */

static const struct {
  int (*copy)(struct copy *copy, enum part part, struct err *err);
} parts[PART_COUNT] = {[PART_PEOPLE] = {copy_records}, [PART_EVENTS] = {copy_records}, [PART_TICKETS] = {copy_tickets}};

/* The sentence that is there, and what to do. */
static int advise_again(struct err *err) {
  struct err why = *err;
  return err_set(err, "%s; the same command goes on where it stopped", why.text);
}

static int run_pass(struct copy *copy, struct err *err) {
  static const struct place beginning;
  for (enum part part = copy->mark.part; part < PART_COUNT; part++) {
    copy->settings->tell(copy->settings->context, part, copy->mark.pass, 0, estimate(copy, part, 0));
    if (parts[part].copy(copy, part, err) != 0) return advise_again(err);
    note_place(copy, part + 1, &beginning);
    if (save_mark(copy, err) != 0) return advise_again(err);
  }
  copy->result.passes++;
  return 0;
}

/* What is refused once is refused in each pass that meets it. */
static void count_refused_once(struct copy *copy, const uint64_t before[PART_COUNT]) {
  for (size_t i = 0; i < PART_COUNT; i++) {
    uint64_t now = copy->result.counts[i].refused - before[i];
    copy->result.counts[i].refused = now > before[i] ? now : before[i];
  }
}

/* What all passes brought: records, and those of them that a mirror may only be about to bring. */
static void sum_up(const struct copy *copy, uint64_t *ret_added, uint64_t *ret_recent) {
  *ret_added = *ret_recent = 0;
  for (size_t i = 0; i < PART_COUNT; i++) {
    *ret_added += copy->result.counts[i].added;
    *ret_recent += copy->result.counts[i].recent;
  }
}

static void begin_pass(struct copy *copy, unsigned pass) {
  int64_t before_us = copy->mark.pass_begun_us;
  copy->mark.pass = pass;
  copy->mark.since_us = pass == 1 || before_us <= OVERLAP_US ? 0 : before_us - OVERLAP_US;
  copy->mark.pass_begun_us = clock_wall_us();
  copy->mark.part = PART_PEOPLE;
  copy->mark.cursor_size = 0;
}

/* Until a pass brings nothing. The first one brings everything, and proves nothing. */
static int run_passes(struct copy *copy, struct err *err) {
  uint64_t news = 0;
  for (unsigned i = 0; i < PASSES_MAX; i++) {
    uint64_t added, recent, added_before, recent_before, refused[PART_COUNT];
    for (size_t j = 0; j < PART_COUNT; j++) refused[j] = copy->result.counts[j].refused;
    sum_up(copy, &added_before, &recent_before);
    bool is_whole = copy->mark.pass > 1 || (copy->mark.part == PART_PEOPLE && copy->mark.cursor_size == 0);
    if (run_pass(copy, err) != 0) return -1;
    sum_up(copy, &added, &recent);
    count_refused_once(copy, refused);
    news = added - added_before;
    if (copy->settings->is_mirrored) news -= recent - recent_before;
    if (news == 0 && is_whole) return 0;
    begin_pass(copy, copy->mark.pass + 1);
  }
  return err_set(
      err,
      "%s is still written to: the last pass brought %llu more records; let the service write to both (storage.mirror = %s,"
      " reload) and copy again, or copy once more after it was switched over",
      copy->settings->from.name, (unsigned long long)news, copy->settings->to.name);
}

/* --- beginning and end --- */

static int ask_estimate(const struct end *end, struct weigate_call *call, void *context) {
  struct weigate_health health = {.struct_size = sizeof(health)};
  int class = end->plugin->desc->health(*end->handle, call, &health);
  if (class == WEIGATE_OK) *(uint64_t *)context = health.people_estimate;
  return class;
}

static int begin_mark(struct copy *copy, struct err *err) {
  uint8_t id[(COPY_MARK_ID_BYTES - 1) / 2];
  if (random_bytes(id, sizeof(id)) != 0) return err_set(err, "the kernel gives no random bytes");
  copy->mark = (struct copy_mark){.begun_us = clock_wall_us()};
  text_hex_encode(copy->mark.id, id, sizeof(id));
  str_copy(str_of(copy->settings->from.plugin->desc->name), copy->mark.from, sizeof(copy->mark.from));
  str_copy(str_of(copy->settings->source), copy->mark.source, sizeof(copy->mark.source));
  begin_pass(copy, 1);
  return 0;
}

/* Goes on with an earlier copy, or begins one. */
static int open_mark(struct copy *copy, struct err *err) {
  struct copy_mark found;
  bool is_found = false;
  if (mark_load(&copy->settings->to, &is_found, &found, err) != 0) return -1;
  bool is_half = is_found && !found.is_done && !copy->settings->restarts;
  if (is_half && !str_eq(str_of(found.source), str_of(copy->settings->source)))
    return err_set(err,
                   "%s holds a part of another store (%s, begun %s); finish that copy with its own --from, or begin this one with"
                   " --restart (nothing is lost: what is there stays)",
                   copy->settings->to.name, found.from, mark_begun(&found).text);
  copy->result.is_resumed = is_half;
  if (!is_half) return begin_mark(copy, err);
  copy->mark = found;
  return 0;
}

/* A mark that was written to the one end and is read from the other: both are one store. */
static int refuse_same(struct copy *copy, struct err *err) {
  struct copy_mark found;
  bool is_found = false;
  if (save_mark(copy, err) != 0) return -1;
  if (mark_load(&copy->settings->from, &is_found, &found, err) != 0) return -1;
  if (!is_found || !str_eq(str_of(found.id), str_of(copy->mark.id))) return 0;
  mark_remove(&copy->settings->to);
  return err_set(err, "%s and %s are one and the same store: there is nothing to copy", copy->settings->from.name,
                 copy->settings->to.name);
}

static int run(struct copy *copy, struct err *err) {
  if (open_mark(copy, err) != 0 || refuse_same(copy, err) != 0) return -1;
  if (end_call(&copy->settings->from, "ask for its health", ask_estimate, &copy->people_estimate, err) != 0) return -1;
  if (run_passes(copy, err) != 0) {
    mark_save(&copy->settings->to, &copy->mark, NULL); /* the sentence about the first failure stands */
    return -1;
  }
  copy->mark.is_done = true;
  if (save_mark(copy, err) != 0) return -1;
  for (size_t i = 0; i < PART_COUNT; i++)
    if (copy->result.counts[i].refused)
      return err_set(err, "%llu records were refused by %s (%s); the others are copied",
                     (unsigned long long)copy->result.counts[i].refused, copy->settings->to.name,
                     copy->result.counts[i].refused_field ? copy->result.counts[i].refused_field : "no field named");
  return 0;
}

int copy_run(const struct copy_settings *settings, struct copy_result *ret_result, struct err *err) {
  struct copy copy = {.settings = settings, .page = page_new()};
  if (!copy.page) return err_set(err, "out of memory");
  int result = run(&copy, err);
  *ret_result = copy.result;
  page_free(copy.page);
  return result;
}
