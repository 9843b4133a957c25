/* SPDX-License-Identifier: Apache-2.0
 * request_about: what a request's headers say about who sent it: a program or a person, which browser, which language. Any
 * thread. */
#include "web/request.h"

/* A weight in thousandths; RFC 9110 12.4.2 writes at most three digits behind the point. */
enum { WEIGHT_ONE = 1000, WEIGHT_UNSAID = -1 };

static bool names_media_type(struct str accept, struct str type) {
  struct str range;
  while (str_split(&accept, ',', &range)) {
    struct str name;
    if (str_split(&range, ';', &name) && str_eq_nocase(str_trim(name), type)) return true;
  }
  return false;
}

/* "0.7", "1", "1.000"; anything else counts as the default 1. */
static int read_weight(struct str text) {
  int weight = 0, digit_value = WEIGHT_ONE / 10;
  if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1')) return WEIGHT_ONE;
  if (text.p[0] == '1' || text.n < 3 || text.p[1] != '.') return text.p[0] == '1' ? WEIGHT_ONE : 0;
  for (size_t i = 2; i < text.n; i++, digit_value /= 10) {
    if (text.p[i] < '0' || text.p[i] > '9') return WEIGHT_ONE;
    weight += (text.p[i] - '0') * digit_value;
  }
  return weight;
}

static int find_weight(struct str parameters) {
  struct str parameter;
  while (str_split(&parameters, ';', &parameter)) {
    parameter = str_trim(parameter);
    if (str_starts_nocase(parameter, STR("q="))) return read_weight(str_from(parameter, 2));
  }
  return WEIGHT_ONE;
}

/* The tag itself or one of its variants: "zh", "zh-Hant-TW". */
static bool is_language(struct str tag, struct str language) {
  return str_starts_nocase(tag, language) && (tag.n == language.n || tag.p[language.n] == '-');
}

bool request_is_api(const struct request *request) {
  if (names_media_type(request->accept, STR("application/json")) && !names_media_type(request->accept, STR("text/html")))
    return true;
  if (str_eq_nocase(str_trim(request->requested_with), STR("XMLHttpRequest"))) return true;
  struct str mode = str_trim(request->fetch_mode);
  return mode.n > 0 && !str_eq_nocase(mode, STR("navigate"));
}

bool request_is_wechat(const struct request *request) {
  return str_contains_nocase(request->user_agent, STR("MicroMessenger"));
}

bool request_is_prefetch(const struct request *request) {
  return str_contains_nocase(request->purpose, STR("prefetch"));
}

bool request_wants_chinese(const struct request *request) {
  struct str rest = request->accept_language, entry;
  int chinese = WEIGHT_UNSAID, english = WEIGHT_UNSAID, any = WEIGHT_UNSAID, other = WEIGHT_UNSAID;
  bool is_chinese_first = false;
  while (str_split(&rest, ',', &entry)) {
    struct str tag;
    if (!str_split(&entry, ';', &tag) || str_trim(tag).n == 0) continue;
    tag = str_trim(tag);
    int *weight = is_language(tag, STR("zh"))   ? &chinese
                  : is_language(tag, STR("en")) ? &english
                  : str_eq(tag, STR("*"))       ? &any
                                                : &other;
    int said = find_weight(entry);
    if (weight == &chinese && english < said) is_chinese_first = true;
    if (said > *weight) *weight = said;
  }
  if (chinese == WEIGHT_UNSAID) chinese = any;
  if (english == WEIGHT_UNSAID && other == WEIGHT_UNSAID) return chinese != 0; /* nothing else was asked for */
  if (chinese <= 0) return false;
  return chinese > english || (chinese == english && is_chinese_first);
}
