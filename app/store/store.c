/* SPDX-License-Identifier: Apache-2.0
 * store: what a call means where there may be a mirror and a spool beside the store. Everything but the start and the status runs
 * in coroutines and callbacks of the sign-in loop.
 *
 * - Records and puts go to every store at once; what one does not take waits in the spool for that one.
 * - Claims are made in the spool first while an outage is fresh, so that the moments of going and coming back let nobody in
 * twice; then in every store that is there.
 * - Gets and takes look into the spool while an outage is fresh, then into the stores. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/ask.h"
#include "store/meter.h"
#include "store/side.h"
#include "store/spool_meter.h"
#include "store/spooler.h"
#include "store/store_scan.h"

#define SIDES_MAX 2 /* storage.plugin, storage.mirror */

struct store {
  struct loop *loop;
  const struct store_settings *settings;
  struct side sides[SIDES_MAX];
  const char *targets[SIDES_MAX];
  size_t sides_count;
  size_t by_name[SIDES_MAX]; /* the sides in the order in which claims ask them */
  struct spooler *spooler;   /* NULL: no spool */
  struct store_scans scans;  /* how far the spool's tickets were read */
};

void store_metrics_register(void) {
  meter_register();
  spool_meter_register();
}

/* --- one side, or the spool --- */

static struct weigate_text text_of(struct str s) {
  return (struct weigate_text){s.p, s.n};
}

/* Not for classes that say nothing of the store, but of what it was given. A claim holds nothing that could be at fault. */
static bool is_outage(int class, enum op_kind kind) {
  if (class == WEIGATE_FAILED) return kind == OP_CLAIM;
  return class != WEIGATE_OK && class != WEIGATE_INVALID && class != WEIGATE_UNSUPPORTED;
}

/* Classes that a caller may have waited for until its time was over. */
static bool takes_time(int class) {
  return class == WEIGATE_TIMEOUT || class == WEIGATE_OUTCOME_UNKNOWN || class == WEIGATE_BUSY;
}

/* What every failure leads to besides its answer: other workers are warned, and a store that lets us wait is left alone until one
 * of its threads has seen it well. */
static void note_trouble(struct store *store, const struct asked *asked, enum op_kind kind) {
  if (!store->spooler || !is_outage(asked->answer.class, kind)) return;
  spool_outage_note(spooler_dir(store->spooler));
  if (asked->is_late || takes_time(asked->answer.class))
    queue_suspect(asked->queue, kind, asked->answer.class, asked->answer.message);
}

/* The answer of one side. The op is freed by the caller; NULL where there is none. */
static struct op *ask_side_wait(struct store *store, struct side *side, struct op *op, struct store_answer *ret_answer) {
  struct asked asked = {.queue = side->shared.queue, .op = op};
  enum op_kind kind = op ? op->kind : OP_GET;
  ask_wait(store->loop, store->settings->deadline_ms, &asked, 1);
  note_trouble(store, &asked, kind);
  *ret_answer = asked.answer;
  return asked.op;
}

static struct op *ask_spool_wait(struct store *store, struct op *op, struct store_answer *ret_answer) {
  struct asked asked = {.queue = spooler_queue(store->spooler), .op = op};
  ask_wait(store->loop, store->settings->deadline_ms, &asked, 1);
  *ret_answer = asked.answer;
  return asked.op;
}

static bool is_outage_fresh(const struct store *store) {
  return store->spooler && spool_outage_is_fresh(spooler_dir(store->spooler));
}

/* --- writes that may wait --- */

/* A copy of what is written. */
static struct op *copy_write(const struct weigate_signin *signin, const struct weigate_ticket *ticket) {
  return signin ? op_new_record(signin) : op_new_ticket(OP_PUT, ticket);
}

