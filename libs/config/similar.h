/* SPDX-License-Identifier: Apache-2.0 */
/* What a name that nobody has may have been meant to be. */
#ifndef LIBS_CONFIG_SIMILAR_H
#define LIBS_CONFIG_SIMILAR_H

/* Begun with the name as written; then every name that there is is offered. */
struct similar {
    const char *written;
    const char *best; /* the nearest so far, if one is near enough to be meant */
    unsigned distance;
};

void similar_begin(struct similar *similar, const char *written);
void similar_offer(struct similar *similar, const char *name);

#define SIMILAR_TEXT 64

/* ` (perhaps "NAME"?)`, or nothing: to stand behind the name in a message. */
const char *similar_text(const struct similar *similar, char text[SIMILAR_TEXT]);

#endif
