/* SPDX-License-Identifier: Apache-2.0
 * test_conf: what weigate.conf may say, and the sentence for everything it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "conf/conf.h"
#include "conf/options.h"
#include "conf/print.h"

#define MINIMAL                                                                                                                  \
  "[account]\n"                                                                                                                  \
  "appid = wx0123456789abcdef\n"                                                                                                 \
  "secret_file = /etc/weigate/appsecret\n"                                                                                       \
  "public_url = https://www.example.com\n"

static struct conf *conf;
static struct err err;

static int forget(void **state) {
  (void)state;
  conf_free(conf);
  conf = NULL;
  return 0;
}

static int parse_bytes(const char *text, size_t n) {
  forget(NULL);
  return conf_parse(str_make(text, n), "weigate.conf", CONF_WITHOUT_SECRETS, &conf, &err);
}

static void assert_good(const char *text) {
  if (parse_bytes(text, strlen(text)) != 0) fail_msg("refused: %s", err.text);
}

/* The sentence holds all the words. */
static void assert_bad(const char *text, const char *words) {
  if (parse_bytes(text, strlen(text)) == 0) fail_msg("accepted, but expected \"%s\":\n%s", words, text);
  if (!strstr(err.text, words)) fail_msg("\"%s\" is not in \"%s\"", words, err.text);
}

static void assert_bad_line(const char *line, const char *words) {
  char text[8192];
  snprintf(text, sizeof text, MINIMAL "%s\n", line);
  assert_bad(text, words);
}

/* --- what is accepted ------------------------------------------------------------------------------------------------------ */

static void minimal_file_gets_the_defaults(void **state) {
  (void)state;
  assert_good(MINIMAL);
  assert_int_equal(conf->server.signins_max, 4096);
  assert_int_equal(conf->server.grace_ms, 10000);
  assert_true(conf->server.workers >= 1);
  assert_int_equal(conf->accounts_count, 1);
  const struct account_settings *account = &conf->accounts[0];
  assert_string_equal(account->id, "default");
  assert_string_equal(account->prefix, "/weixin");
  assert_int_equal(account->scope, SIGNIN_SCOPE_USERINFO);
  assert_int_equal(account->time_zone_minutes, 480);
  assert_int_equal(account->api_urls_count, 2);
  assert_string_equal(account->api_urls[1], "https://api2.weixin.qq.com");
  assert_int_equal(conf->session.lifetime_ms, UINT64_C(7) * 86400000);
  assert_string_equal(conf->store.plugin.plugin, "file");
  assert_int_equal(conf->store.batch_max, 256);
}

static void every_value_reaches_its_member(void **state) {
  (void)state;
  assert_good(
      "[server]\nworkers = 3\nsignins_max = 7\ngrace = 250ms\ncontrol_socket = off\nallowed_peers = root 33\nlock_memory = "
      "require\n" MINIMAL "scope = auto\nlang = en\nprefix = /a/b-c\ndefault_next = /home?x=1\n"
      "allowed_origins = https://shop.example.com\thttp://127.0.0.1:8080\noutside_wechat = authorize\nsnapshot = guest\n"
      "profile_max_age = 1h\ncode_without_state = yes\ntime_zone = -03:30\nauthorize_url = http://127.0.0.1:9/x/authorize\n"
      "api_urls = http://localhost:7\nconnect_timeout = 100ms\nrequest_timeout = 1s\n"
      "[session]\nlifetime = 1h\nidle = 10m\n[storage]\nplugin = postgres\nthreads = 2\nbatch_max = 9\ndeadline = 1s\n"
      "[log]\nlevel = debug\nformat = json\ndestination = /var/log/weigate.log\n");
  const struct account_settings *account = &conf->accounts[0];
  assert_int_equal(conf->server.workers, 3);
  assert_int_equal(conf->server.grace_ms, 250);
  assert_null(conf->server.control_socket);
  assert_int_equal(conf->fcgi.allowed_uids_count, 2);
  assert_int_equal(conf->fcgi.allowed_uids[0], 0);
  assert_int_equal(conf->fcgi.allowed_uids[1], 33);
  assert_int_equal(conf->server.lock_memory, SERVER_LOCK_REQUIRE);
  assert_int_equal(account->scope, SIGNIN_SCOPE_AUTO);
  assert_string_equal(account->lang, "en");
  assert_string_equal(account->prefix, "/a/b-c");
  assert_int_equal(account->allowed_origins_count, 2);
  assert_string_equal(account->allowed_origins[1].text, "http://127.0.0.1:8080");
  assert_int_equal(account->outside_wechat, SIGNIN_OUTSIDE_AUTHORIZE);
  assert_int_equal(account->snapshot, SIGNIN_SNAPSHOT_GUEST);
  assert_true(account->code_without_state);
  assert_int_equal(account->time_zone_minutes, -210);
  assert_string_equal(account->api_urls[0], "http://localhost:7");
  assert_int_equal(conf->session.idle_ms, 600000);
  assert_int_equal(conf->store.threads, 2);
  assert_int_equal(conf->log.level, LOG_LEVEL_DEBUG);
  assert_int_equal(conf->log.format, LOG_FORMAT_JSON);
  assert_string_equal(conf->log.destination, "/var/log/weigate.log");
}

