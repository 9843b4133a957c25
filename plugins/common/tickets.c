/* SPDX-License-Identifier: Apache-2.0
 * tickets: notes with a lifetime that processes agree through. Storage threads. */
#include <string.h>

#include "check.h"
#include "codec.h"
#include "store.h"

static struct weigate_ticket item_at(const struct weigate_tickets *batch, size_t index) {
  return check_copy_ticket((const void *)((const char *)batch->items + index * batch->stride));
}

int tickets_take_numbers(struct weigate_handle *handle, size_t count, uint64_t *ret_first) {
  uint64_t last;
  int class = store_get_meta(handle, META_NUMBER, &last);
  *ret_first = last + 1;
  return class == WEIGATE_OK ? store_put_meta(handle, META_NUMBER, last + count) : class;
}

/* What lies under the ticket's key, past its time or not. */
static int get_ticket(struct weigate_handle *handle, const struct weigate_ticket *item, bool *ret_is_there,
                      struct weigate_ticket *ret_found, uint64_t *ret_number) {
  struct key key = key_ticket(item);
  struct map_bytes value;
  int class = store_get(handle, &key, ret_is_there, &value);
  if (class != WEIGATE_OK || !*ret_is_there) return class;
  if (!codec_read_ticket(value, ret_found, ret_number)) return store_corrupt(handle, "a ticket");
  ret_found->kind = item->kind;
  ret_found->key = item->key;
  return WEIGATE_OK;
}

static int remove_number(struct weigate_handle *handle, const struct weigate_ticket *item) {
  struct weigate_ticket found;
  uint64_t number;
  bool is_there;
  int class = get_ticket(handle, item, &is_there, &found, &number);
  if (class != WEIGATE_OK || !is_there) return class;
  struct key key = key_number(item->kind, number);
  return store_remove(handle, &key);
}

int tickets_put_one(struct weigate_handle *handle, const struct weigate_ticket *ticket, uint64_t number) {
  struct key key = key_ticket(ticket), lead = key_number(ticket->kind, number);
  struct map_bytes name = {(const uint8_t *)ticket->key.bytes, ticket->key.size};
  int class = remove_number(handle, ticket);
  if (class == WEIGATE_OK) class = store_put(handle, &lead, name);
  return class == WEIGATE_OK ? store_put(handle, &key, codec_write_ticket(handle->value, ticket, number)) : class;
}

static int remove_one(struct weigate_handle *handle, const struct weigate_ticket *item) {
  struct key key = key_ticket(item);
  int class = remove_number(handle, item);
  return class == WEIGATE_OK ? store_remove(handle, &key) : class;
}

/* The living ticket under the item's key. Its value is valid until the next change. */
static int find_one(struct weigate_handle *handle, const struct weigate_ticket *item, bool *ret_is_found,
                    struct weigate_ticket *ret_found) {
  uint64_t number;
  int class = get_ticket(handle, item, ret_is_found, ret_found, &number);
  if (class == WEIGATE_OK && *ret_is_found) *ret_is_found = ret_found->expires_at_us > handle->now_us;
  return class;
}

static bool is_same_claim(const struct weigate_ticket *a, const struct weigate_ticket *b) {
  return a->expires_at_us == b->expires_at_us && a->value.size == b->value.size &&
         (a->value.size == 0 || memcmp(a->value.bytes, b->value.bytes, a->value.size) == 0);
}

/* --- calls that write --- */

/* What the calls have in common: who is told, and what is done with one checked item. */
struct ticket_work {
  const struct weigate_tickets *batch;
  struct weigate_result *results; /* NULL: take */
  weigate_ticket_sink sink;       /* may be NULL */
  void *context;
  int (*step)(struct weigate_handle *handle, struct ticket_work *work, size_t index, const struct weigate_ticket *item);
  uint64_t number; /* of the first item */
  bool is_enough;
};

static int claim_one(struct weigate_handle *handle, struct ticket_work *work, size_t index, const struct weigate_ticket *item) {
  struct weigate_ticket found;
  bool is_found;
  int class = find_one(handle, item, &is_found, &found);
  if (class != WEIGATE_OK) return class;
  if (!is_found) {
    check_set_result(work->results, index, WEIGATE_ITEM_NEW, NULL);
    return tickets_put_one(handle, item, work->number + index);
  }
  check_set_result(work->results, index, is_same_claim(&found, item) ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_TAKEN, NULL);
  if (work->sink) work->sink(work->context, index, &found);
  return WEIGATE_OK;
}

static int put_one(struct weigate_handle *handle, struct ticket_work *work, size_t index, const struct weigate_ticket *item) {
  struct weigate_ticket found;
  bool is_found;
  int class = find_one(handle, item, &is_found, &found);
  if (class != WEIGATE_OK) return class;
  check_set_result(work->results, index, is_found ? WEIGATE_ITEM_UPDATED : WEIGATE_ITEM_NEW, NULL);
  return tickets_put_one(handle, item, work->number + index);
}

/* The sink is given what is there before the commit; only WEIGATE_OK makes it the taker's. */
static int take_one(struct weigate_handle *handle, struct ticket_work *work, size_t index, const struct weigate_ticket *item) {
  struct weigate_ticket found;
  bool is_found;
  int class = find_one(handle, item, &is_found, &found);
  if (class != WEIGATE_OK) return class;
  work->is_enough = work->sink(work->context, index, is_found ? &found : NULL) != 0;
  return is_found ? remove_one(handle, item) : WEIGATE_OK;
}

