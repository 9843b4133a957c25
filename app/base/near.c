/* SPDX-License-Identifier: Apache-2.0
 * near: edit distance between short words; any thread. */
#include "base/near.h"

/* Longest word compared: the longest option name has 21 letters, so a longer word is near to none. */
#define NEAR_LETTERS_MAX 40

static size_t least(size_t a, size_t b, size_t c) {
  size_t ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Levenshtein's distance with one row of memory. */
static size_t measure(struct str a, struct str b) {
  size_t row[NEAR_LETTERS_MAX + 1];
  for (size_t j = 0; j <= b.n; j++) row[j] = j;
  for (size_t i = 1; i <= a.n; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.n; j++) {
      size_t above = row[j];
      row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a.p[i - 1] != b.p[j - 1]));
      diagonal = above;
    }
  }
  return row[b.n];
}

void near_init(struct near *near, struct str word) {
  *near = (struct near){.word = word, .distance = (word.n < 6 ? 2 : word.n / 3) + 1};
}

void near_look(struct near *near, const char *candidate) {
  struct str other = str_of(candidate);
  if (near->word.n > NEAR_LETTERS_MAX || other.n > NEAR_LETTERS_MAX) return;
  size_t distance = measure(near->word, other);
  if (distance >= near->distance) return;
  near->distance = distance;
  near->best = candidate;
}
