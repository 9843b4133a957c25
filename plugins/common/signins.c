/* SPDX-License-Identifier: Apache-2.0
 * signins: a batch of finished sign-ins, person, event and ticket each, in one transaction. Storage threads. */
#include "check.h"
#include "store.h"

/* One item with its parts copied to the length that this plugin knows. */
struct signin_parts {
  struct weigate_person person;
  struct weigate_event event;
  struct weigate_ticket ticket;
  bool has_person, has_event, has_ticket;
};

struct signin_work {
  const struct weigate_signins *batch;
  struct weigate_result *results;
};

static void read_item(const struct weigate_signins *batch, size_t index, struct signin_parts *ret_parts) {
  struct weigate_signin item = check_copy_signin((const void *)((const char *)batch->items + index * batch->stride));
  ret_parts->has_person = item.person != NULL;
  ret_parts->has_event = item.event != NULL;
  ret_parts->has_ticket = item.ticket != NULL;
  if (item.person) ret_parts->person = check_copy_person(item.person);
  if (item.event) ret_parts->event = check_copy_event(item.event);
  if (item.ticket) ret_parts->ticket = check_copy_ticket(item.ticket);
}

static const char *check_parts(const struct signin_parts *parts, int64_t now_us) {
  const char *bad = NULL;
  if (parts->has_person) bad = check_person(&parts->person, now_us);
  if (!bad && parts->has_event) bad = check_event(&parts->event, now_us);
  if (!bad && parts->has_ticket) bad = check_ticket(&parts->ticket);
  if (!bad && parts->has_person && parts->has_event && parts->event.flags & WEIGATE_EVENT_SNAPSHOT) bad = "person";
  return bad;
}

/* The outcome that is reported is the person's, else the event's, else the ticket's. */
static int write_item(struct weigate_handle *handle, const struct signin_parts *parts, uint64_t number,
                      enum weigate_item *ret_outcome) {
  enum weigate_item person = WEIGATE_ITEM_UNKNOWN, event = WEIGATE_ITEM_UNKNOWN;
  int class = store_check_time(handle);
  if (class == WEIGATE_OK && parts->has_person) class = people_merge_one(handle, &parts->person, &person);
  if (class == WEIGATE_OK && parts->has_event) class = events_insert(handle, &parts->event, &event);
  if (class == WEIGATE_OK && parts->has_ticket) class = tickets_put_one(handle, &parts->ticket, number);
  *ret_outcome = parts->has_person ? person : parts->has_event ? event : WEIGATE_ITEM_UPDATED;
  return class;
}

static int write_batch(struct weigate_handle *handle, void *context) {
  const struct signin_work *work = context;
  uint64_t number;
  int class = tickets_take_numbers(handle, work->batch->count, &number);
  for (size_t i = 0; i < work->batch->count && class == WEIGATE_OK; i++) {
    struct signin_parts parts;
    enum weigate_item outcome = WEIGATE_ITEM_REJECTED;
    read_item(work->batch, i, &parts);
    const char *bad = check_parts(&parts, handle->now_us);
    if (!bad) class = write_item(handle, &parts, number + i, &outcome);
    check_set_result(work->results, i, outcome, bad);
  }
  return class;
}

int records_record_signins(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                           struct weigate_result *results) {
  struct signin_work work = {batch, results};
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_signin)))
    return store_invalid(handle, "record_signins: count or stride");
  return batch->count ? store_write(handle, write_batch, &work, false) : WEIGATE_OK;
}