static void comments_bom_crlf_and_a_missing_last_newline_are_read(void **state) {
  (void)state;
  assert_good("\xef\xbb\xbf; \xe5\xbe\xae\xe4\xbf\xa1\r\n[account] ; the site\r\n  appid=wx1 ; with a comment\r\n"
              "# another\r\nsecret_file = /s\r\n\r\npublic_url = https://a.example");
  assert_string_equal(conf->accounts[0].appid, "wx1");
  assert_string_equal(conf->accounts[0].public_url.text, "https://a.example");
}

static void accounts_have_names_and_prefixes(void **state) {
  (void)state;
  assert_good(MINIMAL "[account shop]\nappid = wx2\nsecret_file = /s\npublic_url = https://shop.example\nprefix = /shop\n");
  assert_int_equal(conf->accounts_count, 2);
  assert_string_equal(conf->accounts[1].id, "shop");
}

static void options_of_the_chosen_plugin_go_to_it_with_their_lines(void **state) {
  (void)state;
  assert_good("[plugin postgres]\ndsn = dbname=x\n[plugin file]\npath = /data.db\nsync = yes\n" MINIMAL);
  assert_int_equal(conf->store.plugin.options_count, 2);
  assert_string_equal(conf->store.plugin.options[1].name, "sync");
  assert_int_equal(conf->store.plugin.options[1].line, 5);
}

static void settings_of_any_plugin_can_be_had(void **state) {
  (void)state;
  assert_good("[plugin postgres]\ndsn = dbname=x\n[plugin file]\npath = /data.db\n[storage]\nplugin = file\n"
              "[plugin postgres]\npool = 3\n" MINIMAL);
  struct plugin_settings settings = conf_plugin(conf, "postgres", "--to");
  assert_int_equal(settings.options_count, 2);
  assert_string_equal(settings.options[0].value, "dbname=x");
  assert_string_equal(settings.options[1].name, "pool");
  assert_int_equal(settings.options[1].line, 8);
  assert_string_equal(settings.asked_by, "--to");
  assert_string_equal(conf_plugin(conf, "/opt/file.so", "--to").options[0].value, "/data.db");
  assert_int_equal(conf_plugin(conf, "memory", "--to").options_count, 0);
}

static void options_of_a_plugin_with_a_path_stand_under_its_file_name(void **state) {
  (void)state;
  assert_good("[storage]\nplugin = /opt/own.so\n[plugin own]\nx = y\n" MINIMAL);
  assert_string_equal(conf->store.plugin.options[0].value, "y");
}

/* --- what is not (G01 to G03, G07, G09, G19) ------------------------------------------------------------------------------ */

static void unknown_option_is_refused_with_line_and_hint(void **state) {
  (void)state;
  assert_bad("[server]\n\nworker = 2\n" MINIMAL, "weigate.conf:3: unknown option worker in [server]; did you mean workers?");
}

static void option_in_the_wrong_section_is_told_where_it_belongs(void **state) {
  (void)state;
  assert_bad("[server]\nlifetime = 2d\n" MINIMAL, "it belongs in [session]");
}

static void unknown_section_is_refused_with_a_hint(void **state) {
  (void)state;
  assert_bad("[sesion]\n" MINIMAL, "weigate.conf:1: unknown section [sesion]; did you mean [session]?");
}