/* Hands what the sides marked in `asked` did not take to the spool. True: it is durable there. */
static bool spool_wait(struct store *store, const struct asked *failed, const struct weigate_signin *signin,
                       const struct weigate_ticket *ticket, struct store_answer *ret_answer) {
  struct asked asked[SIDES_MAX];
  size_t count = 0;
  for (size_t i = 0; i < store->sides_count; i++) {
    if (failed[i].answer.class == WEIGATE_OK) continue;
    asked[count] = (struct asked){.queue = spooler_queue(store->spooler), .op = copy_write(signin, ticket)};
    if (asked[count].op) asked[count].op->target = store->sides[i].target;
    count++;
  }
  ask_wait(store->loop, store->settings->deadline_ms, asked, count);
  bool is_kept = true;
  for (size_t i = 0; i < count; i++) {
    if (is_kept) *ret_answer = asked[i].answer;
    is_kept = is_kept && asked[i].answer.class == WEIGATE_OK;
    op_free(asked[i].op);
  }
  return is_kept;
}

/* What must survive a power cut must survive a fail-over too. */
static void end_write(struct side *side, struct asked *asked) {
  bool is_lasting = asked->op && (asked->op->kind == OP_RECORD || asked->op->ticket.flags & WEIGATE_TICKET_DURABLE);
  if (asked->answer.class == WEIGATE_OK && is_lasting)
    resend_keep(&side->resend, asked->op);
  else
    op_free(asked->op);
}

/* To all sides at once. The answer is the first side's; what a side did not take is in the spool. */
static void write_wait(struct store *store, const struct weigate_signin *signin, const struct weigate_ticket *ticket,
                       struct store_answer *ret_answer) {
  struct asked asked[SIDES_MAX];
  enum op_kind kind = signin ? OP_RECORD : OP_PUT;
  bool is_complete = true;
  for (size_t i = 0; i < store->sides_count; i++)
    asked[i] = (struct asked){.queue = store->sides[i].shared.queue, .op = copy_write(signin, ticket)};
  ask_wait(store->loop, store->settings->deadline_ms, asked, store->sides_count);
  for (size_t i = 0; i < store->sides_count; i++) {
    note_trouble(store, &asked[i], kind);
    is_complete = is_complete && asked[i].answer.class == WEIGATE_OK;
    end_write(&store->sides[i], &asked[i]);
  }
  *ret_answer = asked[0].answer;
  if (is_complete || !store->spooler || asked[0].answer.class == WEIGATE_UNSUPPORTED) return;
  struct store_answer spooled;
  bool is_first_done = asked[0].answer.class == WEIGATE_OK;
  bool is_kept = spool_wait(store, asked, signin, ticket, &spooled);
  /* A record that the first side has is not taken back because the other's could not be kept: it is sent again as a whole. */
  if (!is_kept || !is_first_done) *ret_answer = spooled;
}

void store_record_wait(struct store *store, const struct weigate_signin *signin, struct store_answer *ret_answer) {
  write_wait(store, signin, NULL, ret_answer);
}

void store_ticket_put_wait(struct store *store, const struct weigate_ticket *ticket, struct store_answer *ret_answer) {
  write_wait(store, NULL, ticket, ret_answer);
}

/* --- tickets --- */

static void copy_ticket(const struct op *op, struct store_ticket *ret_found) {
  ret_found->is_found = op && op->tickets;
  ret_found->value_bytes = 0;
  ret_found->expires_at_us = 0;
  if (!ret_found->is_found) return;
  const struct weigate_ticket *ticket = &op->tickets->ticket;
  memcpy(ret_found->value, ticket->value.bytes, ticket->value.size);
  ret_found->value_bytes = ticket->value.size;
  ret_found->expires_at_us = ticket->expires_at_us;
}

/* Ends a ticket's call: frees the op, copies what it found. */
static void end_ticket(struct op *op, const struct store_answer *answer, struct store_ticket *ret_found) {
  if (ret_found) copy_ticket(answer->class == WEIGATE_OK ? op : NULL, ret_found);
  op_free(op);
}

static void spool_ticket_wait(struct store *store, enum op_kind kind, const struct weigate_ticket *ticket,
                              struct store_ticket *ret_found, struct store_answer *ret_answer) {
  end_ticket(ask_spool_wait(store, op_new_ticket(kind, ticket), ret_answer), ret_answer, ret_found);
}

