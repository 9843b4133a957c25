/* SPDX-License-Identifier: Apache-2.0
 * conf: the file's lines against the table of options, then what options must be to each other; before threads start. */
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/near.h"
#include "base/scope.h"
#include "base/vault.h"
#include "conf/file.h"
#include "conf/options.h"
#include "conf/values.h"
#include "web/url.h"

/* Constants of the reactor that nobody needs to change; nginx closes kept connections after 60 s itself. */
#define HEAD_DEADLINE_MS 5000
#define IDLE_DEADLINE_MS 3600000

/* Which struct the options of a section write to, unless it is an account's. */
static void *find_settings(struct conf *conf, struct str section) {
  if (str_eq(section, STR("server"))) return &conf->server;
  if (str_eq(section, STR("session"))) return &conf->session;
  if (str_eq(section, STR("storage"))) return &conf->store;
  return &conf->log;
}

static bool is_kind(const struct line_section *section, const char *kind) {
  return str_eq(str_of(section->kind), str_of(kind));
}

static const char *find_near_section(struct str kind) {
  struct near near;
  near_init(&near, kind);
  for (size_t i = 0; i < option_sections_count; i++) near_look(&near, option_sections[i].name);
  near_look(&near, "plugin");
  return near.best;
}

static bool is_account_id(struct str id) {
  for (size_t i = 0; i < id.n; i++)
    if (!((id.p[i] >= 'a' && id.p[i] <= 'z') || (id.p[i] >= '0' && id.p[i] <= '9') || id.p[i] == '-' || id.p[i] == '_'))
      return false;
  return id.n < sizeof((struct account_settings *)0)->id;
}

static int check_section(const struct conf *conf, const struct line_section *section, struct err *err) {
  struct str kind = str_of(section->kind), id = str_of(section->id);
  bool known = is_kind(section, "plugin");
  for (size_t i = 0; i < option_sections_count; i++) known = known || str_eq(kind, str_of(option_sections[i].name));
  const char *near = known ? NULL : find_near_section(kind);
  if (!known)
    return err_set(err, "%s:%d: unknown section [%.*s]%s%s%s", conf->path, section->line, STR_ARG(kind),
                   near ? "; did you mean [" : "", near ? near : "", near ? "]?" : "");
  if (is_kind(section, "plugin") && id.n == 0)
    return err_set(err, "%s:%d: [plugin] needs the plugin's name: [plugin file]", conf->path, section->line);
  if (is_kind(section, "account") && !is_account_id(id))
    return err_set(err, "%s:%d: an account's name has at most 32 lower-case letters, digits, \"-\" and \"_\"", conf->path,
                   section->line);
  if (is_kind(section, "account") && str_eq(id, STR("default")))
    return err_set(err, "%s:%d: [account default] is the plain [account]; write that", conf->path, section->line);
  if (id.n > 0 && !is_kind(section, "plugin") && !is_kind(section, "account"))
    return err_set(err, "%s:%d: [%s] takes no name", conf->path, section->line, section->kind);
  return 0;
}

static int refuse_unknown(const struct conf *conf, const struct line_section *section, const struct line_entry *entry,
                          struct err *err) {
  struct str kind = str_of(section->kind), name = str_of(entry->name);
  const char *near = option_nearest(kind, name), *elsewhere = option_elsewhere(kind, name);
  err_set(err, "%s:%d: unknown option %s in [%s]", conf->path, entry->line, entry->name, section->kind);
  SCOPE_BUF struct buf sentence;
  buf_init(&sentence, ERR_TEXT_BYTES);
  buf_add_text(&sentence, err ? err->text : "");
  if (elsewhere)
    buf_addf(&sentence, "; it belongs in [%s]", elsewhere);
  else if (near)
    buf_addf(&sentence, "; did you mean %s?", near);
  return err_set(err, "%s", buf_text(&sentence));
}

static int check_names(const struct conf *conf, struct err *err) {
  for (size_t i = 0; i < conf->lines.sections_count; i++)
    if (check_section(conf, &conf->lines.sections[i], err) != 0) return -1;
  for (size_t i = 0; i < conf->lines.entries_count; i++) {
    const struct line_entry *entry = &conf->lines.entries[i];
    const struct line_section *section = &conf->lines.sections[entry->section];
    if (!is_kind(section, "plugin") && !option_find(str_of(section->kind), str_of(entry->name)))
      return refuse_unknown(conf, section, entry, err);
  }
  return 0;
}

