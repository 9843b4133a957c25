/* SPDX-License-Identifier: Apache-2.0
 * values: one parser per option type, and the table of them; before threads start. */
#include "conf/values.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/vault.h"
#include "conf/file.h"
#include "web/url.h"

/* What a parser gets to know. */
struct setting {
  struct conf *conf;
  const struct option *option;
  struct str text;
  char *section; /* the struct that the member is in */
  struct err *err;
};

static void *member(const struct setting *setting) {
  return setting->section + setting->option->offset;
}

static int keep_text(const struct setting *setting, struct str text) {
  const char **to = member(setting);
  char *kept = value_keep(setting->conf, text);
  if (!kept) return err_set(setting->err, "out of memory");
  *to = kept;
  return 0;
}

/* The place of the word in "a|b|c", or -1. */
static int find_choice(const char *choices, struct str word) {
  struct str rest = str_of(choices), choice;
  for (int place = 0; str_split(&rest, '|', &choice); place++)
    if (str_eq(choice, word)) return place;
  return -1;
}

static bool is_word(struct str text) {
  for (size_t i = 0; i < text.n; i++) {
    char c = text.p[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '-' && c != '_') return false;
  }
  return text.n > 0;
}

/* Characters that a path in a URL may have unencoded (RFC 3986, pchar without the escape, and '/'). */
static bool is_url_path(struct str path) {
  for (size_t i = 0; i < path.n; i++) {
    char c = path.p[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && !memchr("/-._~!$&'()*+,=:@", c, 17)) return false;
  }
  return true;
}

static int take_blank_separated(struct str *rest, struct str *ret_word) {
  *rest = str_trim(*rest);
  if (rest->n == 0) return 0;
  size_t n = 0;
  while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t') n++;
  *ret_word = str_make(rest->p, n);
  *rest = str_from(*rest, n);
  return 1;
}

static int refuse_plain_http(const struct setting *setting, const struct origin *origin) {
  if (origin->is_https || origin->is_loopback) return 0;
  return err_set(setting->err, "\"%s\" is plain http; that is accepted for loopback addresses only, use https", origin->text);
}

static int parse_count(const struct setting *setting) {
  uint64_t value;
  const struct option *option = setting->option;
  if (text_parse_u64(setting->text, option->max, &value) != 0 || value < option->min)
    return err_set(setting->err, "\"%.*s\" is not a number from %llu to %llu", STR_ARG(setting->text),
                   (unsigned long long)option->min, (unsigned long long)option->max);
  *(size_t *)member(setting) = (size_t)value;
  return 0;
}

static size_t count_cpus(void) {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return n < 1 ? 1 : (size_t)n;
}

static int parse_count_auto(const struct setting *setting) {
  if (!str_eq(setting->text, STR("auto"))) return parse_count(setting);
  size_t n = count_cpus();
  *(size_t *)member(setting) = n < setting->option->max ? n : (size_t)setting->option->max;
  return 0;
}

static int parse_duration(const struct setting *setting) {
  uint64_t ms;
  const struct option *option = setting->option;
  if (text_parse_duration_ms(setting->text, &ms) == 0 && ms >= option->min && ms <= option->max) {
    *(uint64_t *)member(setting) = ms;
    return 0;
  }
  SCOPE_BUF struct buf range;
  buf_init(&range, 128);
  value_describe(&range, option);
  return err_set(setting->err, "\"%.*s\" is not %s (250ms, 5s, 10m, 2h, 7d)", STR_ARG(setting->text), buf_text(&range));
}

static int parse_size(const struct setting *setting) {
  uint64_t bytes;
  const struct option *option = setting->option;
  if (text_parse_size_bytes(setting->text, &bytes) == 0 && bytes >= option->min && bytes <= option->max) {
    *(uint64_t *)member(setting) = bytes;
    return 0;
  }
  SCOPE_BUF struct buf range;
  buf_init(&range, 128);
  value_describe(&range, option);
  return err_set(setting->err, "\"%.*s\" is not %s (64K, 256M, 1G)", STR_ARG(setting->text), buf_text(&range));
}

static int parse_bool(const struct setting *setting) {
  int place = find_choice("no|yes", setting->text);
  if (place < 0) return err_set(setting->err, "\"%.*s\" is neither yes nor no", STR_ARG(setting->text));
  *(bool *)member(setting) = place == 1;
  return 0;
}

static int find_known_choice(const struct setting *setting) {
  int place = find_choice(setting->option->choices, setting->text);
  if (place < 0) return err_set(setting->err, "\"%.*s\" is not one of %s", STR_ARG(setting->text), setting->option->choices);
  return place;
}

static int parse_choice(const struct setting *setting) {
  int place = find_known_choice(setting);
  if (place < 0) return -1;
  *(int *)member(setting) = place;
  return 0;
}