static void side_ticket_wait(struct store *store, struct side *side, enum op_kind kind, const struct weigate_ticket *ticket,
                             struct store_ticket *ret_found, struct store_answer *ret_answer) {
  end_ticket(ask_side_wait(store, side, op_new_ticket(kind, ticket), ret_answer), ret_answer, ret_found);
}

static bool is_taken(const struct store_answer *answer) {
  return answer->class == WEIGATE_OK && answer->item == WEIGATE_ITEM_TAKEN;
}

/* In every store that is there, in the order of names. Returns how many were won; *ret_answer is of the last one that was asked,
 * or the one that was lost. */
static size_t claim_in_stores_wait(struct store *store, const struct weigate_ticket *ticket, struct store_ticket *ret_found,
                                   struct store_answer *ret_answer) {
  size_t won = 0;
  struct store_answer answer;
  for (size_t i = 0; i < store->sides_count; i++) {
    struct op *op = op_new_ticket(OP_CLAIM, ticket);
    /* weigatectl storage copy may have brought into the second what was won in the first a moment ago. */
    if (op) op->is_known = won > 0;
    end_ticket(ask_side_wait(store, &store->sides[store->by_name[i]], op, &answer), &answer, ret_found);
    if (answer.class == WEIGATE_OK || !won) *ret_answer = answer;
    if (is_taken(&answer)) return won;
    won += answer.class == WEIGATE_OK;
  }
  return won;
}

void store_claim_wait(struct store *store, const struct weigate_ticket *ticket, struct store_ticket *ret_found,
                      struct store_answer *ret_answer) {
  struct store_answer spooled = {.class = WEIGATE_UNAVAILABLE};
  bool was_fresh = is_outage_fresh(store);
  if (was_fresh) spool_ticket_wait(store, OP_CLAIM, ticket, ret_found, &spooled);
  if (is_taken(&spooled)) {
    *ret_answer = spooled;
    return;
  }
  size_t won = claim_in_stores_wait(store, ticket, ret_found, ret_answer);
  if (is_taken(ret_answer) || !store->spooler) return;
  /* Nobody to agree through, or others begin to agree without the store at this moment. */
  bool is_agreed_here = was_fresh || is_outage_fresh(store);
  if (is_agreed_here && !was_fresh) spool_ticket_wait(store, OP_CLAIM, ticket, ret_found, &spooled);
  if (is_taken(&spooled) || (!won && is_agreed_here)) *ret_answer = spooled;
}

/* What the stores know of it: the first that has it. OK and MISSING where one could be asked and none has it. */
static void get_in_stores_wait(struct store *store, const struct weigate_ticket *wanted, struct store_ticket *ret_found,
                               struct store_answer *ret_answer) {
  struct store_answer answer;
  for (size_t i = 0; i < store->sides_count; i++) {
    side_ticket_wait(store, &store->sides[i], OP_GET, wanted, ret_found, &answer);
    if (i == 0 || answer.class == WEIGATE_OK) *ret_answer = answer;
    if (answer.class == WEIGATE_OK && ret_found->is_found) return;
  }
}

void store_ticket_get_wait(struct store *store, struct str kind, struct str key, struct store_ticket *ret_found,
                           struct store_answer *ret_answer) {
  const struct weigate_ticket wanted = {.struct_size = sizeof(wanted), .kind = text_of(kind), .key = text_of(key)};
  struct store_answer spooled = {.class = WEIGATE_UNAVAILABLE};
  bool was_fresh = is_outage_fresh(store);
  if (was_fresh) spool_ticket_wait(store, OP_GET, &wanted, ret_found, &spooled);
  /* What was put there is the end of it; a claim alone may have found its end in a store. */
  if (spooled.class == WEIGATE_OK && spooled.item == WEIGATE_ITEM_UPDATED) {
    *ret_answer = spooled;
    return;
  }
  get_in_stores_wait(store, &wanted, ret_found, ret_answer);
  if (!store->spooler || (ret_answer->class == WEIGATE_OK && (ret_found->is_found || !was_fresh))) return;
  if (is_outage_fresh(store)) spool_ticket_wait(store, OP_GET, &wanted, ret_found, ret_answer);
}

