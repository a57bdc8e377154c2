/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the files of a bundle make the domains of a configuration. */
#ifndef LIBS_IMAGE_CHECK_H
#define LIBS_IMAGE_CHECK_H

#include <config/authority.h>

#define IMAGE_FILES_MAX 128 /* in a bundle */

/* The files of a bundle, by number from 0: a file's name, or NULL behind the last one. */
struct image_source {
    const char *(*file)(void *context, uint32_t number, const uint8_t **data, size_t *bytes);
    void *context;
};

/* Lays out every domain, also those that start later, as they will be built. False: something is
 * missing, damaged or does not fit; all of it was told. authority: NULL for a configuration with
 * mistakes: then it is only seen whether the files are there. */
bool image_check(const struct config *config, const struct authority *authority,
                 const struct image_source *source, struct config_report *report)
    __attribute__((warn_unused_result));

#endif
