/* SPDX-License-Identifier: Apache-2.0
 * call: lists of calls, and the way back into their coroutines; the loop's thread. */
#include "fetch/call.h"

void call_list_push(struct call_list *list, struct fetch_call *call) {
  call->previous = list->last;
  call->next = NULL;
  *(list->last ? &list->last->next : &list->first) = call;
  list->last = call;
  list->count++;
}

void call_list_remove(struct call_list *list, struct fetch_call *call) {
  *(call->previous ? &call->previous->next : &list->first) = call->next;
  *(call->next ? &call->next->previous : &list->last) = call->previous;
  call->previous = call->next = NULL;
  list->count--;
}

void call_explain(struct fetch_call *call, const char *problem) {
  size_t room = sizeof call->reply->problem - 1, n = strlen(problem);
  (void)str_copy(str_make(problem, n < room ? n : room), call->reply->problem, room + 1);
}

void call_end(struct fetch_call *call) {
  loop_timer_clear(call->fetch->loop, &call->deadline);
  call->state = CALL_ENDED;
  call_list_push(&call->fetch->ended, call);
}

void calls_resume(struct fetch *fetch) {
  while (fetch->ended.first) {
    struct fetch_call *call = fetch->ended.first;
    call_list_remove(&fetch->ended, call);
    coro_resume(call->coro);
  }
}