static void a_mirror_needs_a_spool_and_is_another_plugin(void **state) {
  (void)state;
  assert_good("[plugin memory]\nsize = 1M\n[storage]\nmirror = memory\nspool_dir = /var/spool/w\nspool_max = 64M\n" MINIMAL);
  assert_string_equal(conf->store.mirror.plugin, "memory");
  assert_string_equal(conf->store.mirror.options[0].value, "1M");
  assert_string_equal(conf->store.mirror.asked_by, "storage.mirror");
  assert_string_equal(conf->store.spool.dir, "/var/spool/w");
  assert_int_equal(conf->store.spool.max_bytes, 64 << 20);
  conf_free(conf);
  conf = NULL;
  assert_good("[storage]\nspool_dir = off\nmirror =\n" MINIMAL);
  assert_null(conf->store.spool.dir);
  assert_null(conf->store.mirror.plugin);
  assert_bad("[storage]\nspool_dir = off\nmirror = memory\n" MINIMAL,
             "weigate.conf:3: storage.mirror = memory: it needs a spool");
  assert_bad("[storage]\nmirror = file\n" MINIMAL, "weigate.conf:2: storage.mirror = file: it is storage.plugin itself");
  assert_bad_line("[storage]\nspool_max = 1", "a size from 1M to 1024G");
  assert_bad_line("[storage]\nspool_dir = spool", "neither an absolute path nor off");
}

static void option_given_twice_is_refused(void **state) { /* G02 */
  (void)state;
  assert_bad_line("appid = wx2", "weigate.conf:5: appid is given a second time (first in line 2)");
}

static void option_given_twice_in_a_section_that_goes_on_is_refused(void **state) {
  (void)state;
  assert_bad("[log]\nlevel = info\n" MINIMAL "[log]\nlevel = debug\n", "a second time");
}

static void odd_numbers_are_refused(void **state) {
  (void)state;
  static const char *const odd[] = {"0",  "-1", "1e3", "0x10", "300x", "65537", "9223372036854775808", "18446744073709551617",
                                    "1 2"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    char line[100];
    snprintf(line, sizeof line, "[server]\nsignins_max = %s", odd[i]);
    assert_bad_line(line, "is not a number from 1 to 65536");
  }
}

static void durations_need_a_unit_and_keep_their_limits(void **state) {
  (void)state;
  assert_bad_line("connect_timeout = 5", "is not a duration from 10ms to 1m");
  assert_bad_line("connect_timeout = 61s", "is not a duration");
  assert_bad_line("connect_timeout = -5s", "is not a duration");
}

static void word_outside_the_choices_is_refused(void **state) {
  (void)state;
  assert_bad_line("scope = userinfo", "account.scope: \"userinfo\" is not one of snsapi_base|snsapi_userinfo|auto");
  assert_bad_line("code_without_state = true", "neither yes nor no");
}

static void missing_required_option_is_named(void **state) {
  (void)state;
  assert_bad("[account]\nappid = wx1\nsecret_file = /s\n", "[account] public_url is missing");
  assert_bad("[log]\n", "there is no [account]");
  assert_bad("[account]\nappid =\nsecret_file = /s\npublic_url = https://a.example\n", "account.appid: the value is empty");
}

static void plain_http_is_accepted_for_loopback_only(void **state) {
  (void)state;
  assert_bad_line("api_urls = http://api.weixin.qq.com", "loopback addresses only");
  assert_bad_line("authorize_url = http://10.0.0.1/x", "loopback addresses only");
  assert_bad("[account]\nappid = wx1\nsecret_file = /s\npublic_url = http://www.example.com\n",
             "weigate.conf:4: account.public_url");
  assert_good("[account]\nappid = wx1\nsecret_file = /s\npublic_url = http://127.0.0.1:8080\n");
}

static void public_url_is_an_origin(void **state) {
  (void)state;
  assert_bad("[account]\nappid = wx1\nsecret_file = /s\npublic_url = https://a.example/path\n", "account.public_url");
  assert_bad("[account]\nappid = wx1\nsecret_file = /s\npublic_url = a.example\n", "account.public_url");
}

static void patterns_of_origins_are_refused(void **state) {
  (void)state;
  assert_bad_line("allowed_origins = *", "patterns are not accepted");
  assert_bad_line("allowed_origins = https://*.example.com", "patterns are not accepted");
  assert_bad_line("allowed_origins = example.com", "allowed_origins");
}

static void addresses_with_a_query_are_refused(void **state) {
  (void)state;
  assert_bad_line("authorize_url = https://a.example/x?y", "may hold no query");
  assert_bad_line("authorize_url = https://a.example/x#y", "may hold no query");
  assert_bad_line("authorize_url = /x", "is not an address");
}

static void odd_prefixes_are_refused(void **state) {
  (void)state;
  static const char *const odd[] = {"/", "weixin", "/weixin/", "//weixin", "/we ixin", "/we?ixin", "/../x", "/%41"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    char line[100];
    snprintf(line, sizeof line, "prefix = %s", odd[i]);
    assert_bad_line(line, "is not a path such as /weixin");
  }
}