static int write_items(struct weigate_handle *handle, void *context) {
  struct ticket_work *work = context;
  int class = WEIGATE_OK;
  work->is_enough = false;
  if (work->results) class = tickets_take_numbers(handle, work->batch->count, &work->number);
  for (size_t i = 0; i < work->batch->count && class == WEIGATE_OK && !work->is_enough; i++) {
    struct weigate_ticket item = item_at(work->batch, i);
    const char *bad = work->results ? check_ticket(&item) : NULL;
    class = store_check_time(handle);
    if (class != WEIGATE_OK) return class;
    if (bad)
      check_set_result(work->results, i, WEIGATE_ITEM_REJECTED, bad);
    else
      class = work->step(handle, work, i, &item);
  }
  return class;
}

static int write_batch(struct weigate_handle *handle, struct weigate_call *call, struct ticket_work *work) {
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(work->batch->stride, work->batch->count, sizeof(struct weigate_ticket)))
    return store_invalid(handle, "tickets: count or stride");
  return work->batch->count ? store_write(handle, write_items, work, work->sink != NULL) : WEIGATE_OK;
}

static int claim(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
                 struct weigate_result *results, weigate_ticket_sink sink, void *context) {
  struct ticket_work work = {.batch = batch, .results = results, .sink = sink, .context = context, .step = claim_one};
  return write_batch(handle, call, &work);
}

static int put(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *batch,
               struct weigate_result *results) {
  struct ticket_work work = {.batch = batch, .results = results, .step = put_one};
  return write_batch(handle, call, &work);
}

static bool are_keys_good(const struct weigate_tickets *keys) {
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_ticket))) return false;
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_ticket key = item_at(keys, i);
    key.value.size = 0;
    if (check_ticket(&key)) return false;
  }
  return true;
}

static int take(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
                weigate_ticket_sink sink, void *context) {
  struct ticket_work work = {.batch = keys, .sink = sink, .context = context, .step = take_one};
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  return are_keys_good(keys) ? write_batch(handle, call, &work) : store_invalid(handle, "tickets: count, stride or a key");
}

/* --- calls that read --- */

static int get(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_tickets *keys,
               weigate_ticket_sink sink, void *context) {
  int class = store_enter(handle, call), is_enough = 0;
  if (class != WEIGATE_OK) return class;
  if (!are_keys_good(keys)) return store_invalid(handle, "tickets: count, stride or a key");
  class = handle->ops->begin(handle, false);
  if (class != WEIGATE_OK) return class;
  for (size_t i = 0; i < keys->count && class == WEIGATE_OK && !is_enough; i++) {
    struct weigate_ticket key = item_at(keys, i), found;
    bool is_found;
    class = find_one(handle, &key, &is_found, &found);
    if (class == WEIGATE_OK) is_enough = sink(context, i, is_found ? &found : NULL);
  }
  handle->ops->end(handle);
  return class;
}

/* One number of the kind, and the ticket that carries it. */
static int scan_one(struct weigate_handle *handle, struct weigate_text kind, const struct key *prefix, uint64_t *cursor,
                    bool *ret_is_found, struct weigate_ticket *ret_found) {
  struct weigate_ticket item = {.struct_size = sizeof(item), .kind = kind};
  struct map_bytes name;
  struct key at = *prefix;
  char bytes[WEIGATE_TICKET_KEY_MAX];
  bool is_there;
  key_add_number(&at, *cursor);
  int class = store_next(handle, prefix, &at, true, ret_is_found, &at, &name);
  if (class != WEIGATE_OK || !*ret_is_found) return class;
  if (at.size != prefix->size + 8 || name.size > sizeof(bytes)) return store_corrupt(handle, "a ticket");
  *cursor = key_read_number(at.bytes + prefix->size);
  item.key.bytes = (const char *)name.bytes;
  item.key.size = name.size;
  class = find_one(handle, &item, &is_there, ret_found);
  if (class == WEIGATE_OK && !is_there) ret_found->struct_size = 0; /* past its time */
  return class;
}

static int scan(struct weigate_handle *handle, struct weigate_call *call, struct weigate_text kind, uint64_t *cursor,
                uint32_t limit, weigate_ticket_sink sink, void *context) {
  struct key prefix = key_of(TABLE_NUMBER);
  struct weigate_ticket found;
  bool is_found = true, is_enough = false;
  size_t index = 0;
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (limit == 0 || limit > WEIGATE_BATCH_MAX || *cursor > INT64_MAX || kind.size > WEIGATE_WORD_MAX)
    return store_invalid(handle, "tickets: kind, limit or cursor");
  key_add_text(&prefix, kind);
  class = handle->ops->begin(handle, false);
  if (class != WEIGATE_OK) return class;
  for (uint32_t i = 0; i < limit && !is_enough; i++) {
    class = scan_one(handle, kind, &prefix, cursor, &is_found, &found);
    if (class != WEIGATE_OK || !is_found) break;
    if (found.struct_size) is_enough = sink(context, index++, &found) != 0;
  }
  handle->ops->end(handle);
  return class;
}

const struct weigate_tickets_v1 records_tickets = {
    .struct_size = sizeof(struct weigate_tickets_v1),
    .claim = claim,
    .put = put,
    .get = get,
    .take = take,
    .scan = scan,
};