static int set_option(struct conf *conf, const struct option *option, const struct line_section *section, void *settings,
                      struct err *err) {
  const struct line_entry *entry = lines_entry(&conf->lines, section, str_of(option->name));
  const char *text = entry ? entry->value : option->fallback;
  if (!text && option->is_required)
    return err_set(err, "%s:%d: [%s%s%s] %s is missing; it has no default", conf->path, section ? section->line : 0,
                   option->section, section && *section->id ? " " : "", section ? section->id : "", option->name);
  if (!text || value_set(conf, option, str_of(text), settings, err) == 0) return 0;
  return entry ? err_prefix(err, "%s:%d: %s.%s", conf->path, entry->line, option->section, option->name)
               : err_prefix(err, "%s: the default of %s.%s", conf->path, option->section, option->name);
}

static int set_section(struct conf *conf, struct str name, const struct line_section *section, void *settings, struct err *err) {
  for (size_t i = 0; i < options_count; i++)
    if (str_eq(name, str_of(options[i].section)) && set_option(conf, &options[i], section, settings, err) != 0) return -1;
  return 0;
}

static int refuse_account(const struct conf *conf, const struct line_section *section, const char *name, struct err *err) {
  const struct line_entry *entry = lines_entry(&conf->lines, section, str_of(name));
  return err_prefix(err, "%s:%d: account.%s", conf->path, entry ? entry->line : section->line, name);
}

static int check_next(const struct account_settings *account, struct err *err) {
  const struct url_site site = {.self = account->public_url,
                                .allowed = account->allowed_origins,
                                .allowed_count = account->allowed_origins_count,
                                .prefix = str_of(account->prefix)};
  SCOPE_BUF struct buf judged;
  buf_init(&judged, 4 * URL_NEXT_MAX_BYTES);
  if (url_next_judge(&site, str_of(account->default_next), &judged)) return 0;
  return err_set(err, "\"%s\" is neither a path on %s nor an address on an allowed origin, or it is a page of weigate itself",
                 account->default_next, account->public_url.text);
}

/* What options of one account must be to each other, and to those of the accounts before it. */
static int check_account(const struct conf *conf, const struct line_section *section, size_t index, struct err *err) {
  const struct account_settings *account = &conf->accounts[index];
  if (check_next(account, err) != 0) return refuse_account(conf, section, "default_next", err);
  if (account->outside_wechat == SIGNIN_OUTSIDE_QRCONNECT && (!account->qrconnect_appid || !account->qrconnect_secret)) {
    err_set(err, "qrconnect needs qrconnect_appid and qrconnect_secret_file, those of a website app");
    return refuse_account(conf, section, "outside_wechat", err);
  }
  if (account->connect_timeout_ms > account->request_timeout_ms) {
    err_set(err, "it is longer than request_timeout, the budget of the whole call");
    return refuse_account(conf, section, "connect_timeout", err);
  }
  for (size_t i = 0; i < index; i++)
    if (str_eq(str_of(account->prefix), str_of(conf->accounts[i].prefix))) {
      err_set(err, "%s is the prefix of account %s already; each account needs its own", account->prefix, conf->accounts[i].id);
      return refuse_account(conf, section, "prefix", err);
    }
  return 0;
}

static int set_account(struct conf *conf, const struct line_section *section, struct err *err) {
  if (conf->accounts_count == SIGNIN_ACCOUNTS_MAX)
    return err_set(err, "%s:%d: more than %d accounts", conf->path, section->line, SIGNIN_ACCOUNTS_MAX);
  struct account_settings *account = &conf->accounts[conf->accounts_count];
  str_copy(*section->id ? str_of(section->id) : STR("default"), account->id, sizeof account->id);
  if (set_section(conf, STR("account"), section, account, err) != 0) return -1;
  return check_account(conf, section, conf->accounts_count++, err);
}

