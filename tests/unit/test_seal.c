/* SPDX-License-Identifier: Apache-2.0
 * test_seal: what was sealed opens unchanged for the same use, and nothing else opens at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "base/seal.h"

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define KEY_C "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"
#define PLAIN STR("openid=oABC;expires=1790000000")
#define SITE  STR("main https://site.example")

static struct seal_keys *keys;

static struct seal_keys *parse(const char *text) {
  struct seal_keys *parsed = NULL;
  struct err err = {""};
  if (seal_keys_parse(str_of(text), &parsed, &err) != 0) print_error("%s\n", err.text);
  assert_non_null(parsed);
  return parsed;
}

static int make_keys(void **state) {
  (void)state;
  keys = parse(KEY_A "\n" KEY_B "\n");
  return 0;
}

static int free_keys(void **state) {
  (void)state;
  seal_keys_free(keys);
  return 0;
}

/* True when the text opens to PLAIN for a session of SITE. */
static bool opens(struct str text) {
  char plain[64];
  size_t n;
  return seal_open(keys, SEAL_SESSION, SITE, text, plain, sizeof plain, &n, NULL) == 0 && str_eq(str_make(plain, n), PLAIN);
}

static char *lock(void) {
  char *text = malloc(seal_text_length(PLAIN.n) + 1);
  assert_int_equal(seal_lock(keys, SEAL_SESSION, SITE, PLAIN.p, PLAIN.n, text), 0);
  assert_int_equal(strlen(text), seal_text_length(PLAIN.n));
  return text;
}

static void sealed_text_opens_unchanged(void **state) {
  (void)state;
  for (size_t n = 0; n < 2000; n += n < 20 ? 1 : 97) { /* every remainder of 3, on the stack and beyond it */
    char *plain = calloc(1, n + 1), *opened = malloc(n + 1), *text = malloc(seal_text_length(n) + 1);
    for (size_t i = 0; i < n; i++) plain[i] = (char)(i * 31);
    assert_int_equal(seal_lock(keys, SEAL_TOKEN, SITE, plain, n, text), 0);
    size_t got = 9999;
    bool newest = false;
    assert_int_equal(seal_open(keys, SEAL_TOKEN, SITE, str_of(text), opened, n, &got, &newest), 0);
    assert_int_equal(got, n);
    assert_true(newest);
    assert_memory_equal(opened, plain, n);
    free(plain);
    free(opened);
    free(text);
  }
}

static void K01_every_flipped_bit_is_refused(void **state) {
  (void)state;
  char *text = lock();
  size_t n = strlen(text);
  for (size_t i = 0; i < 8 * n; i++) {
    text[i / 8] ^= (char)(1 << i % 8);
    assert_false(opens(str_make(text, n)));
    text[i / 8] ^= (char)(1 << i % 8);
  }
  assert_true(opens(str_make(text, n)));
  free(text);
}

static void K02_every_truncation_and_extension_is_refused(void **state) {
  (void)state;
  char *text = lock();
  size_t n = strlen(text);
  for (size_t i = 0; i < n; i++) {
    char *exact = malloc(i ? i : 1); /* no byte behind it, so that a sanitizer sees a read too far */
    memcpy(exact, text, i);
    assert_false(opens(str_make(exact, i)));
    assert_false(opens(str_make(text + i + 1, n - i - 1)));
    free(exact);
  }
  char longer[256];
  memcpy(longer, text, n);
  for (int c = 0; c < 256; c++) {
    longer[n] = (char)c;
    assert_false(opens(str_make(longer, n + 1)));
    longer[n + 1] = 'A';
    assert_false(opens(str_make(longer, n + 2)));
  }
  free(text);
}

static void K05_other_purpose_account_or_site_does_not_open(void **state) {
  (void)state;
  char *text = lock(), plain[64];
  size_t n = 77;
  assert_int_equal(seal_open(keys, SEAL_LOGIN, SITE, str_of(text), plain, sizeof plain, &n, NULL), -1);
  assert_int_equal(seal_open(keys, SEAL_SESSION, STR("main https://other.example"), str_of(text), plain, sizeof plain, &n, NULL),
                   -1);
  assert_int_equal(seal_open(keys, SEAL_SESSION, STR_NONE, str_of(text), plain, sizeof plain, &n, NULL), -1);
  assert_int_equal(n, 77);
  free(text);
}

