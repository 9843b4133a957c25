/* SPDX-License-Identifier: Apache-2.0
 * term: cells, escapes and colours; the program's only thread. */
#include "ctl/term.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "base/scope.h"
#include "base/utf8.h"

/* Longest text shown in one cell before cutting: a nickname of WEIGATE_NICKNAME_MAX, every byte of it escaped. */
#define CELL_TEXT_MAX_BYTES 8192

bool term_is_terminal(void) {
  return isatty(STDOUT_FILENO) == 1;
}

size_t term_columns(void) {
  struct winsize size;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* Cells of the first code point of the text, and its length. */
static size_t measure_first(struct str text, size_t *ret_bytes) {
  uint32_t code_point;
  size_t bad = 0, used = utf8_decode(text.p, text.n, &code_point, &bad);
  int width = wcwidth((wchar_t)code_point);
  *ret_bytes = used ? used : bad;
  return width > 0 ? (size_t)width : 0;
}

size_t term_width(struct str text) {
  size_t cells = 0, bytes;
  for (; text.n > 0; text = str_from(text, bytes)) cells += measure_first(text, &bytes);
  return cells;
}

/* Bytes of the text that fit in so many cells. */
static size_t cut_to(struct str text, size_t cells) {
  size_t taken = 0;
  while (taken < text.n) {
    size_t bytes, width = measure_first(str_from(text, taken), &bytes);
    if (width > cells) break;
    cells -= width;
    taken += bytes;
  }
  return taken;
}

void term_add_cell(struct buf *out, struct str text, size_t cells) {
  SCOPE_BUF struct buf shown;
  buf_init(&shown, CELL_TEXT_MAX_BYTES);
  text_printable(&shown, text, CELL_TEXT_MAX_BYTES);
  struct str all = buf_str(&shown);
  size_t width = term_width(all);
  if (width > cells && cells > 0) {
    all.n = cut_to(all, cells - 1);
    buf_add_str(out, all);
    buf_add_text(out, "…");
    width = term_width(all) + 1;
  } else {
    buf_add_str(out, all);
  }
  for (; width < cells; width++) buf_add_char(out, ' ');
}

void term_add_styled(struct buf *out, enum term_style style, const char *text) {
  static const char *const codes[] = {
      [TERM_BOLD] = "1", [TERM_DIM] = "2", [TERM_GOOD] = "32", [TERM_WARN] = "33", [TERM_BAD] = "31"};
  const char *no_color = getenv("NO_COLOR");
  bool plain = !term_is_terminal() || (no_color && *no_color);
  if (plain)
    buf_add_text(out, text);
  else
    buf_addf(out, "\033[%sm%s\033[0m", codes[style], text);
}

void term_add_span(struct buf *out, uint64_t seconds) {
  static const struct {
    const char *name;
    uint64_t seconds;
  } units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
  size_t i = 0;
  while (i < 3 && seconds < units[i].seconds) i++;
  buf_addf(out, "%llu%s", (unsigned long long)(seconds / units[i].seconds), units[i].name);
  if (i < 3 && seconds % units[i].seconds / units[i + 1].seconds > 0)
    buf_addf(out, " %llu%s", (unsigned long long)(seconds % units[i].seconds / units[i + 1].seconds), units[i + 1].name);
}

void term_add_bytes(struct buf *out, uint64_t bytes) {
  static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  size_t i = 0;
  double value = (double)bytes;
  for (; i + 1 < sizeof units / sizeof units[0] && value >= 1024; i++) value /= 1024;
  buf_addf(out, i == 0 || value >= 10 ? "%.0f %s" : "%.1f %s", value, units[i]);
}

bool term_confirm(const char *question) {
  char answer[16] = "";
  if (isatty(STDIN_FILENO) != 1) return false;
  fprintf(stderr, "%s [y/N] ", question);
  fflush(stderr);
  if (!fgets(answer, sizeof answer, stdin)) return false;
  struct str word = str_trim(str_of(answer));
  if (str_ends(word, STR("\n"))) word.n--;
  return str_eq_nocase(word, STR("y")) || str_eq_nocase(word, STR("yes"));
}

void term_print(struct buf *out) {
  fwrite(out->data ? out->data : "", 1, out->len, stdout);
  buf_clear(out);
}