static int set_accounts(struct conf *conf, struct err *err) {
  size_t count = 0;
  for (size_t i = 0; i < conf->lines.sections_count; i++) count += is_kind(&conf->lines.sections[i], "account");
  conf->accounts = calloc(count < SIGNIN_ACCOUNTS_MAX ? count + 1 : SIGNIN_ACCOUNTS_MAX, sizeof *conf->accounts);
  if (!conf->accounts) return err_set(err, "%s: out of memory", conf->path);
  for (size_t i = 0; i < conf->lines.sections_count; i++)
    if (is_kind(&conf->lines.sections[i], "account") && set_account(conf, &conf->lines.sections[i], err) != 0) return -1;
  if (conf->accounts_count == 0)
    return err_set(err, "%s: there is no [account]; it needs appid, secret_file and public_url", conf->path);
  return 0;
}

/* "file", also for /usr/lib/weigate/plugins/file.so */
static struct str name_plugin(const char *plugin) {
  struct str name = str_of(plugin);
  const char *slash = memrchr(name.p, '/', name.n);
  if (slash) name = str_from(name, (size_t)(slash - name.p) + 1);
  if (str_ends(name, STR(".so"))) name.n -= 3;
  return name;
}

/* The lines of all plugins' sections, section by section, as plugins get them: their own tables judge them. */
static int list_plugin_options(struct conf *conf, struct err *err) {
  size_t count = 0;
  conf->plugin_options = calloc(conf->lines.entries_count + 1, sizeof *conf->plugin_options);
  if (!conf->plugin_options) return err_set(err, "%s: out of memory", conf->path);
  for (size_t i = 0; i < conf->lines.sections_count; i++)
    for (size_t j = 0; j < conf->lines.entries_count && is_kind(&conf->lines.sections[i], "plugin"); j++) {
      const struct line_entry *entry = &conf->lines.entries[j];
      if (entry->section != i) continue;
      conf->plugin_options[count++] = (struct plugin_option){.name = entry->name, .value = entry->value, .line = entry->line};
    }
  return 0;
}

static size_t count_entries(const struct conf *conf, size_t section) {
  size_t count = 0;
  for (size_t i = 0; i < conf->lines.entries_count; i++) count += conf->lines.entries[i].section == section;
  return count;
}

static int refuse_idle(const struct conf *conf, struct err *err) {
  int line = 0;
  conf_value(conf, "session", "", "idle", &line);
  if (line == 0) conf_value(conf, "session", "", "lifetime", &line);
  return err_set(err, "%s:%d: session.idle is longer than session.lifetime; make it shorter", conf->path, line);
}

/* What one store did not take waits in the spool for it: there is no mirror without a spool. */
static int set_spool_and_mirror(struct conf *conf, struct err *err) {
  struct store_settings *store = &conf->store;
  int line = 0;
  const char *why = NULL;
  store->spool.keys = conf->session.keys;
  if (str_eq(str_of(store->spool.dir), STR("off"))) store->spool.dir = NULL;
  if (!store->mirror.plugin) return 0;
  if (!store->spool.dir) why = "it needs a spool (storage.spool_dir) for what one of the two does not take";
  if (str_eq(str_of(store->mirror.plugin), str_of(store->plugin.plugin))) why = "it is storage.plugin itself; name another one";
  conf_value(conf, "storage", "", "mirror", &line);
  if (why) return err_set(err, "%s:%d: storage.mirror = %s: %s", conf->path, line, store->mirror.plugin, why);
  store->mirror = conf_plugin(conf, store->mirror.plugin, "storage.mirror");
  return 0;
}

static int set_all(struct conf *conf, struct err *err) {
  static const char *const single[] = {"server", "session", "storage", "log"};
  if (check_names(conf, err) != 0) return -1;
  for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
    struct str name = str_of(single[i]);
    if (set_section(conf, name, lines_section(&conf->lines, name, STR("")), find_settings(conf, name), err) != 0) return -1;
  }
  if (str_eq(str_of(conf->server.control_socket), STR("off"))) conf->server.control_socket = NULL;
  if (conf->session.idle_ms > conf->session.lifetime_ms) return refuse_idle(conf, err);
  conf->fcgi = (struct fcgi_settings){.head_deadline_ms = HEAD_DEADLINE_MS,
                                      .idle_deadline_ms = IDLE_DEADLINE_MS,
                                      .allowed_uids = conf->server.allowed_peers,
                                      .allowed_uids_count = conf->server.allowed_peers_count};
  if (set_accounts(conf, err) != 0 || list_plugin_options(conf, err) != 0) return -1;
  conf->store.plugin = conf_plugin(conf, conf->store.plugin.plugin, "storage.plugin");
  return set_spool_and_mirror(conf, err);
}

