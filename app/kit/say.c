/* SPDX-License-Identifier: Apache-2.0
 * say: lines for people and for programs that read TAP; each is written as soon as it is known. */
#include "kit/say.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/scope.h"

#define LINE_BYTES 32768

/* "the_same_write_twice" as words. */
static void add_sentence(struct buf *out, const char *name) {
  for (const char *p = name; *p; p++) buf_add_char(out, *p == '_' ? ' ' : *p);
}

static void print(struct say *say, struct buf *line) {
  fwrite(line->data, 1, line->len, say->out);
  fflush(say->out);
}

/* Each line of the text behind a prefix, escaped. */
static void add_lines(struct buf *out, const char *prefix, struct str text) {
  struct str line;
  while (str_split(&text, '\n', &line)) {
    if (line.n == 0) continue;
    buf_add_text(out, prefix);
    text_printable(out, line, 1000);
    buf_add_char(out, '\n');
  }
}

/* Figures that a check printed: lines that begin with "note: ". */
static void add_notes(struct buf *out, struct str text) {
  struct str line, note = STR("note: ");
  while (str_split(&text, '\n', &line)) {
    if (!str_starts(line, note)) continue;
    buf_add_text(out, "# ");
    text_printable(out, str_from(line, note.n), 200);
    buf_add_char(out, '\n');
  }
}

static void say_tap(struct say *say, const struct say_result *result) {
  SCOPE_BUF struct buf line;
  buf_init(&line, LINE_BYTES);
  buf_addf(&line, "%s %u - %s: ", result->outcome == SAY_BROKEN ? "not ok" : "ok", say->number, result->chapter);
  add_sentence(&line, result->check->name);
  if (result->check->numbers) buf_addf(&line, " (%s)", result->check->numbers);
  if (result->outcome == SAY_SKIPPED) {
    buf_add_text(&line, " # SKIP ");
    text_printable(&line, buf_str(result->report), 200);
  }
  buf_add_char(&line, '\n');
  if (result->outcome == SAY_KEPT) add_notes(&line, buf_str(result->output));
  if (result->outcome == SAY_BROKEN) {
    buf_add_text(&line, "  ---\n");
    add_lines(&line, "  ", buf_str(result->report));
    if (result->check->hint) buf_addf(&line, "  often: %s\n", result->check->hint);
    buf_addf(&line, "  alone: --only %s\n  ...\n", result->check->name);
    add_lines(&line, "# ", buf_str(result->output));
  }
  print(say, &line);
}

static void say_json(struct say *say, const struct say_result *result) {
  static const char *const words[] = {[SAY_KEPT] = "kept", [SAY_BROKEN] = "broken", [SAY_SKIPPED] = "skipped"};
  SCOPE_BUF struct buf line;
  buf_init(&line, LINE_BYTES);
  buf_addf(&line, "{\"check\":\"%s\",\"chapter\":\"%s\",\"numbers\":\"%s\",\"result\":\"%s\",\"ms\":%" PRIu64,
           result->check->name, result->chapter, result->check->numbers ? result->check->numbers : "", words[result->outcome],
           result->took_ms);
  if (result->outcome != SAY_KEPT) {
    buf_add_text(&line, ",\"why\":");
    json_add_string(&line, buf_str(result->report));
  }
  if (result->outcome == SAY_BROKEN && result->check->hint) {
    buf_add_text(&line, ",\"often\":");
    json_add_string(&line, str_of(result->check->hint));
  }
  buf_add_text(&line, "}\n");
  print(say, &line);
}

void say_begin(struct say *say, const char *title, const char *level, uint64_t seed, unsigned count) {
  if (say->is_json) return;
  fprintf(say->out, "TAP version 13\n# %s\n# level %s, seed %" PRIu64 "\n1..%u\n", title, level, seed, count);
  fflush(say->out);
}

void say_result(struct say *say, const struct say_result *result) {
  say->number++;
  say->kept += result->outcome == SAY_KEPT;
  say->broken += result->outcome == SAY_BROKEN;
  say->skipped += result->outcome == SAY_SKIPPED;
  (say->is_json ? say_json : say_tap)(say, result);
}

void say_end(struct say *say) {
  unsigned asked = say->kept + say->broken;
  if (say->is_json) {
    fprintf(say->out, "{\"kept\":%u,\"broken\":%u,\"skipped\":%u}\n", say->kept, say->broken, say->skipped);
    return;
  }
  fprintf(say->out, "# %u of %u promises kept", say->kept, asked);
  if (say->skipped) fprintf(say->out, ", %u not asked for", say->skipped);
  fputc('\n', say->out);
}
