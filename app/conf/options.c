/* SPDX-License-Identifier: Apache-2.0
 * options: the table of every option, and how one is found in it; read-only, any thread. */
#include "conf/options.h"

#include "base/near.h"
#include "conf/conf.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define DAY    (24 * 60 * MINUTE)

#define SERVER(m)  .section = "server", .offset = offsetof(struct server_settings, m)
#define ACCOUNT(m) .section = "account", .offset = offsetof(struct account_settings, m)
#define SESSION(m) .section = "session", .offset = offsetof(struct session_settings, m)
#define STORAGE(m) .section = "storage", .offset = offsetof(struct store_settings, m)
#define LOGGING(m) .section = "log", .offset = offsetof(struct log_settings, m)

const struct option *option_find(struct str section, struct str name) {
  for (size_t i = 0; i < options_count; i++)
    if (str_eq(section, str_of(options[i].section)) && str_eq(name, str_of(options[i].name))) return &options[i];
  return NULL;
}

const char *option_nearest(struct str section, struct str name) {
  struct near near;
  near_init(&near, name);
  for (size_t i = 0; i < options_count; i++)
    if (str_eq(section, str_of(options[i].section))) near_look(&near, options[i].name);
  return near.best;
}

const char *option_elsewhere(struct str section, struct str name) {
  for (size_t i = 0; i < options_count; i++)
    if (!str_eq(section, str_of(options[i].section)) && str_eq(name, str_of(options[i].name))) return options[i].section;
  return NULL;
}

const struct option_section option_sections[] = {
    {"server", "The processes, and what an admin talks to."},
    {"account",
     "A WeChat Official Account and the site it signs people in to; further ones are [account NAME], each with its own "
     "prefix."},
    {"session", "The cookie that says who somebody is."},
    {"storage", "Where people are kept; the plugin's own options stand in [plugin NAME]."},
    {"log", "Where the log goes, and how much of it."},
};
const size_t option_sections_count = sizeof option_sections / sizeof option_sections[0];

/* Limits: workers 256: more than the CPUs of any machine this runs on, and one row of counters each. signins_max 65,536: a
 * coroutine has 256 KiB of address space, 16 GiB in all. threads 64: a handle, and for a server a connection, each. batch_max:
 * WEIGATE_BATCH_MAX. Times of calls up to a minute: longer than any proxy in front waits. */