static int parse_word_of(const struct setting *setting) {
  return find_known_choice(setting) < 0 ? -1 : keep_text(setting, setting->text);
}

static int parse_word(const struct setting *setting) {
  if (!is_word(setting->text) || setting->text.n > setting->option->max)
    return err_set(setting->err, "\"%.*s\" is not made of 1 to %d letters, digits, \"-\" and \"_\"", STR_ARG(setting->text),
                   (int)setting->option->max);
  return keep_text(setting, setting->text);
}

static int parse_path(const struct setting *setting) {
  if (setting->text.p[0] != '/' || setting->text.n >= PATH_MAX)
    return err_set(setting->err, "\"%.*s\" is not an absolute path", STR_ARG(setting->text));
  return keep_text(setting, setting->text);
}

static int parse_path_or(const struct setting *setting) {
  if (find_choice(setting->option->choices, setting->text) >= 0) return keep_text(setting, setting->text);
  if (setting->text.p[0] == '/') return parse_path(setting);
  return err_set(setting->err, "\"%.*s\" is neither an absolute path nor %s", STR_ARG(setting->text), setting->option->choices);
}

static int parse_plugin(const struct setting *setting) {
  if (setting->text.p[0] == '/') return parse_path(setting);
  if (!is_word(setting->text) || setting->text.n > WEIGATE_WORD_MAX)
    return err_set(setting->err, "\"%.*s\" is neither a plugin's name (file, postgres) nor an absolute path",
                   STR_ARG(setting->text));
  return keep_text(setting, setting->text);
}

static int parse_readable(const struct setting *setting) {
  if (parse_path(setting) != 0) return -1;
  const char *path = *(const char **)member(setting);
  if (!(setting->conf->flags & CONF_WITHOUT_SECRETS) && access(path, R_OK) != 0)
    return err_set(setting->err, "cannot read %s: %m", path);
  return 0;
}

/* One line: the final newline is dropped, and nothing else may surround the secret. */
static int keep_secret(const struct setting *setting, const char *path, struct str secret) {
  if (str_ends(secret, STR("\n"))) secret.n--;
  if (str_ends(secret, STR("\r"))) secret.n--;
  if (secret.n == 0) return err_set(setting->err, "%s is empty; put the AppSecret into it", path);
  for (size_t i = 0; i < secret.n; i++)
    if (secret.p[i] <= ' ' || secret.p[i] >= 0x7f)
      return err_set(setting->err,
                     "%s has a blank, a second line or another odd byte at position %zu; it should hold the "
                     "AppSecret and nothing else",
                     path, i + 1);
  char *kept = value_keep_secret(setting->conf, secret);
  if (!kept) return err_set(setting->err, "out of memory");
  *(const char **)member(setting) = kept;
  return 0;
}

static int read_secret(const struct setting *setting, struct buf *content) {
  SCOPE_FREE char *path = str_dup(setting->text);
  if (!path) return err_set(setting->err, "out of memory");
  errno = 0; /* a file that is there and refused leaves it alone */
  if (file_read_secret(path, content, setting->err) != 0) {
    bool is_new = setting->option->type == OPTION_KEYS_FILE && access(path, F_OK) != 0 && errno == ENOENT;
    return is_new ? err_set(setting->err, "%s is not there yet; make it with: weigatectl keys new", path) : -1;
  }
  if (setting->option->type == OPTION_SECRET_FILE) return keep_secret(setting, path, buf_str(content));
  if (seal_keys_parse(buf_str(content), member(setting), setting->err) == 0) return 0;
  return err_prefix(setting->err, "%s", path);
}

static int parse_secret_file(const struct setting *setting) {
  if (setting->text.p[0] != '/' || setting->text.n >= PATH_MAX)
    return err_set(setting->err, "\"%.*s\" is not an absolute path", STR_ARG(setting->text));
  if (setting->conf->flags & CONF_WITHOUT_SECRETS)
    return setting->option->type == OPTION_SECRET_FILE ? keep_text(setting, STR("")) : 0;
  struct buf content;
  buf_init(&content, setting->option->max);
  int result = read_secret(setting, &content);
  if (content.data) explicit_bzero(content.data, content.cap);
  buf_done(&content);
  return result;
}

static int parse_site(const struct setting *setting) {
  struct origin origin;
  if (origin_parse(setting->text, &origin, setting->err) != 0 || refuse_plain_http(setting, &origin) != 0) return -1;
  *(struct origin *)member(setting) = origin;
  return 0;
}