static void two_accounts_with_one_prefix_are_refused(void **state) {
  (void)state;
  assert_bad_line("[account shop]\nappid = wx2\nsecret_file = /s\npublic_url = https://shop.example\n",
                  "account.prefix: /weixin is the prefix of account default already");
}

static void default_next_stays_on_the_site(void **state) {
  (void)state;
  assert_bad_line("default_next = https://evil.example/", "account.default_next");
  assert_bad_line("default_next = //evil.example/", "account.default_next");
  assert_bad_line("default_next = /weixin/login", "account.default_next");
}

static void qrconnect_needs_a_website_app(void **state) {
  (void)state;
  assert_bad_line("outside_wechat = qrconnect", "qrconnect needs qrconnect_appid");
  assert_bad_line("qrconnect_appid = wx 2", "letters, digits");
}

static void times_that_contradict_each_other_are_refused(void **state) {
  (void)state;
  assert_bad_line("[session]\nidle = 8d", "session.idle is longer than session.lifetime");
  assert_bad_line("request_timeout = 1s", "longer than request_timeout");
}

static void relative_paths_are_refused(void **state) {
  (void)state;
  assert_bad_line("[session]\nkeys_file = keys", "is not an absolute path");
  assert_bad_line("[log]\ndestination = weigate.log", "neither an absolute path nor stderr|syslog");
  assert_bad_line("[storage]\nplugin = ../evil.so", "neither a plugin's name");
}

static void odd_time_zones_are_refused(void **state) {
  (void)state;
  static const char *const odd[] = {"8", "+8:00", "+08:60", "+15:00", "08:00", "+08:0a", "+14:01"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    char line[100];
    snprintf(line, sizeof line, "time_zone = %s", odd[i]);
    assert_bad_line(line, "is not an offset such as +08:00");
  }
}

static void odd_account_names_are_refused(void **state) {
  (void)state;
  assert_bad_line("[account Shop]", "an account's name");
  assert_bad_line("[account a b]", "a section is [name] or [name word]");
  assert_bad_line("[account default]", "write that");
  assert_bad_line("[log x]", "[log] takes no name");
  assert_bad_line("[plugin]", "needs the plugin's name");
}

static void lines_that_are_no_options_are_refused(void **state) {
  (void)state;
  assert_bad("workers = 2\n" MINIMAL, "weigate.conf:1: the line stands before the first [section]");
  assert_bad_line("prefix", "weigate.conf:5: expected \"name = value\"");
  assert_bad_line("= x", "no name");
  assert_bad_line("[log", "\"]\" is missing");
  assert_bad_line("[log] level = debug", "only a comment may stand behind");
  assert_bad_line("[]", "the section has no name");
}

static void control_bytes_and_broken_text_are_refused(void **state) {
  (void)state;
  static const char nul[] = MINIMAL "lang = e\0n\n";
  assert_int_equal(parse_bytes(nul, sizeof nul - 1), -1);
  assert_non_null(strstr(err.text, "weigate.conf:5: the line holds a NUL byte"));
  assert_bad_line("lang = \x1b[31m", "control byte (0x1b)");
  assert_bad_line("default_next = /\xff", "not UTF-8");
}

static void lines_and_files_that_are_too_long_are_refused(void **state) {
  (void)state;
  size_t n = 10 << 20;
  SCOPE_FREE char *text = malloc(n);
  assert_non_null(text);
  memset(text, 'x', n);
  assert_int_equal(parse_bytes(text, n), -1);
  assert_non_null(strstr(err.text, "longer than 1048576 bytes"));
  assert_int_equal(parse_bytes(text, 100000), -1);
  assert_non_null(strstr(err.text, "weigate.conf:1: the line is longer"));
}

/* --- printing (G20) -------------------------------------------------------------------------------------------------------- */

static void sample_is_accepted_and_names_every_option(void **state) {
  (void)state;
  SCOPE_BUF struct buf sample;
  buf_init(&sample, 65536);
  conf_print_sample(&sample);
  assert_good(buf_text(&sample));
  for (size_t i = 0; i < options_count; i++) assert_non_null(strstr(buf_text(&sample), options[i].name));
}

static void sample_with_every_default_uncommented_is_accepted(void **state) {
  (void)state;
  SCOPE_BUF struct buf sample, full;
  buf_init(&sample, 65536);
  buf_init(&full, 65536);
  conf_print_sample(&sample);
  struct str rest = buf_str(&sample), line;
  while (str_split(&rest, '\n', &line)) {
    bool is_default = line.n > 1 && line.p[0] == ';' && line.p[1] != ' ';
    buf_add_str(&full, is_default ? str_from(line, 1) : line);
    buf_add_char(&full, '\n');
  }
  assert_good(buf_text(&full));
}

