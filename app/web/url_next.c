/* SPDX-License-Identifier: Apache-2.0
 * url_next: is this an address that a visitor may be sent back to? Judged twice: as a browser reads it (which origin?) and as a
 * server reads it (one of our own pages?). Any thread. */
#include <stdio.h>

#include "web/url.h"

/* Segments of a path of URL_NEXT_MAX_BYTES: one per slash at most. */
#define SEGMENTS_MAX URL_NEXT_MAX_BYTES

static const struct str own_paths[] = {{"/login", 6}, {"/callback", 9}, {"/logout", 7}};

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool has_control_bytes(struct str s) {
  for (size_t i = 0; i < s.n; i++)
    if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f) return true;
  return false;
}

/* The part in front of query and fragment. */
static struct str cut_path(struct str s) {
  size_t n = 0;
  while (n < s.n && s.p[n] != '?' && s.p[n] != '#') n++;
  return str_make(s.p, n);
}

/* One byte of the segment, "%2e" read as '.'; how many bytes it took goes to *used. */
static char read_dot(struct str s, size_t *used) {
  *used = 1;
  if (s.n >= 3 && s.p[0] == '%' && s.p[1] == '2' && (s.p[2] == 'e' || s.p[2] == 'E')) {
    *used = 3;
    return '.';
  }
  return s.p[0];
}

/* 1 for ".", 2 for "..", with every spelling that a browser takes for them; 0 for anything else. */
static int count_dots(struct str segment) {
  int dots = 0;
  while (segment.n > 0) {
    size_t used;
    if (read_dot(segment, &used) != '.' || ++dots > 2) return 0;
    segment = str_from(segment, used);
  }
  return dots;
}

/* Writes the path without its dot segments, as WHATWG URL does: "/a/../b" is "/b", "/.." is "/", "/.//x" is "//x". */
static struct str resolve_dots(struct str path, char *to) {
  size_t starts[SEGMENTS_MAX], count = 0, n = 0;
  struct str rest = str_from(path, 1), segment;
  bool ends_open = false;
  while (str_split(&rest, '/', &segment)) {
    int dots = count_dots(segment);
    ends_open = dots > 0;
    if (dots == 2 && count > 0) n = starts[--count];
    if (dots > 0) continue;
    starts[count++] = n;
    to[n++] = '/';
    if (segment.n > 0) memcpy(to + n, segment.p, segment.n);
    n += segment.n;
  }
  if (ends_open || n == 0) to[n++] = '/';
  return str_make(to, n);
}

/* As nginx does before it looks for a location: escapes decoded, slashes in a row taken for one, dot segments resolved. */
static struct str normalise_for_server(struct str path, char *to, char *scratch) {
  size_t n = 0;
  for (size_t i = 0; i < path.n; i++) {
    char c = path.p[i];
    if (c == '%' && i + 2 < path.n && hex_value(path.p[i + 1]) >= 0 && hex_value(path.p[i + 2]) >= 0) {
      c = (char)(hex_value(path.p[i + 1]) << 4 | hex_value(path.p[i + 2]));
      i += 2;
    }
    if (c == '?' || c == '#') c = '_'; /* escaped ones belong to the path */
    if (c != '/' || n == 0 || scratch[n - 1] != '/') scratch[n++] = c;
  }
  return resolve_dots(str_make(scratch, n), to);
}

/* /weixin/login and what stands below it; a return to any of these would be a loop or an instant sign-out. */
static bool is_own_page(const struct url_site *site, struct str path) {
  if (!str_starts(path, site->prefix)) return false;
  struct str rest = str_from(path, site->prefix.n);
  for (size_t i = 0; i < sizeof own_paths / sizeof own_paths[0]; i++)
    if (str_starts(rest, own_paths[i]) && (rest.n == own_paths[i].n || strchr("/;", rest.p[own_paths[i].n]))) return true;
  return false;
}

/* The path of an address on the own origin, or (is_own false) on an allowed one. */
static bool is_good_path(const struct url_site *site, struct str path, bool is_own) {
  char resolved[URL_NEXT_MAX_BYTES + 1], scratch[URL_NEXT_MAX_BYTES + 1];
  if (path.n == 0) return true;
  if (path.p[0] != '/' || str_has(path, '\\')) return false;
  struct str browser = resolve_dots(path, resolved);
  if (str_starts(path, STR("//")) || str_starts(browser, STR("//"))) return false;
  return !is_own || !is_own_page(site, normalise_for_server(path, resolved, scratch));
}

static bool is_origin(const struct origin *origin, struct str text) {
  return str_eq(str_of(origin->text), text);
}

/* Splits an absolute address; false unless its origin is the own or an allowed one. */
static bool find_origin(const struct url_site *site, struct str next, struct str *ret_rest, bool *ret_is_own) {
  struct origin origin;
  size_t slashes = str_starts_nocase(next, STR("https://")) ? 8 : str_starts_nocase(next, STR("http://")) ? 7 : 0;
  if (slashes == 0) return false;
  size_t end = slashes;
  while (end < next.n && next.p[end] != '/' && next.p[end] != '?' && next.p[end] != '#') end++;
  if (origin_parse(str_make(next.p, end), &origin, NULL) != 0) return false;
  *ret_rest = str_from(next, end);
  *ret_is_own = is_origin(&site->self, str_of(origin.text));
  bool is_listed = *ret_is_own;
  for (size_t i = 0; i < site->allowed_count && !is_listed; i++) is_listed = is_origin(&site->allowed[i], str_of(origin.text));
  return is_listed;
}

/* What a browser would escape in an address anyway, so that the header holds plain ASCII. */
static bool is_escaped(char byte) {
  return (unsigned char)byte >= 0x80 || strchr(" \"'<>`\\", byte);
}

/* The address is kept as it is written, in the login cookie too. */
static size_t escaped_bytes(struct str next) {
  size_t n = next.n;
  for (size_t i = 0; i < next.n; i++)
    if (is_escaped(next.p[i])) n += 2;
  return n;
}

static void add_escaped(struct buf *out, struct str next) {
  for (size_t i = 0; i < next.n; i++) {
    unsigned char c = (unsigned char)next.p[i];
    if (is_escaped(next.p[i]))
      buf_addf(out, "%%%02X", c);
    else
      buf_add_char(out, (char)c);
  }
}

bool url_next_judge(const struct url_site *site, struct str next, struct buf *out) {
  struct str rest = next;
  bool is_own = true;
  if (next.n == 0 || next.n > URL_NEXT_MAX_BYTES || has_control_bytes(next)) return false;
  if (next.p[0] != '/' && !find_origin(site, next, &rest, &is_own)) return false;
  if (!is_good_path(site, cut_path(rest), is_own) || escaped_bytes(next) > URL_NEXT_MAX_BYTES) return false;
  add_escaped(out, next);
  return !out->failed;
}