const struct option options[] = {
    {SERVER(workers), .name = "workers", .type = OPTION_COUNT_AUTO, .min = 1, .max = SERVER_WORKERS_MAX, .fallback = "auto",
     .is_reloadable = true, .help = "Worker processes; auto is one per CPU."},
    {SERVER(signins_max), .name = "signins_max", .type = OPTION_COUNT, .min = 1, .max = 65536, .fallback = "4096",
     .is_reloadable = true, .help = "Sign-ins in flight per worker; beyond it visitors get 503 with Retry-After."},
    {SERVER(grace_ms), .name = "grace", .type = OPTION_DURATION, .min = 0, .max = 10 * MINUTE, .fallback = "10s",
     .is_reloadable = true, .help = "How long a stopping worker may take to finish the requests it has."},
    {SERVER(control_socket), .name = "control_socket", .type = OPTION_PATH_OR, .choices = "off",
     .fallback = "/run/weigate/control.sock", .help = "Unix socket that weigatectl talks to (mode 0600), or off."},
    {SERVER(allowed_peers), .name = "allowed_peers", .type = OPTION_USERS, .max = SERVER_PEERS_MAX, .fallback = "",
     .count_offset = offsetof(struct server_settings, allowed_peers_count), .is_reloadable = true,
     .help =
         "Users that may connect to the FastCGI socket (www-data, or 33), whatever its mode lets in; empty: anybody it does."},
    {SERVER(lock_memory), .name = "lock_memory", .type = OPTION_CHOICE, .choices = "try|require|no", .fallback = "try",
     .is_reloadable = true,
     .help =
         "Keeps keys and AppSecrets out of the swap: try warns where the limit of locked memory is too small, require refuses "
         "to start."},

    {ACCOUNT(appid), .name = "appid", .type = OPTION_WORD, .max = WEIGATE_APPID_MAX, .example = "wx0123456789abcdef",
     .is_required = true, .is_reloadable = true, .help = "AppID of the Official Account."},
    {ACCOUNT(secret), .name = "secret_file", .type = OPTION_SECRET_FILE, .max = 512, .example = "/etc/weigate/appsecret",
     .is_required = true, .is_reloadable = true, .help = "File that holds the AppSecret; mode 0600 or 0640."},
    {ACCOUNT(public_url), .name = "public_url", .type = OPTION_SITE, .example = "https://www.example.com", .is_required = true,
     .is_reloadable = true, .help = "The site as visitors see it; its host is the callback domain set at WeChat."},
    {ACCOUNT(prefix), .name = "prefix", .type = OPTION_PREFIX, .max = 128, .fallback = "/weixin", .is_reloadable = true,
     .help = "Path below which weigate answers; one per account."},
    {ACCOUNT(scope), .name = "scope", .type = OPTION_CHOICE, .choices = "snsapi_base|snsapi_userinfo|auto",
     .fallback = "snsapi_userinfo", .is_reloadable = true,
     .help =
         "snsapi_base asks nothing and yields the openid only; snsapi_userinfo asks for the profile; auto asks only if no fresh "
         "profile is stored."},
    {ACCOUNT(lang), .name = "lang", .type = OPTION_WORD_OF, .choices = "zh_CN|zh_TW|en", .fallback = "zh_CN",
     .is_reloadable = true, .help = "Language in which WeChat names regions."},
    {ACCOUNT(default_next), .name = "default_next", .type = OPTION_NEXT, .max = URL_NEXT_MAX_BYTES, .fallback = "/",
     .is_reloadable = true, .help = "Where a visitor goes after a sign-in that named no page, or one that is not allowed."},
    {ACCOUNT(allowed_origins), .name = "allowed_origins", .type = OPTION_SITES, .max = SIGNIN_ORIGINS_MAX, .fallback = "",
     .count_offset = offsetof(struct account_settings, allowed_origins_count), .is_reloadable = true,
     .help = "Further origins that a visitor may return to, separated by blanks: https://shop.example.com."},
    {ACCOUNT(outside_wechat), .name = "outside_wechat", .type = OPTION_CHOICE, .choices = "qr|qrconnect|authorize",
     .fallback = "qr", .is_reloadable = true,
     .help = "In another browser than WeChat's: qr shows a code to open the page in WeChat, qrconnect uses a website app's QR "
             "sign-in, authorize sends everybody to WeChat's page."},
    {ACCOUNT(snapshot), .name = "snapshot", .type = OPTION_CHOICE, .choices = "page|guest|refuse", .fallback = "page",
     .is_reloadable = true,
     .help =
         "Virtual visitors of WeChat's snapshot mode: page explains how to open the full service, guest lets them in without an "
         "identity, refuse answers 403."},
    {ACCOUNT(profile_max_age_ms), .name = "profile_max_age", .type = OPTION_DURATION, .min = 0, .max = 3650 * DAY,
     .fallback = "30d", .is_reloadable = true,
     .help = "With scope = auto: ask for the profile again when it is older; 0: never."},
    {ACCOUNT(code_without_state), .name = "code_without_state", .type = OPTION_BOOL, .fallback = "no", .is_reloadable = true,
     .help = "Let POST /session accept a code without a state (a single-page app then answers for login forgery itself)."},
    {ACCOUNT(time_zone_minutes), .name = "time_zone", .type = OPTION_TIME_ZONE, .fallback = "+08:00", .is_reloadable = true,
     .help = "Offset from UTC that decides on which day a sign-in counts."},
    {ACCOUNT(authorize_url), .name = "authorize_url", .type = OPTION_URL,
     .fallback = "https://open.weixin.qq.com/connect/oauth2/authorize", .is_reloadable = true,
     .help = "WeChat's authorize page; the sandbox has its own."},
    {ACCOUNT(qrconnect_url), .name = "qrconnect_url", .type = OPTION_URL,
     .fallback = "https://open.weixin.qq.com/connect/qrconnect", .is_reloadable = true,
     .help = "WeChat's QR sign-in page for websites."},
    {ACCOUNT(qrconnect_appid), .name = "qrconnect_appid", .type = OPTION_WORD, .max = WEIGATE_APPID_MAX, .is_reloadable = true,
     .help = "AppID of the website app; needed for outside_wechat = qrconnect."},
    {ACCOUNT(qrconnect_secret), .name = "qrconnect_secret_file", .type = OPTION_SECRET_FILE, .max = 512, .is_reloadable = true,
     .help = "File that holds the website app's AppSecret."},
    {ACCOUNT(api_urls), .name = "api_urls", .type = OPTION_URLS, .max = WECHAT_HOSTS_MAX,
     .fallback = "https://api.weixin.qq.com https://api2.weixin.qq.com",
     .count_offset = offsetof(struct account_settings, api_urls_count), .is_reloadable = true,
     .help = "WeChat's API hosts in order of preference; the next is tried where one does not answer."},
    {ACCOUNT(ca_file), .name = "ca_file", .type = OPTION_READABLE, .is_reloadable = true,
     .help = "Certificates (PEM) that the API hosts are checked against, in place of the system's."},
    {ACCOUNT(connect_timeout_ms), .name = "connect_timeout", .type = OPTION_DURATION, .min = 10, .max = MINUTE, .fallback = "2s",
     .is_reloadable = true, .help = "Longest time to reach one API host, TLS included."},
    {ACCOUNT(request_timeout_ms), .name = "request_timeout", .type = OPTION_DURATION, .min = 10, .max = MINUTE, .fallback = "5s",
     .is_reloadable = true, .help = "Whole budget of one API call, retries and further hosts included."},

    {SESSION(keys), .name = "keys_file", .type = OPTION_KEYS_FILE, .max = 4096, .fallback = WEIGATE_CONF_DIR "/keys",
     .is_reloadable = true,
     .help = "Keys that cookies and tokens are sealed with: one a line, the first seals, all open; made by weigatectl keys new."},
    {SESSION(lifetime_ms), .name = "lifetime", .type = OPTION_DURATION, .min = SECOND, .max = 3650 * DAY, .fallback = "7d",
     .is_reloadable = true, .help = "A session ends this long after the sign-in."},
    {SESSION(idle_ms), .name = "idle", .type = OPTION_DURATION, .min = SECOND, .max = 3650 * DAY, .fallback = "2d",
     .is_reloadable = true, .help = "A session that nobody used for this long ends earlier."},

    {STORAGE(plugin.plugin), .name = "plugin", .type = OPTION_PLUGIN, .fallback = "file", .is_reloadable = true,
     .help = "Storage plugin: a name in plugin_dir, or an absolute path."},
    {STORAGE(mirror.plugin), .name = "mirror", .type = OPTION_PLUGIN, .fallback = "", .is_reloadable = true,
     .help = "A second plugin that gets every write too: for moving from one store to another without a pause."},
    {STORAGE(spool.dir), .name = "spool_dir", .type = OPTION_PATH_OR, .choices = "off", .fallback = "/var/lib/weigate/spool",
     .is_reloadable = true,
     .help = "Directory of this instance alone where sign-ins wait, sealed, while the store is down; made where its parent is "
             "there; or off: then nobody can sign in meanwhile."},
    {STORAGE(spool.max_bytes), .name = "spool_max", .type = OPTION_SIZE, .min = 1 << 20, .max = UINT64_C(1) << 40,
     .fallback = "1G", .is_reloadable = true,
     .help = "Most that the spool may hold, about 1 KiB a sign-in; beyond it visitors get 503 while the store is down."},
    {STORAGE(plugin.plugin_dir), .name = "plugin_dir", .type = OPTION_PATH, .fallback = WEIGATE_PLUGIN_DIR, .is_reloadable = true,
     .help = "Where plugins are."},
    {STORAGE(threads), .name = "threads", .type = OPTION_COUNT, .min = 1, .max = 64, .fallback = "4", .is_reloadable = true,
     .help = "Storage threads per worker, a connection each."},
    {STORAGE(batch_max), .name = "batch_max", .type = OPTION_COUNT, .min = 1, .max = WEIGATE_BATCH_MAX, .fallback = "256",
     .is_reloadable = true, .help = "Most sign-ins written by one call."},
    {STORAGE(deadline_ms), .name = "deadline", .type = OPTION_DURATION, .min = 10, .max = MINUTE, .fallback = "3s",
     .is_reloadable = true, .help = "Longest time of one storage call, waiting in the queue included."},

    {LOGGING(level), .name = "level", .type = OPTION_CHOICE, .choices = "error|warn|info|debug", .fallback = "info",
     .is_reloadable = true, .help = "Lines less important than this are left out."},
    {LOGGING(format), .name = "format", .type = OPTION_CHOICE, .choices = "text|json", .fallback = "text", .is_reloadable = true,
     .help = "One line of text, or one JSON object, per event."},
    {LOGGING(destination), .name = "destination", .type = OPTION_PATH_OR, .choices = "stderr|syslog", .fallback = "stderr",
     .is_reloadable = true, .help = "stderr, syslog, or the absolute path of a file (opened anew on SIGUSR1)."},
};
const size_t options_count = sizeof options / sizeof options[0];
