/* SPDX-License-Identifier: Apache-2.0
 * mark: the ticket "copy", "into". The program's only thread. */
#include "move/mark.h"

#include "base/clock.h"
#include "base/scope.h"

static struct weigate_tickets one_ticket(const struct weigate_ticket *ticket) {
  return (struct weigate_tickets){
      .struct_size = sizeof(struct weigate_tickets), .stride = sizeof(*ticket), .count = 1, .items = ticket};
}

struct loading {
  bool is_found;
  struct copy_mark mark;
};

static int take_mark(void *context, size_t index, const struct weigate_ticket *found) {
  struct loading *loading = context;
  (void)index;
  loading->is_found = found && copy_mark_parse(str_make(found->value.bytes, found->value.size), &loading->mark) == 0;
  return 0;
}

static int load_once(const struct end *end, struct weigate_call *call, void *context) {
  struct weigate_ticket ticket = copy_mark_key();
  struct weigate_tickets keys = one_ticket(&ticket);
  return end->plugin->tickets->get(*end->handle, call, &keys, take_mark, context);
}

int mark_load(const struct end *end, bool *ret_is_found, struct copy_mark *ret_mark, struct err *err) {
  struct loading loading = {0};
  if (end->plugin->tickets && end_call(end, "read how far the copy is", load_once, &loading, err) != 0) return -1;
  *ret_is_found = loading.is_found;
  if (loading.is_found) *ret_mark = loading.mark;
  return 0;
}

static int save_once(const struct end *end, struct weigate_call *call, void *context) {
  struct weigate_result result = {.struct_size = sizeof(result)};
  struct weigate_tickets batch = one_ticket(context);
  return end->plugin->tickets->put(*end->handle, call, &batch, &result);
}

int mark_save(const struct end *end, const struct copy_mark *mark, struct err *err) {
  SCOPE_BUF struct buf value;
  struct weigate_ticket ticket = copy_mark_key();
  buf_init(&value, WEIGATE_TICKET_VALUE_MAX);
  copy_mark_format(mark, &value);
  if (value.failed) return err_set(err, "out of memory");
  ticket.value = (struct weigate_text){value.data, value.len};
  ticket.expires_at_us = clock_wall_us() + COPY_MARK_LIFETIME_US;
  return end->plugin->tickets ? end_call(end, "write how far the copy is", save_once, &ticket, err) : 0;
}

static int forget_taken(void *context, size_t index, const struct weigate_ticket *found) {
  (void)context;
  (void)index;
  (void)found;
  return 0;
}

static int remove_once(const struct end *end, struct weigate_call *call, void *context) {
  struct weigate_ticket ticket = copy_mark_key();
  struct weigate_tickets keys = one_ticket(&ticket);
  return end->plugin->tickets->take(*end->handle, call, &keys, forget_taken, context);
}

void mark_remove(const struct end *end) {
  if (end->plugin->tickets) end_call(end, "remove a mark", remove_once, NULL, NULL);
}

struct mark_time mark_begun(const struct copy_mark *mark) {
  struct mark_time time;
  text_rfc3339(time.text, mark->begun_us / 1000000);
  return time;
}