static void K06_unknown_and_retired_keys_do_not_open(void **state) {
  (void)state;
  char *text = lock(), plain[64];
  size_t n;
  struct seal_keys *others = parse(KEY_B "\n" KEY_C);
  assert_int_equal(seal_open(others, SEAL_SESSION, SITE, str_of(text), plain, sizeof plain, &n, NULL), -1);
  seal_keys_free(others);
  assert_false(opens(str_from(str_of(text), 6))); /* without a key id */
  assert_false(opens(STR("")));
  memset(text, 'A', 5);
  assert_false(opens(str_of(text)));
  free(text);
}

static void older_key_opens_and_is_told_apart(void **state) {
  (void)state;
  char *text = lock(), plain[64];
  size_t n;
  bool newest = true;
  struct seal_keys *rotated = parse(KEY_C "\n" KEY_A "\n");
  assert_int_equal(seal_open(rotated, SEAL_SESSION, SITE, str_of(text), plain, sizeof plain, &n, &newest), 0);
  assert_false(newest);
  seal_keys_free(rotated);
  free(text);
}

static void plain_larger_than_the_room_is_refused(void **state) {
  (void)state;
  char *text = lock(), plain[64];
  size_t n;
  assert_int_equal(seal_open(keys, SEAL_SESSION, SITE, str_of(text), plain, PLAIN.n - 1, &n, NULL), -1);
  assert_int_equal(seal_open(keys, SEAL_SESSION, SITE, str_of(text), plain, PLAIN.n, &n, NULL), 0);
  free(text);
}

static void raw_seal_opens_and_refuses_a_changed_byte(void **state) {
  (void)state;
  uint8_t raw[100];
  char plain[64];
  size_t n;
  assert_int_equal(seal_lock_raw(keys, SEAL_TOKEN, SITE, PLAIN.p, PLAIN.n, raw), 0);
  size_t length = PLAIN.n + SEAL_OVERHEAD_BYTES;
  assert_int_equal(seal_open_raw(keys, SEAL_TOKEN, SITE, raw, length, plain, sizeof plain, &n), 0);
  assert_true(str_eq(str_make(plain, n), PLAIN));
  for (size_t i = 0; i < length; i++) {
    raw[i] ^= 1;
    assert_int_equal(seal_open_raw(keys, SEAL_TOKEN, SITE, raw, length, plain, sizeof plain, &n), -1);
    raw[i] ^= 1;
  }
}

static void S22_no_random_bytes_means_no_seal(void **state) {
  (void)state;
  char text[256], hex[65];
  random_fail_next(2);
  assert_int_equal(seal_lock(keys, SEAL_SESSION, SITE, "x", 1, text), -1);
  assert_int_equal(seal_key_new(hex), -1);
  assert_int_equal(seal_lock(keys, SEAL_SESSION, SITE, "x", 1, text), 0);
}

/* On each side of the fork; 10^6 in all. */
#define NONCES 500000

static int compare_nonces(const void *a, const void *b) {
  return memcmp(a, b, 24);
}

static void lock_many(uint8_t (*nonces)[24]) {
  for (int i = 0; i < NONCES; i++) {
    uint8_t raw[SEAL_OVERHEAD_BYTES];
    if (seal_lock_raw(keys, SEAL_SESSION, SITE, "", 0, raw) != 0) return;
    memcpy(nonces[i], raw + 4, 24);
  }
}

static void K27_nonces_never_repeat_across_a_fork(void **state) {
  (void)state;
  uint8_t(*nonces)[24] = calloc(2 * NONCES, sizeof *nonces);
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  lock_many(nonces + NONCES);
  pid_t child = fork();
  if (child == 0) {
    lock_many(nonces);
    const char *at = (const char *)nonces;
    for (size_t left = NONCES * sizeof *nonces; left > 0;) {
      ssize_t n = write(fds[1], at, left);
      if (n <= 0) _exit(1);
      at += n;
      left -= (size_t)n;
    }
    free(nonces);
    _exit(0);
  }
  close(fds[1]);
  char *at = (char *)nonces;
  ssize_t n;
  while ((n = read(fds[0], at, (size_t)((char *)(nonces + NONCES) - at))) > 0) at += n;
  close(fds[0]);
  int status;
  waitpid(child, &status, 0);
  assert_int_equal(status, 0);
  assert_ptr_equal(at, nonces + NONCES);
  qsort(nonces, 2 * NONCES, sizeof *nonces, compare_nonces);
  for (size_t i = 1; i < 2 * NONCES; i++) assert_true(compare_nonces(nonces[i - 1], nonces[i]) != 0);
  free(nonces);
}

