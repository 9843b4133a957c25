/* SPDX-License-Identifier: Apache-2.0
 * signins: a batch of finished sign-ins, person, event and ticket each, in one durable transaction. Storage threads. */
#include "../common/check.h"
#include "events.h"
#include "parts.h"
#include "people.h"

/* One item with its parts copied to the length that this plugin knows. */
struct signin_parts {
  struct weigate_person person;
  struct weigate_event event;
  struct weigate_ticket ticket;
  bool has_person, has_event, has_ticket;
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
  int code = SQLITE_OK;
  if (parts->has_person) code = people_merge_one(handle, &parts->person, &person);
  if (code == SQLITE_OK && parts->has_event) code = events_insert(handle, &parts->event, &event);
  if (code == SQLITE_OK && parts->has_ticket) code = tickets_put_one(handle, &parts->ticket, number);
  *ret_outcome = parts->has_person ? person : parts->has_event ? event : WEIGATE_ITEM_UPDATED;
  return code;
}

static int write_batch(struct weigate_handle *handle, const struct weigate_signins *batch, struct weigate_result *results) {
  uint64_t number = 0;
  int code = tickets_take_numbers(handle, batch->count, &number);
  for (size_t i = 0; i < batch->count && code == SQLITE_OK; i++) {
    struct signin_parts parts;
    enum weigate_item outcome = WEIGATE_ITEM_REJECTED;
    read_item(batch, i, &parts);
    const char *bad = check_parts(&parts, handle->now_us);
    if (!bad) code = write_item(handle, &parts, number + i, &outcome);
    check_set_result(results, i, outcome, bad);
  }
  return code;
}

int signins_record(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_signins *batch,
                   struct weigate_result *results) {
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_signin)))
    return handle_invalid(call, "record_signins: count or stride");
  if (batch->count == 0) return WEIGATE_OK;
  class = handle_write_begin(handle, call, true);
  if (class != WEIGATE_OK) return class;
  int code = write_batch(handle, batch, results);
  if (code == SQLITE_OK) return handle_write_commit(handle, call);
  class = handle_fail(handle, call, code, "record sign-ins");
  handle_write_undo(handle);
  return class;
}
