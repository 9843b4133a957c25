/* SPDX-License-Identifier: Apache-2.0
 * base64: bytes in the control interface's JSON, as any language's standard library writes them. */
#ifndef WEIGATE_SANDBOX_BASE64_H
#define WEIGATE_SANDBOX_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* Decodes the standard or the URL alphabet, padded or not; to has room for text.n bytes. -1 for anything else. Any thread. */
int base64_decode(uint8_t *to, struct str text, size_t *ret_n);

#endif