static void effective_configuration_reads_back_the_same(void **state) {
  (void)state;
  SCOPE_BUF struct buf first, second;
  buf_init(&first, 65536);
  buf_init(&second, 65536);
  assert_good("[server]\nworkers = 3\n" MINIMAL "[plugin file]\npath = /x\n");
  conf_print_text(&first, conf);
  assert_non_null(strstr(buf_text(&first), "workers = 3\n"));
  assert_non_null(strstr(buf_text(&first), "grace = 10s ; default\n"));
  assert_good(buf_text(&first));
  conf_print_text(&second, conf);
  assert_non_null(strstr(buf_text(&second), "grace = 10s\n"));
}

static void password_of_a_plugin_is_not_shown(void **state) {
  (void)state;
  SCOPE_BUF struct buf text;
  buf_init(&text, 65536);
  assert_good(MINIMAL
              "[plugin postgres]\ndsn = host=a password=canary1\n[plugin x]\nauth = u:canary2@h\ntoken = canary3\npath = /x\n");
  conf_print_text(&text, conf);
  conf_print_json(&text, conf);
  assert_null(strstr(buf_text(&text), "canary"));
  assert_non_null(strstr(buf_text(&text), "path = /x"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(minimal_file_gets_the_defaults, forget),
      cmocka_unit_test_teardown(every_value_reaches_its_member, forget),
      cmocka_unit_test_teardown(comments_bom_crlf_and_a_missing_last_newline_are_read, forget),
      cmocka_unit_test_teardown(accounts_have_names_and_prefixes, forget),
      cmocka_unit_test_teardown(options_of_the_chosen_plugin_go_to_it_with_their_lines, forget),
      cmocka_unit_test_teardown(settings_of_any_plugin_can_be_had, forget),
      cmocka_unit_test_teardown(options_of_a_plugin_with_a_path_stand_under_its_file_name, forget),
      cmocka_unit_test_teardown(unknown_option_is_refused_with_line_and_hint, forget),
      cmocka_unit_test_teardown(option_in_the_wrong_section_is_told_where_it_belongs, forget),
      cmocka_unit_test_teardown(unknown_section_is_refused_with_a_hint, forget),
      cmocka_unit_test_teardown(a_mirror_needs_a_spool_and_is_another_plugin, forget),
      cmocka_unit_test_teardown(option_given_twice_is_refused, forget),
      cmocka_unit_test_teardown(option_given_twice_in_a_section_that_goes_on_is_refused, forget),
      cmocka_unit_test_teardown(odd_numbers_are_refused, forget),
      cmocka_unit_test_teardown(durations_need_a_unit_and_keep_their_limits, forget),
      cmocka_unit_test_teardown(word_outside_the_choices_is_refused, forget),
      cmocka_unit_test_teardown(missing_required_option_is_named, forget),
      cmocka_unit_test_teardown(plain_http_is_accepted_for_loopback_only, forget),
      cmocka_unit_test_teardown(public_url_is_an_origin, forget),
      cmocka_unit_test_teardown(patterns_of_origins_are_refused, forget),
      cmocka_unit_test_teardown(addresses_with_a_query_are_refused, forget),
      cmocka_unit_test_teardown(odd_prefixes_are_refused, forget),
      cmocka_unit_test_teardown(two_accounts_with_one_prefix_are_refused, forget),
      cmocka_unit_test_teardown(default_next_stays_on_the_site, forget),
      cmocka_unit_test_teardown(qrconnect_needs_a_website_app, forget),
      cmocka_unit_test_teardown(times_that_contradict_each_other_are_refused, forget),
      cmocka_unit_test_teardown(relative_paths_are_refused, forget),
      cmocka_unit_test_teardown(odd_time_zones_are_refused, forget),
      cmocka_unit_test_teardown(odd_account_names_are_refused, forget),
      cmocka_unit_test_teardown(lines_that_are_no_options_are_refused, forget),
      cmocka_unit_test_teardown(control_bytes_and_broken_text_are_refused, forget),
      cmocka_unit_test_teardown(lines_and_files_that_are_too_long_are_refused, forget),
      cmocka_unit_test_teardown(sample_is_accepted_and_names_every_option, forget),
      cmocka_unit_test_teardown(sample_with_every_default_uncommented_is_accepted, forget),
      cmocka_unit_test_teardown(effective_configuration_reads_back_the_same, forget),
      cmocka_unit_test_teardown(password_of_a_plugin_is_not_shown, forget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
