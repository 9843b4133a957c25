/* SPDX-License-Identifier: Apache-2.0
 * batch: lays ops side by side as the header wants them, calls, and hands results back. One storage thread each. */
#include "store/batch.h"

#include <stdio.h>
#include <stdlib.h>

/* Tickets of one scan; a revocation list of 256 is read in one call. */
#define SCAN_LIMIT 256

struct batch {
  size_t max;
  struct weigate_signin *signins;
  struct weigate_ticket *tickets;
  struct weigate_key *keys;
  struct weigate_result *results;
  /* Of the call in progress, for the sinks. */
  struct op *const *ops;
  size_t count;
  const char *trouble; /* what a sink could not take, or NULL */
};

int batch_new(size_t max, struct batch **ret_batch) {
  struct batch *batch = calloc(1, sizeof(*batch));
  if (!batch) return -1;
  batch->max = max;
  batch->signins = calloc(max, sizeof(*batch->signins));
  batch->tickets = calloc(max, sizeof(*batch->tickets));
  batch->keys = calloc(max, sizeof(*batch->keys));
  batch->results = calloc(max, sizeof(*batch->results));
  if (!batch->signins || !batch->tickets || !batch->keys || !batch->results) {
    batch_free(batch);
    return -1;
  }
  *ret_batch = batch;
  return 0;
}

void batch_free(struct batch *batch) {
  if (!batch) return;
  free(batch->signins);
  free(batch->tickets);
  free(batch->keys);
  free(batch->results);
  free(batch);
}

/* --- sinks: what a plugin hands in is checked before it is kept --- */

static int refuse(struct batch *batch, const char *trouble) {
  batch->trouble = trouble;
  return 1;
}

static int take_ticket(void *context, size_t index, const struct weigate_ticket *found) {
  struct batch *batch = context;
  if (index >= batch->count) return refuse(batch, "the plugin answered for a ticket that was not asked for");
  if (!found) return 0;
  if (found->value.size > WEIGATE_TICKET_VALUE_MAX) return refuse(batch, "the plugin returned a ticket beyond its limit");
  return op_keep_ticket(batch->ops[index], found) == 0 ? 0 : refuse(batch, "out of memory");
}

/* A scan is one op; the index counts its tickets. */
static int take_scanned(void *context, size_t index, const struct weigate_ticket *found) {
  (void)index;
  struct batch *batch = context;
  if (!found) return 0;
  return op_keep_ticket(batch->ops[0], found) == 0 ? 0 : refuse(batch, "out of memory");
}

static int take_person(void *context, size_t index, const struct weigate_person *person) {
  struct batch *batch = context;
  if (index >= batch->count) return refuse(batch, "the plugin answered for a person that was not asked for");
  if (!person || batch->ops[index]->found.is_found) return 0;
  return op_keep_person(batch->ops[index], person) == 0 ? 0 : refuse(batch, "out of memory");
}

/* --- one function per kind --- */

static int call_record(struct batch *b, const struct weigate_storage_plugin *desc, struct weigate_handle *handle,
                       struct weigate_call *call) {
  for (size_t i = 0; i < b->count; i++) b->signins[i] = b->ops[i]->signin;
  struct weigate_signins batch = {
      .struct_size = sizeof(batch), .stride = sizeof(b->signins[0]), .count = b->count, .items = b->signins};
  return desc->record_signins(handle, call, &batch, b->results);
}

static int call_load(struct batch *b, const struct weigate_storage_plugin *desc, struct weigate_handle *handle,
                     struct weigate_call *call) {
  for (size_t i = 0; i < b->count; i++) b->keys[i] = b->ops[i]->key;
  struct weigate_keys keys = {.struct_size = sizeof(keys), .stride = sizeof(b->keys[0]), .count = b->count, .items = b->keys};
  return desc->load_people(handle, call, &keys, b->ops[0]->want, take_person, b);
}

static int call_tickets(struct batch *b, const struct weigate_tickets_v1 *tickets, struct weigate_handle *handle,
                        struct weigate_call *call) {
  for (size_t i = 0; i < b->count; i++) b->tickets[i] = b->ops[i]->ticket;
  struct weigate_tickets batch = {
      .struct_size = sizeof(batch), .stride = sizeof(b->tickets[0]), .count = b->count, .items = b->tickets};
  switch (b->ops[0]->kind) {
  case OP_CLAIM:
    return tickets->claim(handle, call, &batch, b->results, take_ticket, b);
  case OP_PUT:
    return tickets->put(handle, call, &batch, b->results);
  case OP_TAKE:
    return tickets->take(handle, call, &batch, take_ticket, b);
  case OP_GET:
    return tickets->get(handle, call, &batch, take_ticket, b);
  default:
    break;
  }
  struct op *scan = b->ops[0];
  return tickets->scan(handle, call, scan->ticket.kind, &scan->cursor, SCAN_LIMIT, take_scanned, b);
}

static int call_plugin(struct batch *b, const struct plugin *plugin, struct weigate_handle *handle, struct weigate_call *call) {
  enum op_kind kind = b->ops[0]->kind;
  if (kind == OP_RECORD) return call_record(b, plugin->desc, handle, call);
  if (kind == OP_LOAD) return call_load(b, plugin->desc, handle, call);
  if (plugin->tickets) return call_tickets(b, plugin->tickets, handle, call);
  snprintf(call->message, sizeof(call->message), "plugin %s has no tickets", plugin->desc->name);
  return WEIGATE_UNSUPPORTED;
}

/* A claim that stands there word for word is ours if we sent it before; else somebody made the same one. */
static enum weigate_item judge_claim(enum weigate_item item, bool is_again) {
  if (item != WEIGATE_ITEM_DUPLICATE) return item;
  return is_again ? WEIGATE_ITEM_NEW : WEIGATE_ITEM_TAKEN;
}

static void answer_all(struct batch *batch, bool is_again) {
  bool has_results = op_is_write(batch->ops[0]->kind) && batch->ops[0]->kind != OP_TAKE;
  for (size_t i = 0; i < batch->count; i++) {
    struct op *op = batch->ops[i];
    op->answer = (struct store_answer){.class = WEIGATE_OK};
    if (has_results) {
      op->answer.item = (enum weigate_item)batch->results[i].outcome;
      op->answer.field = batch->results[i].field;
    }
    if (op->kind == OP_CLAIM) op->answer.item = judge_claim(op->answer.item, is_again || op->is_known);
    if ((op->kind == OP_TAKE || op->kind == OP_GET) && !op->tickets) op->answer.item = WEIGATE_ITEM_MISSING;
  }
}

int batch_call(struct batch *batch, const struct plugin *plugin, struct weigate_handle *handle, struct op *const *ops,
               size_t count, bool is_again, struct weigate_call *call) {
  batch->ops = ops;
  batch->count = count;
  batch->trouble = NULL;
  for (size_t i = 0; i < count; i++) {
    op_forget_found(ops[i]);
    batch->results[i] = (struct weigate_result){.struct_size = sizeof(batch->results[0])};
  }
  int class = plugin_answer(call_plugin(batch, plugin, handle, call), call);
  if (class == WEIGATE_OK && batch->trouble) {
    snprintf(call->message, sizeof(call->message), "%s", batch->trouble);
    return WEIGATE_FAILED;
  }
  if (class == WEIGATE_OK) answer_all(batch, is_again);
  return class;
}
