/* SPDX-License-Identifier: Apache-2.0 */
/* How the library tells what is wrong: one message per mistake, naming node and property. */
#ifndef LIBS_CONFIG_REPORT_H
#define LIBS_CONFIG_REPORT_H

#include <stdarg.h>
#include <stddef.h>

/* Receives one mistake. node: a path, never NULL; property: NULL if the node as a whole is meant;
 * message: "what is wrong, what was expected", one line without a newline. */
struct config_report {
    void (*tell)(void *context, const char *node, const char *property, const char *message);
    void *context;
    unsigned errors; /* told so far */
};

void config_error(struct config_report *report, const char *node, const char *property,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));
void config_error_v(struct config_report *report, const char *node, const char *property,
                    const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

/* "NODE: PROPERTY: MESSAGE" or "NODE: MESSAGE", as everybody prints it. Cut to `size` bytes. */
void config_error_line(char *line, size_t size, const char *node, const char *property,
                       const char *message);

#endif