void store_ticket_take_wait(struct store *store, struct str kind, struct str key, struct store_ticket *ret_found,
                            struct store_answer *ret_answer) {
  const struct weigate_ticket wanted = {.struct_size = sizeof(wanted), .kind = text_of(kind), .key = text_of(key)};
  struct store_answer answer;
  struct store_ticket *also = NULL; /* what else is removed is not looked at */
  bool is_taken = false, was_fresh = is_outage_fresh(store);
  if (was_fresh) {
    spool_ticket_wait(store, OP_TAKE, &wanted, ret_found, ret_answer);
    is_taken = ret_answer->class == WEIGATE_OK && ret_found->is_found;
  }
  for (size_t i = 0; i < store->sides_count; i++) {
    side_ticket_wait(store, &store->sides[store->by_name[i]], OP_TAKE, &wanted, is_taken ? also : ret_found, &answer);
    if (is_taken) continue;
    *ret_answer = answer;
    is_taken = answer.class == WEIGATE_OK && ret_found->is_found;
  }
  if (is_taken || !store->spooler || was_fresh || ret_answer->class == WEIGATE_OK) return;
  if (is_outage_fresh(store)) spool_ticket_wait(store, OP_TAKE, &wanted, ret_found, ret_answer);
}

static void keep_scanned(const struct op *op, void (*sink)(void *arg, const struct weigate_ticket *), void *arg) {
  for (const struct op_ticket *found = op->tickets; found; found = found->next) sink(arg, &found->ticket);
}

void store_ticket_scan_wait(struct store *store, struct str kind, uint64_t *cursor,
                            void (*sink)(void *arg, const struct weigate_ticket *), void *arg, struct store_answer *ret_answer) {
  struct op *op;
  if (is_outage_fresh(store)) {
    uint64_t *since = store_scans_find(&store->scans, kind);
    op = ask_spool_wait(store, op_new_scan(text_of(kind), *since), ret_answer);
    if (op && ret_answer->class == WEIGATE_OK) {
      *since = op->cursor;
      keep_scanned(op, sink, arg);
    }
    op_free(op);
  }
  op = ask_side_wait(store, &store->sides[0], op_new_scan(text_of(kind), *cursor), ret_answer);
  if (op && ret_answer->class == WEIGATE_OK) {
    *cursor = op->cursor;
    keep_scanned(op, sink, arg);
  }
  op_free(op);
}

/* --- people --- */

void store_load_wait(struct store *store, struct str appid, struct str openid, uint32_t want, struct store_person *ret_person,
                     struct store_answer *ret_answer) {
  *ret_person = (struct store_person){0};
  for (size_t i = 0; i < store->sides_count; i++) {
    struct op *op = ask_side_wait(store, &store->sides[i], op_new_load(text_of(appid), text_of(openid), want), ret_answer);
    bool is_done = op && ret_answer->class == WEIGATE_OK;
    if (is_done) {
      *ret_person = op->found; /* the bytes that its slices point to move along */
      op->found = (struct store_person){0};
    }
    op_free(op);
    if (is_done) return; /* the mirror is asked where the first does not answer */
  }
}

/* --- start, stop, status --- */

static int start_side(struct store *store, const struct plugin_settings *plugin, struct err *err) {
  size_t index = store->sides_count++;
  store->targets[index] = plugin->plugin;
  store->by_name[index] = index;
  return side_start(&store->sides[index], store->loop, plugin, store->settings, err);
}

static int start_drains(struct store *store, struct err *err) {
  for (size_t i = 0; i < store->sides_count; i++) {
    const struct drain_settings settings = {.spool = &store->settings->spool,
                                            .shared = &store->sides[i].shared,
                                            .which = i,
                                            .known = store->targets,
                                            .known_count = store->sides_count};
    if (drain_start(&settings, &store->sides[i].drain, err) != 0) return -1;
  }
  return 0;
}