static int parse_sites(const struct setting *setting) {
  struct origin *to = member(setting);
  size_t *count = (size_t *)(void *)(setting->section + setting->option->count_offset);
  struct str rest = setting->text, word;
  while (take_blank_separated(&rest, &word)) {
    if (*count == setting->option->max) return err_set(setting->err, "more than %d origins", (int)setting->option->max);
    if (str_has(word, '*'))
      return err_set(setting->err, "\"%.*s\": patterns are not accepted; name each origin (https://shop.example.com)",
                     STR_ARG(word));
    if (origin_parse(word, &to[*count], setting->err) != 0 || refuse_plain_http(setting, &to[*count]) != 0) return -1;
    ++*count;
  }
  return 0;
}

static int parse_url(const struct setting *setting) {
  struct str text = setting->text;
  const char *scheme_end = memmem(text.p, text.n, "://", 3);
  if (!scheme_end) return err_set(setting->err, "\"%.*s\" is not an address such as https://host/path", STR_ARG(text));
  size_t host_at = (size_t)(scheme_end - text.p) + 3;
  const char *slash = host_at < text.n ? memchr(text.p + host_at, '/', text.n - host_at) : NULL;
  size_t origin_bytes = slash ? (size_t)(slash - text.p) : text.n;
  struct origin origin;
  if (origin_parse(str_make(text.p, origin_bytes), &origin, setting->err) != 0 || refuse_plain_http(setting, &origin) != 0)
    return -1;
  if (text.n > WEIGATE_URL_MAX || !is_url_path(str_from(text, origin_bytes)))
    return err_set(setting->err, "\"%.*s\": the path may hold no query, fragment, blank or escape", STR_ARG(text));
  return keep_text(setting, text);
}

static int parse_urls(const struct setting *setting) {
  const char **to = member(setting);
  size_t *count = (size_t *)(void *)(setting->section + setting->option->count_offset);
  struct str rest = setting->text, word;
  while (take_blank_separated(&rest, &word)) {
    struct origin origin;
    if (*count == setting->option->max) return err_set(setting->err, "more than %d addresses", (int)setting->option->max);
    if (origin_parse(word, &origin, setting->err) != 0 || refuse_plain_http(setting, &origin) != 0) return -1;
    to[*count] = value_keep(setting->conf, str_of(origin.text));
    if (!to[*count]) return err_set(setting->err, "out of memory");
    ++*count;
  }
  return 0;
}

static int parse_prefix(const struct setting *setting) {
  struct str text = setting->text;
  bool good = text.n >= 2 && text.n <= setting->option->max && text.p[0] == '/' && text.p[text.n - 1] != '/';
  struct str rest = str_from(text, 1), part;
  while (good && str_split(&rest, '/', &part)) good = is_word(part);
  if (!good)
    return err_set(setting->err, "\"%.*s\" is not a path such as /weixin: letters, digits, \"-\", \"_\", no \"/\" at the end",
                   STR_ARG(text));
  return keep_text(setting, text);
}

/* Only its form; whether the account may go there is judged when all of the account is known. */
static int parse_next(const struct setting *setting) {
  if (setting->text.n > setting->option->max)
    return err_set(setting->err, "the address is longer than %d bytes", (int)setting->option->max);
  return keep_text(setting, setting->text);
}

/* +HH:MM or -HH:MM; places on earth lie between -12:00 and +14:00. */
static int parse_time_zone(const struct setting *setting) {
  struct str text = setting->text;
  uint64_t hours, minutes;
  if (text.n == 6 && (text.p[0] == '+' || text.p[0] == '-') && text.p[3] == ':' &&
      text_parse_u64(str_make(text.p + 1, 2), 14, &hours) == 0 && text_parse_u64(str_make(text.p + 4, 2), 59, &minutes) == 0 &&
      hours * 60 + minutes <= 14 * 60) {
    int32_t offset = (int32_t)(hours * 60 + minutes);
    *(int32_t *)member(setting) = text.p[0] == '-' ? -offset : offset;
    return 0;
  }
  return err_set(setting->err, "\"%.*s\" is not an offset such as +08:00, from -14:00 to +14:00", STR_ARG(text));
}

static int find_user(struct str word, uint32_t *ret_uid) {
  char name[64];
  uint64_t number;
  if (text_parse_u64(word, UINT32_MAX - 1, &number) == 0) {
    *ret_uid = (uint32_t)number;
    return 0;
  }
  const struct passwd *user = str_copy(word, name, sizeof name) == 0 ? getpwnam(name) : NULL;
  if (!user) return -1;
  *ret_uid = user->pw_uid;
  return 0;
}

static int parse_users(const struct setting *setting) {
  uint32_t *to = member(setting);
  size_t *count = (size_t *)(void *)(setting->section + setting->option->count_offset);
  struct str rest = setting->text, word;
  while (take_blank_separated(&rest, &word)) {
    if (*count == setting->option->max) return err_set(setting->err, "more than %d users", (int)setting->option->max);
    if (find_user(word, &to[*count]) != 0)
      return err_set(setting->err, "this machine has no user \"%.*s\"; name users as in /etc/passwd, separated by blanks",
                     STR_ARG(word));
    ++*count;
  }
  return 0;
}

