/* SPDX-License-Identifier: Apache-2.0
 * checks: the chapters in the order in which an author meets them; each ends with its table. README.md says what each number is.
 */
#include "kit/check.h"

const struct kit_chapter *const kit_chapters[] = {
    &kit_loading, &kit_people,  &kit_merging, &kit_batch, &kit_tickets, &kit_scan,
    &kit_life,    &kit_manners, &kit_crowd,   &kit_crash, &kit_soak,
};
const size_t kit_chapters_count = sizeof kit_chapters / sizeof kit_chapters[0];
