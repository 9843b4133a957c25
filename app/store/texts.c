/* SPDX-License-Identifier: Apache-2.0
 * texts: measured first, then copied one after the other. Any thread. */
#include "store/texts.h"

#include <string.h>

void texts_of_person(struct weigate_person *p, struct weigate_text *texts[TEXTS_MAX]) {
  struct weigate_text *all[TEXTS_MAX] = {&p->appid,        &p->openid, &p->nickname, &p->headimgurl, &p->privilege, &p->language,
                                         &p->raw,          &p->scope,  &p->unionid,  &p->province,   &p->city,      &p->country,
                                         &p->token_sealed, NULL};
  memcpy(texts, all, sizeof(all));
}

void texts_of_event(struct weigate_event *e, struct weigate_text *texts[TEXTS_MAX]) {
  struct weigate_text *all[TEXTS_MAX] = {&e->appid,   &e->openid,  &e->outcome, &e->stage, &e->scope,
                                         &e->channel, &e->network, &e->node,    NULL};
  memcpy(texts, all, sizeof(all));
}

void texts_of_ticket(struct weigate_ticket *t, struct weigate_text *texts[TEXTS_MAX]) {
  struct weigate_text *all[TEXTS_MAX] = {&t->kind, &t->key, &t->value, NULL};
  memcpy(texts, all, sizeof(all));
}

size_t texts_measure(struct weigate_text *const *texts) {
  size_t size = 0;
  for (; *texts; texts++) size += (*texts)->size;
  return size;
}

char *texts_move(struct weigate_text *const *texts, char *to) {
  for (; *texts; texts++) {
    size_t size = (*texts)->size;
    if (size) memcpy(to, (*texts)->bytes, size);
    (*texts)->bytes = size ? to : "";
    to += size;
  }
  return to;
}