static const struct {
  int (*parse)(const struct setting *setting);
  const char *words; /* what it accepts, for people; NULL: made from limits or choices */
} types[] = {
    [OPTION_COUNT] = {parse_count, NULL},
    [OPTION_COUNT_AUTO] = {parse_count_auto, NULL},
    [OPTION_DURATION] = {parse_duration, NULL},
    [OPTION_SIZE] = {parse_size, NULL},
    [OPTION_BOOL] = {parse_bool, "yes or no"},
    [OPTION_CHOICE] = {parse_choice, NULL},
    [OPTION_WORD_OF] = {parse_word_of, NULL},
    [OPTION_WORD] = {parse_word, "a word"},
    [OPTION_PATH] = {parse_path, "an absolute path"},
    [OPTION_PATH_OR] = {parse_path_or, NULL},
    [OPTION_PLUGIN] = {parse_plugin, "a name or an absolute path"},
    [OPTION_READABLE] = {parse_readable, "an absolute path"},
    [OPTION_SECRET_FILE] = {parse_secret_file, "an absolute path"},
    [OPTION_KEYS_FILE] = {parse_secret_file, "an absolute path"},
    [OPTION_SITE] = {parse_site, "scheme and host, http for loopback addresses only"},
    [OPTION_SITES] = {parse_sites, "origins separated by blanks"},
    [OPTION_URL] = {parse_url, "an address, http for loopback addresses only"},
    [OPTION_URLS] = {parse_urls, "addresses separated by blanks, http for loopback addresses only"},
    [OPTION_PREFIX] = {parse_prefix, "a path"},
    [OPTION_NEXT] = {parse_next, "a path on the site, or an address on an allowed origin"},
    [OPTION_TIME_ZONE] = {parse_time_zone, "an offset from -14:00 to +14:00"},
    [OPTION_USERS] = {parse_users, "users of this machine separated by blanks"},
};

static void describe_choices(struct buf *out, const char *choices) {
  struct str rest = str_of(choices), choice;
  const char *separator = "";
  while (str_split(&rest, '|', &choice)) {
    buf_add_text(out, separator);
    buf_add_str(out, choice);
    separator = rest.p && !str_has(rest, '|') ? " or " : ", ";
  }
}

int value_set(struct conf *conf, const struct option *option, struct str text, void *section, struct err *err) {
  const struct setting setting = {.conf = conf, .option = option, .text = text, .section = section, .err = err};
  bool has_default = option->fallback && *option->fallback;
  if (text.n == 0 && option->is_required) return err_set(err, "the value is empty");
  if (text.n == 0 && has_default)
    return err_set(err, "the value is empty; remove the line for the default (%s)", option->fallback);
  return text.n == 0 ? 0 : types[option->type].parse(&setting);
}

void value_describe(struct buf *out, const struct option *option) {
  switch (option->type) {
  case OPTION_COUNT:
  case OPTION_COUNT_AUTO:
    buf_addf(out, "%sa number from %llu to %llu", option->type == OPTION_COUNT ? "" : "auto, or ",
             (unsigned long long)option->min, (unsigned long long)option->max);
    break;
  case OPTION_DURATION:
    buf_add_text(out, "a duration from ");
    text_format_duration(out, option->min);
    buf_add_text(out, " to ");
    text_format_duration(out, option->max);
    break;
  case OPTION_SIZE:
    buf_add_text(out, "a size from ");
    text_format_size(out, option->min);
    buf_add_text(out, " to ");
    text_format_size(out, option->max);
    break;
  case OPTION_CHOICE:
  case OPTION_WORD_OF:
    describe_choices(out, option->choices);
    break;
  case OPTION_PATH_OR:
    describe_choices(out, option->choices);
    buf_add_text(out, " or an absolute path");
    break;
  default:
    buf_add_text(out, types[option->type].words);
  }
}

/* Takes over the copy, which may be NULL. */
static char *keep_in(char ***list, size_t *count, char *copy, void (*release)(void *copy)) {
  char **longer = copy ? realloc(*list, (*count + 1) * sizeof *longer) : NULL;
  if (!longer) {
    release(copy);
    return NULL;
  }
  *list = longer;
  return longer[(*count)++] = copy;
}

char *value_keep(struct conf *conf, struct str text) {
  return keep_in(&conf->kept, &conf->kept_count, str_dup(text), free);
}

char *value_keep_secret(struct conf *conf, struct str secret) {
  return keep_in(&conf->secrets, &conf->secrets_count, vault_keep(secret), vault_free);
}
