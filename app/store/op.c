/* SPDX-License-Identifier: Apache-2.0
 * op: deep copies in and out. Made and freed on the loop's thread, or freed by the storage thread that was left with it. */
#include "store/op.h"

#include <stdlib.h>
#include <string.h>

#include "store/texts.h"

bool op_is_write(enum op_kind kind) {
  return kind == OP_RECORD || kind == OP_CLAIM || kind == OP_PUT || kind == OP_TAKE;
}

const char *op_kind_name(enum op_kind kind) {
  static const char *const names[OP_KINDS] = {"record", "claim", "put", "take", "get", "load", "scan"};
  return names[kind];
}

static struct op *new_op(enum op_kind kind, size_t text_bytes) {
  struct op *op = calloc(1, sizeof(*op) + text_bytes);
  if (!op) return NULL;
  op->kind = kind;
  op->memory_bytes = sizeof(*op) + text_bytes;
  op->tickets_end = &op->tickets;
  return op;
}

struct op *op_new_record(const struct weigate_signin *signin) {
  struct weigate_person person = signin->person ? *signin->person : (struct weigate_person){0};
  struct weigate_event event = signin->event ? *signin->event : (struct weigate_event){0};
  struct weigate_ticket ticket = signin->ticket ? *signin->ticket : (struct weigate_ticket){0};
  struct weigate_text *texts[TEXTS_MAX];
  size_t size = 0;
  texts_of_person(&person, texts);
  size += texts_measure(texts);
  texts_of_event(&event, texts);
  size += texts_measure(texts);
  texts_of_ticket(&ticket, texts);
  size += texts_measure(texts);
  struct op *op = new_op(OP_RECORD, size);
  if (!op) return NULL;
  op->person = person;
  op->event = event;
  op->ticket = ticket;
  op->signin = (struct weigate_signin){.struct_size = sizeof(op->signin),
                                       .person = signin->person ? &op->person : NULL,
                                       .event = signin->event ? &op->event : NULL,
                                       .ticket = signin->ticket ? &op->ticket : NULL};
  texts_of_person(&op->person, texts);
  char *end = texts_move(texts, op->bytes);
  texts_of_event(&op->event, texts);
  end = texts_move(texts, end);
  texts_of_ticket(&op->ticket, texts);
  texts_move(texts, end);
  return op;
}

struct op *op_new_ticket(enum op_kind kind, const struct weigate_ticket *ticket) {
  struct weigate_ticket copy = *ticket;
  struct weigate_text *texts[TEXTS_MAX];
  texts_of_ticket(&copy, texts);
  struct op *op = new_op(kind, texts_measure(texts));
  if (!op) return NULL;
  op->ticket = copy;
  texts_of_ticket(&op->ticket, texts);
  texts_move(texts, op->bytes);
  return op;
}

struct op *op_new_load(struct weigate_text appid, struct weigate_text openid, uint32_t want) {
  struct op *op = new_op(OP_LOAD, appid.size + openid.size);
  if (!op) return NULL;
  op->key = (struct weigate_key){.struct_size = sizeof(op->key), .appid = appid, .openid = openid};
  op->want = want;
  struct weigate_text *texts[] = {&op->key.appid, &op->key.openid, NULL};
  texts_move(texts, op->bytes);
  return op;
}

struct op *op_new_scan(struct weigate_text kind, uint64_t cursor) {
  struct weigate_ticket ticket = {.struct_size = sizeof(ticket), .kind = kind};
  struct op *op = op_new_ticket(OP_SCAN, &ticket);
  if (op) op->cursor = cursor;
  return op;
}

void op_forget_found(struct op *op) {
  while (op->tickets) {
    struct op_ticket *next = op->tickets->next;
    free(op->tickets);
    op->tickets = next;
  }
  op->tickets_end = &op->tickets;
  store_person_done(&op->found);
}

void op_free(struct op *op) {
  if (!op) return;
  op_forget_found(op);
  free(op);
}

int op_keep_ticket(struct op *op, const struct weigate_ticket *ticket) {
  struct weigate_ticket copy = {0};
  struct weigate_text *texts[TEXTS_MAX];
  memcpy(&copy, ticket, ticket->struct_size < sizeof(copy) ? ticket->struct_size : sizeof(copy));
  texts_of_ticket(&copy, texts);
  struct op_ticket *kept = malloc(sizeof(*kept) + texts_measure(texts));
  if (!kept) return -1;
  kept->next = NULL;
  kept->ticket = copy;
  texts_of_ticket(&kept->ticket, texts);
  texts_move(texts, kept->bytes);
  *op->tickets_end = kept;
  op->tickets_end = &kept->next;
  return 0;
}

int op_keep_person(struct op *op, const struct weigate_person *person) {
  struct weigate_person *copy = &op->found.person;
  struct weigate_text *texts[TEXTS_MAX];
  *copy = (struct weigate_person){0};
  memcpy(copy, person, person->struct_size < sizeof(*copy) ? person->struct_size : sizeof(*copy));
  copy->struct_size = sizeof(*copy);
  texts_of_person(copy, texts);
  size_t size = texts_measure(texts);
  buf_init(&op->found.memory, size + 1);
  char *to = buf_reserve(&op->found.memory, size + 1);
  if (!to) return -1;
  texts_move(texts, to);
  buf_grew(&op->found.memory, size);
  op->found.is_found = true;
  return 0;
}

void store_person_done(struct store_person *person) {
  buf_done(&person->memory);
  *person = (struct store_person){0};
}