static void mac_holds_for_its_data_under_every_key(void **state) {
  (void)state;
  uint8_t mac[SEAL_MAC_BYTES];
  seal_mac(keys, SEAL_STATE, SITE, STR("data"), mac);
  assert_true(seal_mac_ok(keys, SEAL_STATE, SITE, STR("data"), mac));
  assert_false(seal_mac_ok(keys, SEAL_STATE, SITE, STR("dat"), mac));
  assert_false(seal_mac_ok(keys, SEAL_LOGIN, SITE, STR("data"), mac));
  assert_false(seal_mac_ok(keys, SEAL_STATE, STR_NONE, STR("data"), mac));
  struct seal_keys *rotated = parse(KEY_C "\n" KEY_B "\n" KEY_A), *others = parse(KEY_C);
  assert_true(seal_mac_ok(rotated, SEAL_STATE, SITE, STR("data"), mac));
  assert_false(seal_mac_ok(others, SEAL_STATE, SITE, STR("data"), mac));
  seal_keys_free(rotated);
  seal_keys_free(others);
  for (int bit = 0; bit < 8 * SEAL_MAC_BYTES; bit++) {
    mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
    assert_false(seal_mac_ok(keys, SEAL_STATE, SITE, STR("data"), mac));
    mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
  }
}

static void fingerprint_depends_on_what_stands_where(void **state) {
  (void)state;
  uint8_t first[16], again[16], moved[16], other[16];
  seal_fingerprint(SEAL_CODE, STR("ab"), STR("c"), first);
  seal_fingerprint(SEAL_CODE, STR("ab"), STR("c"), again);
  seal_fingerprint(SEAL_CODE, STR("a"), STR("bc"), moved);
  seal_fingerprint(SEAL_TICKET, STR("ab"), STR("c"), other);
  assert_memory_equal(first, again, 16);
  assert_memory_not_equal(first, moved, 16);
  assert_memory_not_equal(first, other, 16);
}

struct samples {
  double *ns;
  size_t count;
};

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void describe(struct samples *samples, double *ret_mean, double *ret_variance) {
  qsort(samples->ns, samples->count, sizeof *samples->ns, compare_doubles);
  size_t kept = samples->count / 10 * 9;
  double sum = 0, squares = 0;
  for (size_t i = 0; i < kept; i++) sum += samples->ns[i];
  *ret_mean = sum / (double)kept;
  for (size_t i = 0; i < kept; i++) squares += (samples->ns[i] - *ret_mean) * (samples->ns[i] - *ret_mean);
  *ret_variance = squares / (double)(kept - 1) / (double)kept;
}

/* Welch's t between two sets of durations, each without its slowest tenth (interrupts). */
static double compute_t(struct samples *a, struct samples *b) {
  double mean_a, mean_b, variance_a, variance_b;
  describe(a, &mean_a, &variance_a);
  describe(b, &mean_b, &variance_b);
  return fabs(mean_a - mean_b) / sqrt(variance_a + variance_b);
}

static double time_check_ns(const uint8_t mac[SEAL_MAC_BYTES]) {
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  volatile bool ok = seal_mac_ok(keys, SEAL_STATE, SITE, STR("data"), mac);
  clock_gettime(CLOCK_MONOTONIC, &after);
  (void)ok;
  return (double)(after.tv_sec - before.tv_sec) * 1e9 + (double)(after.tv_nsec - before.tv_nsec);
}

/* A MAC wrong in its first byte against one wrong in its last, in random turns. */
static double measure_t(size_t count) {
  struct samples samples[2] = {{calloc(count, sizeof(double)), 0}, {calloc(count, sizeof(double)), 0}};
  uint8_t macs[2][SEAL_MAC_BYTES], turn;
  for (int i = 0; i < 2; i++) seal_mac(keys, SEAL_STATE, SITE, STR("data"), macs[i]);
  macs[0][0] ^= 1;
  macs[1][SEAL_MAC_BYTES - 1] ^= 1;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(random_bytes(&turn, 1), 0);
    struct samples *set = &samples[turn & 1];
    set->ns[set->count++] = time_check_ns(macs[turn & 1]);
  }
  double t = compute_t(&samples[0], &samples[1]);
  free(samples[0].ns);
  free(samples[1].ns);
  return t;
}

