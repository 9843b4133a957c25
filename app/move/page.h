/* SPDX-License-Identifier: Apache-2.0
 * page: some records of one part of a store, copied out of the plugin's memory, on their way to another. */
#ifndef WEIGATE_MOVE_PAGE_H
#define WEIGATE_MOVE_PAGE_H

#include "move/end.h"

/* Records read and written at once: a batch of the file plugin's writers then holds its lock for some 20 ms, and a sign-in that
 * waits behind it is not noticed. */
#define PAGE_MAX 256

/* What a store holds, in the order it is copied in: people with their tombstones before the events that count for them. */
enum part { PART_PEOPLE, PART_EVENTS, PART_TICKETS };
#define PART_COUNT 3

/* Where the reading of a part goes on. */
struct place {
  uint32_t cursor_size; /* 0 in the beginning and behind the end */
  char cursor[WEIGATE_CURSOR_MAX];
  uint64_t ticket_cursor;
};

struct page {
  enum part part;
  size_t count;
  struct weigate_person people[PAGE_MAX]; /* PART_PEOPLE; tombstones too */
  struct weigate_event events[PAGE_MAX];
  struct weigate_ticket tickets[PAGE_MAX];
  /* private */
  char *memory[PAGE_MAX]; /* of what was read, wherever it stands now */
  size_t held;
  bool is_out_of_memory;
};

/* What is asked for: the members that the part needs. */
struct page_question {
  enum part part;
  const char *kind; /* PART_TICKETS */
  uint32_t want;    /* PART_PEOPLE */
  int64_t since_us; /* people that changed, events that happened at or after it; 0: all */
  uint32_t limit;   /* at most PAGE_MAX */
};

/* NULL without memory. */
struct page *page_new(void);
void page_free(struct page *page); /* accepts NULL */
/* Forgets what the page held and reads on from the place, which moves. The last one of people and events leaves a place whose
 * cursor_size is 0; tickets are read as long as their cursor moves (a page of tickets past their time is empty). Blocks. */
int page_read(struct page *page, const struct end *end, const struct page_question *question, struct place *place,
              struct err *err);

#endif