int conf_parse(struct str text, const char *path, unsigned flags, struct conf **ret_conf, struct err *err) {
  struct conf *conf = calloc(1, sizeof *conf);
  if (!conf || !(conf->path = str_dup(str_of(path)))) {
    free(conf);
    return err_set(err, "%s: out of memory", path);
  }
  conf->flags = flags;
  if (lines_parse(text, path, &conf->lines, err) != 0 || set_all(conf, err) != 0) {
    conf_free(conf);
    return -1;
  }
  *ret_conf = conf;
  return 0;
}

int conf_load(const char *path, unsigned flags, struct conf **ret_conf, struct err *err) {
  SCOPE_BUF struct buf text;
  buf_init(&text, LINES_TEXT_MAX_BYTES);
  if (file_read_conf(path, &text, err) != 0) return -1;
  return conf_parse(buf_str(&text), path, flags, ret_conf, err);
}

void conf_free(struct conf *conf) {
  if (!conf) return;
  for (size_t i = 0; i < conf->kept_count; i++) {
    explicit_bzero(conf->kept[i], strlen(conf->kept[i]));
    free(conf->kept[i]);
  }
  free(conf->kept);
  for (size_t i = 0; i < conf->secrets_count; i++) vault_free(conf->secrets[i]);
  free(conf->secrets);
  free(conf->plugin_options);
  seal_keys_free(conf->session.keys);
  free(conf->accounts);
  lines_done(&conf->lines);
  free(conf->path);
  free(conf);
}

static int lock_all(const struct conf *conf) {
  int result = conf->session.keys ? seal_keys_lock(conf->session.keys) : 0;
  for (size_t i = 0; result == 0 && i < conf->secrets_count; i++)
    result = vault_lock(conf->secrets[i], strlen(conf->secrets[i]) + 1);
  return result;
}

int conf_lock_secrets(const struct conf *conf, struct err *err) {
  struct rlimit limit = {0};
  int line = 0;
  if (conf->server.lock_memory == SERVER_LOCK_NO || lock_all(conf) == 0) return 0;
  int failed = errno;
  getrlimit(RLIMIT_MEMLOCK, &limit);
  conf_value(conf, "server", "", "lock_memory", &line);
  err_set(
      err,
      "%s:%d: server.lock_memory: keys and AppSecrets may reach the swap, they cannot be locked in memory (%s; this process may "
      "lock %llu bytes); raise LimitMEMLOCK= of the unit, or ulimit -l where it is started",
      conf->path, line, strerrorname_np(failed), (unsigned long long)limit.rlim_cur);
  return conf->server.lock_memory == SERVER_LOCK_REQUIRE ? -1 : 1;
}

const char *conf_value(const struct conf *conf, const char *section, const char *id, const char *name, int *ret_line) {
  const struct option *option = option_find(str_of(section), str_of(name));
  const struct line_section *found = lines_section(&conf->lines, str_of(section), str_of(id));
  const struct line_entry *entry = lines_entry(&conf->lines, found, str_of(name));
  if (ret_line) *ret_line = entry ? entry->line : 0;
  if (entry) return entry->value;
  return option ? option->fallback : NULL;
}

struct plugin_settings conf_plugin(const struct conf *conf, const char *plugin, const char *asked_by) {
  struct plugin_settings settings = {
      .plugin = plugin, .plugin_dir = conf->store.plugin.plugin_dir, .conf_file = conf->path, .asked_by = asked_by};
  const struct line_section *section = lines_section(&conf->lines, STR("plugin"), name_plugin(plugin));
  size_t first = 0, place = section ? (size_t)(section - conf->lines.sections) : 0;
  for (size_t i = 0; i < place; i++)
    if (is_kind(&conf->lines.sections[i], "plugin")) first += count_entries(conf, i);
  settings.options = &conf->plugin_options[first];
  settings.options_count = section ? count_entries(conf, place) : 0;
  return settings;
}

struct signin_settings conf_signin(const struct conf *conf, const char *node) {
  return (struct signin_settings){.accounts = conf->accounts,
                                  .accounts_count = conf->accounts_count,
                                  .session = conf->session,
                                  .signins_max = conf->server.signins_max,
                                  .store = conf->store,
                                  .node = node};
}