static void K28_time_of_a_check_does_not_tell_where_it_failed(void **state) {
  (void)state;
  double t = 0;
  for (int attempt = 0; attempt < 4; attempt++) { /* a true signal shows each time, a busy machine only now and then */
    t = measure_t(50000);
    if (t < 4.5) return;
  }
  fail_msg("|t| = %f", t);
}

/* The sentence for a keys file that is refused. */
static const char *refuse(const char *text) {
  static struct err err;
  err.text[0] = '\0';
  struct seal_keys *parsed = NULL;
  assert_int_equal(seal_keys_parse(str_of(text), &parsed, &err), -1);
  assert_null(parsed);
  return err.text;
}

static void G04_odd_keys_are_refused_with_their_line(void **state) {
  (void)state;
  assert_non_null(strstr(refuse("# new\n" KEY_A "0\n"), "line 2: a key is exactly 64 hex digits"));
  assert_non_null(strstr(refuse("abcd\n"), "line 1:"));
  assert_non_null(strstr(refuse(KEY_A "\n\n" KEY_A "\n"), "line 3: the same key as in line 1"));
  assert_non_null(strstr(refuse(KEY_A "\n00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\n"), "the same key"));
  assert_non_null(strstr(refuse("0000000000000000000000000000000000000000000000000000000000000000"), "all zeros"));
  assert_non_null(strstr(refuse("zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"), "line 1:"));
  assert_non_null(strstr(refuse(""), "no key"));
  assert_non_null(strstr(refuse("# only a comment\n\n"), "no key"));
}

static void refusal_never_shows_the_key(void **state) {
  (void)state;
  assert_null(strstr(refuse(KEY_A "f\n"), "00112233"));
}

static void more_keys_than_the_limit_are_refused(void **state) {
  (void)state;
  char text[1024] = "";
  size_t n = 0;
  for (int i = 0; i <= SEAL_KEYS_MAX; i++) {
    assert_int_equal(seal_key_new(text + n), 0);
    text[n + 64] = '\n';
    n += 65;
  }
  text[n] = '\0';
  assert_non_null(strstr(refuse(text), "line 9: more than 8 keys"));
  text[n - 65] = '\0';
  struct seal_keys *parsed = parse(text);
  assert_int_equal(seal_keys_count(parsed), SEAL_KEYS_MAX);
  seal_keys_free(parsed);
}

static void comments_blanks_and_windows_line_ends_are_allowed(void **state) {
  (void)state;
  struct seal_keys *parsed = parse("# newest first\r\n  " KEY_A " \r\n\r\n\t# older\n" KEY_B);
  assert_int_equal(seal_keys_count(parsed), 2);
  seal_keys_free(parsed);
}

#define seal_test(name) cmocka_unit_test_setup_teardown(name, make_keys, free_keys)

int main(void) {
  if (seal_start(NULL) != 0) return 1;
  const struct CMUnitTest tests[] = {
      seal_test(sealed_text_opens_unchanged),
      seal_test(K01_every_flipped_bit_is_refused),
      seal_test(K02_every_truncation_and_extension_is_refused),
      seal_test(K05_other_purpose_account_or_site_does_not_open),
      seal_test(K06_unknown_and_retired_keys_do_not_open),
      seal_test(older_key_opens_and_is_told_apart),
      seal_test(plain_larger_than_the_room_is_refused),
      seal_test(raw_seal_opens_and_refuses_a_changed_byte),
      seal_test(S22_no_random_bytes_means_no_seal),
      seal_test(K27_nonces_never_repeat_across_a_fork),
      seal_test(mac_holds_for_its_data_under_every_key),
      seal_test(K28_time_of_a_check_does_not_tell_where_it_failed),
      seal_test(fingerprint_depends_on_what_stands_where),
      cmocka_unit_test(G04_odd_keys_are_refused_with_their_line),
      cmocka_unit_test(refusal_never_shows_the_key),
      cmocka_unit_test(more_keys_than_the_limit_are_refused),
      cmocka_unit_test(comments_blanks_and_windows_line_ends_are_allowed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
