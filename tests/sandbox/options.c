/* SPDX-License-Identifier: Apache-2.0
 * options: one table for parsing and --help; before threads start. */
#include "options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "config.h"

/* An hour: what a test might hold a call back at most. */
#define DELAY_MAX_MS 3600000
/* About 130 bytes an entry: 10 million take 1.3 GB. */
#define LEDGER_MAX 10000000

struct option_row {
  const char *name, *argument, *help;
  int (*apply)(struct options *options, const char *value, struct err *err);
};

extern const struct option_row option_table[];

static int set_account(struct options *options, const char *value, struct err *err) {
  struct str appid = str_of(value);
  if (options->accounts_count == ACCOUNTS_MAX) return err_set(err, "--appid: at most %d accounts", ACCOUNTS_MAX);
  if (appid.n == 0 || strspn(value, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") != appid.n)
    return err_set(err, "--appid %s: letters and digits only, as in wx0123456789abcdef", value);
  if (options_account(options, appid) >= 0) return err_set(err, "--appid %s is given twice", value);
  struct account *account = &options->accounts[options->accounts_count];
  *account = (struct account){.website = false};
  if (str_copy(appid, account->appid, sizeof account->appid))
    return err_set(err, "--appid: at most %d characters", APPID_BYTES - 1);
  options->accounts_count++;
  return 0;
}

static int set_secret_text(struct options *options, struct str secret, const char *option, struct err *err) {
  if (options->accounts_count == 0) return err_set(err, "%s belongs behind the --appid it is for", option);
  struct account *account = &options->accounts[options->accounts_count - 1];
  if (account->secret[0]) return err_set(err, "account %s has two secrets", account->appid);
  if (secret.n == 0 || str_copy(secret, account->secret, sizeof account->secret))
    return err_set(err, "%s: the secret has 1 to %d characters", option, SECRET_BYTES - 1);
  return 0;
}

static int set_secret(struct options *options, const char *value, struct err *err) {
  return set_secret_text(options, str_of(value), "--secret", err);
}

static int set_secret_file(struct options *options, const char *value, struct err *err) {
  char line[256] = "";
  FILE *file = fopen(value, "re");
  if (!file) return err_set(err, "--secret-file %s: %s", value, strerror(errno));
  char *got = fgets(line, sizeof line, file);
  fclose(file);
  if (!got) return err_set(err, "--secret-file %s is empty", value);
  line[strcspn(line, "\r\n")] = '\0';
  return set_secret_text(options, str_trim(str_of(line)), "--secret-file", err);
}

static int set_website(struct options *options, const char *value, struct err *err) {
  (void)value;
  if (options->accounts_count == 0) return err_set(err, "--website belongs behind the --appid it is for");
  options->accounts[options->accounts_count - 1].website = true;
  return 0;
}

static int parse_port(struct str text, in_port_t *ret_port) {
  uint64_t port;
  if (text_parse_u64(text, 65535, &port)) return -1;
  *ret_port = htons((uint16_t)port);
  return 0;
}

static int parse_ipv4(struct listen_address *to, struct str host, struct str port) {
  struct sockaddr_in *in = (struct sockaddr_in *)(void *)&to->address;
  char text[64];
  *in = (struct sockaddr_in){.sin_family = AF_INET};
  to->address_bytes = sizeof *in;
  if (str_eq(host, STR("localhost"))) host = STR("127.0.0.1");
  if (str_copy(host, text, sizeof text) || inet_pton(AF_INET, text, &in->sin_addr) != 1) return -1;
  return ntohl(in->sin_addr.s_addr) >> 24 == 127 ? parse_port(port, &in->sin_port) : -1;
}

static int parse_ipv6(struct listen_address *to, struct str host, struct str port) {
  struct sockaddr_in6 *in = (struct sockaddr_in6 *)(void *)&to->address;
  *in = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  to->address_bytes = sizeof *in;
  return str_eq(host, STR("[::1]")) ? parse_port(port, &in->sin6_port) : -1;
}

static int parse_listen(struct listen_address *to, const char *value, const char *option, struct err *err) {
  const char *colon = strrchr(value, ':');
  struct str host = colon ? str_make(value, (size_t)(colon - value)) : STR_NONE, port = str_of(colon ? colon + 1 : "");
  if (!colon || (parse_ipv4(to, host, port) && parse_ipv6(to, host, port)))
    return err_set(err, "%s %s: an address on loopback with a port is needed, as in 127.0.0.1:8090 or [::1]:0", option, value);
  to->set = true;
  return 0;
}

static int set_listen(struct options *options, const char *value, struct err *err) {
  return parse_listen(&options->listen, value, "--listen", err);
}

static int set_https(struct options *options, const char *value, struct err *err) {
  (void)value;
  (void)err;
  options->listen.tls = true;
  return 0;
}

static int set_https_listen(struct options *options, const char *value, struct err *err) {
  options->https_listen.tls = true;
  return parse_listen(&options->https_listen, value, "--https-listen", err);
}

static int set_cert(struct options *options, const char *value, struct err *err) {
  (void)err;
  options->cert_file = value;
  return 0;
}

static int set_key(struct options *options, const char *value, struct err *err) {
  (void)err;
  options->key_file = value;
  return 0;
}

static int set_hosts(struct options *options, const char *value, struct err *err) {
  struct str rest = str_of(value), host;
  while (str_split(&rest, ',', &host)) {
    if (options->hosts_count == HOSTS_MAX) return err_set(err, "--redirect-host: at most %d hosts", HOSTS_MAX);
    if (host.n == 0 || str_has(host, '/') || str_copy(host, options->hosts[options->hosts_count], sizeof options->hosts[0]))
      return err_set(err, "--redirect-host %s: host names like www.example.com, separated by commas", value);
    options->hosts_count++;
  }
  return 0;
}

static int set_number(const char *option, const char *value, uint64_t max, uint64_t *ret_number, struct err *err) {
  if (text_parse_u64(str_of(value), max, ret_number) == 0) return 0;
  return err_set(err, "%s %s: a number from 0 to %llu is needed", option, value, (unsigned long long)max);
}

static int set_latency(struct options *options, const char *value, struct err *err) {
  return set_number("--latency-ms", value, DELAY_MAX_MS, &options->latency_ms, err);
}

static int set_jitter(struct options *options, const char *value, struct err *err) {
  return set_number("--jitter-ms", value, DELAY_MAX_MS, &options->jitter_ms, err);
}

static int set_idle(struct options *options, const char *value, struct err *err) {
  return set_number("--idle-s", value, 86400, &options->idle_s, err);
}

static int set_ledger(struct options *options, const char *value, struct err *err) {
  if (set_number("--ledger", value, LEDGER_MAX, &options->ledger_count, err)) return -1;
  return options->ledger_count > 0 ? 0 : err_set(err, "--ledger 0: at least one entry must fit");
}

static int set_seed(struct options *options, const char *value, struct err *err) {
  return set_number("--seed", value, UINT64_MAX, &options->seed, err);
}

static int set_quiet(struct options *options, const char *value, struct err *err) {
  (void)value;
  (void)err;
  options->quiet = true;
  return 0;
}

static void print_help(void) {
  printf("Usage: weigate-sandbox [OPTION]...\n"
         "Plays WeChat's sign-in on loopback, with virtual people and faults on request.\n\n");
  for (const struct option_row *row = option_table; row->name; row++) {
    char left[48];
    snprintf(left, sizeof left, "--%s%s%s", row->name, row->argument ? " " : "", row->argument ? row->argument : "");
    printf("  %-27s %s\n", left, row->help);
  }
  printf("\nEverything else is steered while it runs: open its address in a browser, or see weigate-sandbox(1).\n");
}

static const struct option_row *find_option(struct str name) {
  for (const struct option_row *row = option_table; row->name; row++)
    if (str_eq(name, str_of(row->name))) return row;
  return NULL;
}

/* One argument and perhaps its value; moves *at behind them. */
static int apply_argument(int argc, char **argv, int *at, struct options *options, struct err *err) {
  const char *argument = argv[(*at)++];
  const char *equals = strchr(argument, '=');
  if (strncmp(argument, "--", 2) != 0) return err_set(err, "%s: unknown argument; see --help", argument);
  struct str name = str_make(argument + 2, equals ? (size_t)(equals - argument - 2) : strlen(argument) - 2);
  const struct option_row *row = find_option(name);
  if (!row) return err_set(err, "%s: unknown option; see --help", argument);
  if (!row->argument) return equals ? err_set(err, "--%s takes no value", row->name) : row->apply(options, NULL, err);
  const char *value = equals ? equals + 1 : *at < argc ? argv[(*at)++] : NULL;
  if (!value) return err_set(err, "--%s needs a value: --%s %s", row->name, row->name, row->argument);
  return row->apply(options, value, err);
}

static void add_default_accounts(struct options *options) {
  static const struct account accounts[] = {
      {.appid = "wx0123456789abcdef", .secret = "0123456789abcdef0123456789abcdef"},
      {.appid = "wxfedcba9876543210", .secret = "fedcba9876543210fedcba9876543210", .website = true},
  };
  memcpy(options->accounts, accounts, sizeof accounts);
  options->accounts_count = 2;
}

static int complete_options(struct options *options, bool seeded, struct err *err) {
  if (!options->listen.set && set_listen(options, "127.0.0.1:8090", err)) return -1;
  if (options->accounts_count == 0) add_default_accounts(options);
  for (size_t i = 0; i < options->accounts_count; i++)
    if (!options->accounts[i].secret[0])
      return err_set(err, "--appid %s needs a --secret or --secret-file behind it", options->accounts[i].appid);
  if ((options->listen.tls || options->https_listen.set) && !(options->cert_file && options->key_file))
    return err_set(err, "https needs --cert FILE and --key FILE (PEM)");
  if (!seeded && random_bytes(&options->seed, sizeof options->seed)) return err_set(err, "the kernel gives no random bytes");
  return 0;
}

enum options_verdict options_parse(int argc, char **argv, struct options *ret_options, struct err *err) {
  bool seeded = false;
  *ret_options = (struct options){.idle_s = 75, .ledger_count = 1000000};
  for (int at = 1; at < argc;) {
    if (strcmp(argv[at], "--help") == 0) {
      print_help();
      return OPTIONS_LEAVE;
    }
    if (strcmp(argv[at], "--version") == 0) {
      printf("weigate-sandbox %s\n", PACKAGE_VERSION);
      return OPTIONS_LEAVE;
    }
    seeded = seeded || strncmp(argv[at], "--seed", 6) == 0;
    if (apply_argument(argc, argv, &at, ret_options, err)) return OPTIONS_WRONG;
  }
  return complete_options(ret_options, seeded, err) ? OPTIONS_WRONG : OPTIONS_RUN;
}

int options_account(const struct options *options, struct str appid) {
  for (size_t i = 0; i < options->accounts_count; i++)
    if (str_eq(appid, str_of(options->accounts[i].appid))) return (int)i;
  return -1;
}

/* clang-format off */
const struct option_row option_table[] = {
  {"listen", "ADDRESS:PORT", "where to listen, on loopback; port 0 takes a free one (127.0.0.1:8090)", set_listen},
  {"https", NULL, "speak https there instead of http; needs --cert and --key", set_https},
  {"https-listen", "ADDRESS:PORT", "listen for https here as well; needs --cert and --key", set_https_listen},
  {"cert", "FILE", "certificate chain in PEM", set_cert},
  {"key", "FILE", "private key in PEM", set_key},
  {"appid", "ID", "an account; repeat for more (wx0123456789abcdef and a website account)", set_account},
  {"secret", "SECRET", "its app secret", set_secret},
  {"secret-file", "FILE", "its app secret, read from the first line of a file", set_secret_file},
  {"website", NULL, "this account is a website application: qrconnect with snsapi_login", set_website},
  {"redirect-host", "HOST[,HOST]", "callback hosts; a port only if it is named (any loopback host and port)", set_hosts},
  {"latency-ms", "N", "answer API calls after N milliseconds (0)", set_latency},
  {"jitter-ms", "N", "and up to N more, at random (0)", set_jitter},
  {"idle-s", "N", "close connections that were idle for N seconds (75)", set_idle},
  {"ledger", "N", "keep the last N calls (1000000)", set_ledger},
  {"seed", "N", "make codes and tokens repeatable", set_seed},
  {"quiet", NULL, "print nothing but the addresses", set_quiet},
  {"help", NULL, "print this and leave", NULL},
  {"version", NULL, "print the version and leave", NULL},
  {NULL, NULL, NULL, NULL},
};
/* clang-format on */
