/* SPDX-License-Identifier: Apache-2.0
 * page_qr: a text as a QR code, drawn as one SVG path. Inner header of page. */
#ifndef WEIGATE_WEB_PAGE_QR_H
#define WEIGATE_WEB_PAGE_QR_H

#include "base/buf.h"
#include "base/text.h"

/* Appends an <svg> with dark modules on white, also where the page is dark: not every scanner reads inverted codes. -1 (nothing
 * appended) if the text is too long for a QR code (2,331 bytes at level M) or memory is refused. Any thread. */
int page_qr_add(struct buf *out, struct str text, struct str label);

#endif
