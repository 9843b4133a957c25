/* SPDX-License-Identifier: Apache-2.0
 * nginx_text: words, quotes, comments and blocks; pure, any thread. */
#include "ctl/nginx_text.h"

#include <stdlib.h>
#include <string.h>

/* nginx itself nests no deeper than a handful. */
#define DEPTH_MAX 64

struct reading {
  struct nginx_text *parsed;
  size_t begun_at; /* of the directive being read, in words */
  size_t blocks[DEPTH_MAX];
  size_t depth;
  bool has_failed;
};

static bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Bytes of the word at the beginning of the text: up to a blank or a mark, quotes and ${names} in one piece. */
static size_t measure_word(struct str text) {
  size_t n = 0;
  char quote = 0;
  for (; n < text.n; n++) {
    char c = text.p[n];
    if (c == '\\' && n + 1 < text.n) {
      n++;
    } else if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '$' && n + 1 < text.n && text.p[n + 1] == '{') {
      quote = '}';
    } else if (is_blank(c) || c == ';' || c == '{' || c == '}') {
      break;
    }
  }
  return n;
}

static void add_word(struct reading *reading, struct str word) {
  struct buf *words = &reading->parsed->words;
  if (words->len > reading->begun_at) buf_add_char(words, ' ');
  buf_add_str(words, word);
}

/* Texts are offsets until all of the words are there: the buffer may move. */
static void end_directive(struct reading *reading, bool is_block) {
  struct nginx_text *parsed = reading->parsed;
  size_t n = parsed->words.len - reading->begun_at;
  if (n == 0 && !is_block) return;
  struct nginx_directive *all =
      (parsed->count & (parsed->count - 1)) ? parsed->all : realloc(parsed->all, (parsed->count * 2 + 1) * sizeof *all);
  if (!all) {
    reading->has_failed = true;
    return;
  }
  parsed->all = all;
  all[parsed->count] = (struct nginx_directive){.text = {(const char *)reading->begun_at, n},
                                                .parent = reading->depth ? reading->blocks[reading->depth - 1] : NGINX_TOP,
                                                .is_block = is_block};
  if (is_block && reading->depth < DEPTH_MAX) reading->blocks[reading->depth++] = parsed->count;
  parsed->count++;
  reading->begun_at = parsed->words.len;
}

static void take_mark(struct reading *reading, char mark) {
  end_directive(reading, mark == '{');
  if (mark == '}' && reading->depth > 0) reading->depth--;
}

static struct str skip_line(struct str text) {
  const char *end = memchr(text.p, '\n', text.n);
  return end ? str_from(text, (size_t)(end - text.p)) : str_from(text, text.n);
}

int nginx_text_parse(struct str text, struct nginx_text *ret_parsed) {
  *ret_parsed = (struct nginx_text){0};
  struct reading reading = {.parsed = ret_parsed};
  buf_init(&ret_parsed->words, NGINX_TEXT_MAX_BYTES + 1);
  while (text.n > 0 && !reading.has_failed) {
    char c = text.p[0];
    if (c == '#') {
      text = skip_line(text);
    } else if (is_blank(c)) {
      text = str_from(text, 1);
    } else if (c == ';' || c == '{' || c == '}') {
      take_mark(&reading, c);
      text = str_from(text, 1);
    } else {
      size_t n = measure_word(text);
      add_word(&reading, str_make(text.p, n));
      text = str_from(text, n);
    }
  }
  if (reading.has_failed || ret_parsed->words.failed) {
    nginx_text_done(ret_parsed);
    return -1;
  }
  for (size_t i = 0; i < ret_parsed->count; i++)
    ret_parsed->all[i].text.p = ret_parsed->words.data + (size_t)ret_parsed->all[i].text.p;
  return 0;
}

void nginx_text_done(struct nginx_text *parsed) {
  free(parsed->all);
  buf_done(&parsed->words);
  *parsed = (struct nginx_text){0};
}

size_t nginx_text_block(const struct nginx_text *parsed, struct str head, size_t from) {
  for (size_t i = from; i < parsed->count; i++)
    if (parsed->all[i].is_block && str_eq(parsed->all[i].text, head)) return i;
  return NGINX_TOP;
}

bool nginx_text_has(const struct nginx_text *parsed, size_t block, struct str directive) {
  for (size_t i = 0; i < parsed->count; i++)
    if ((block == NGINX_TOP || parsed->all[i].parent == block) && str_eq(parsed->all[i].text, directive)) return true;
  return false;
}

size_t nginx_text_named(const struct nginx_text *parsed, size_t block, struct str name, size_t from) {
  for (size_t i = from; i < parsed->count; i++) {
    struct str text = parsed->all[i].text;
    bool is_named = str_starts(text, name) && (text.n == name.n || text.p[name.n] == ' ');
    if (is_named && (block == NGINX_TOP || parsed->all[i].parent == block)) return i;
  }
  return NGINX_TOP;
}
