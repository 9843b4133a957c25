/* SPDX-License-Identifier: Apache-2.0
 * term: output for people: columns that stay aligned with wide characters, nothing that steers the terminal, colour only there.
 */
#ifndef WEIGATE_CTL_TERM_H
#define WEIGATE_CTL_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"

bool term_is_terminal(void); /* is standard output one? */
size_t term_columns(void);   /* its width; 80 where it does not tell */
/* How many cells the text takes on a terminal. It must have passed text_printable(). */
size_t term_width(struct str text);
/* The text escaped and cut to that many cells (an ellipsis in the last), followed by blanks up to them. */
void term_add_cell(struct buf *out, struct str text, size_t cells);
/* Wraps the text in an escape sequence on a terminal, and does nothing elsewhere or with NO_COLOR set. */
enum term_style { TERM_BOLD, TERM_DIM, TERM_GOOD, TERM_WARN, TERM_BAD };
void term_add_styled(struct buf *out, enum term_style style, const char *text);
/* "3d 4h", "12m 5s": the two largest units. */
void term_add_span(struct buf *out, uint64_t seconds);
/* "512 bytes", "1.4 GiB": rounded. */
void term_add_bytes(struct buf *out, uint64_t bytes);
/* Asks on a terminal whether to go on; anything but a yes is a no. Without a terminal to answer on it is a no. */
bool term_confirm(const char *question);
/* Writes the buffer to standard output and empties it. */
void term_print(struct buf *out);

#endif