static int start_all(struct store *store, struct err *err) {
  const struct store_settings *settings = store->settings;
  if (settings->spool.dir && spooler_start(store->loop, &settings->spool, &store->spooler, err) != 0) return -1;
  if (start_side(store, &settings->plugin, err) != 0) return -1;
  if (settings->mirror.plugin && start_side(store, &settings->mirror, err) != 0) return -1;
  if (store->sides_count == 2 && strcmp(store->targets[0], store->targets[1]) > 0) {
    store->by_name[0] = 1;
    store->by_name[1] = 0;
  }
  return store->spooler ? start_drains(store, err) : 0;
}

int store_start(struct loop *loop, const struct store_settings *settings, struct store **ret_store, struct err *err) {
  struct store *store = calloc(1, sizeof(*store));
  if (!store) return err_set(err, "storage: out of memory");
  store->loop = loop;
  store->settings = settings;
  if (start_all(store, err) != 0) {
    store_stop(store);
    return -1;
  }
  *ret_store = store;
  return 0;
}

void store_stop(struct store *store) {
  if (!store) return;
  int result = 0;
  for (size_t i = 0; i < store->sides_count; i++)
    if (side_stop(&store->sides[i]) != 0) result = -1;
  if (result != 0) return; /* threads that hang hold what would be freed */
  spooler_stop(store->spooler);
  free(store);
}

static void copy_plugin(const struct plugin *plugin, struct store_status *ret_status) {
  snprintf(ret_status->plugin, sizeof(ret_status->plugin), "%s", plugin->desc->name);
  snprintf(ret_status->version, sizeof(ret_status->version), "%s", plugin->desc->version);
  snprintf(ret_status->path, sizeof(ret_status->path), "%.*s", (int)sizeof(ret_status->path) - 1, plugin->path);
  snprintf(ret_status->digest, sizeof(ret_status->digest), "%s", plugin->digest);
}

static void look_at_mirror(struct side *side, struct store_status *ret_status) {
  struct queue_counts counts;
  queue_count(side->shared.queue, &counts);
  ret_status->is_mirror_connected = counts.is_up;
  snprintf(ret_status->mirror, sizeof(ret_status->mirror), "%s", side->shared.plugin.desc->name);
  pthread_mutex_lock(&side->shared.lock);
  snprintf(ret_status->mirror_message, sizeof(ret_status->mirror_message), "%s", side->shared.last_message);
  pthread_mutex_unlock(&side->shared.lock);
}

void store_status(const struct store *store, struct store_status *ret_status) {
  struct side *side = &((struct store *)store)->sides[0];
  struct runner_shared *shared = &side->shared;
  struct queue_counts counts;
  *ret_status = (struct store_status){.has_tickets = shared->plugin.tickets != NULL, .has_spool = store->spooler != NULL};
  queue_count(shared->queue, &counts);
  ret_status->is_connected = counts.is_up;
  ret_status->reads_waiting = counts.reads_waiting;
  ret_status->writes_waiting = counts.writes_waiting;
  ret_status->in_flight = counts.running;
  copy_plugin(&shared->plugin, ret_status);
  pthread_mutex_lock(&shared->lock);
  ret_status->last_class = shared->last_class;
  snprintf(ret_status->last_message, sizeof(ret_status->last_message), "%s", shared->last_message);
  snprintf(ret_status->half, sizeof(ret_status->half), "%s", shared->half);
  ret_status->health = shared->health;
  pthread_mutex_unlock(&shared->lock);
  if (store->sides_count > 1) look_at_mirror(side + 1, ret_status);
  if (!store->spooler) return;
  spool_meter_total(&ret_status->spool_records, &ret_status->spool_bytes, &ret_status->spool_oldest_s);
  ret_status->is_spool_failing = spooler_is_failing(store->spooler);
}
