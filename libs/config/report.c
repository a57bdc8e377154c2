/* SPDX-License-Identifier: Apache-2.0 */
/* Messages about mistakes in a configuration (see report.h). */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

/* Names and values are whatever a damaged tree holds; what is told is one line of text. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

void config_error_v(struct config_report *report, const char *node, const char *property,
                    const char *format, va_list arguments)
{
    char message[320];

    vsnprintf(message, sizeof message, format, arguments);
    make_printable(message);
    report->errors++;
    if (report->tell)
        report->tell(report->context, node, property, message);
}

void config_error(struct config_report *report, const char *node, const char *property,
                  const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    config_error_v(report, node, property, format, arguments);
    va_end(arguments);
}

void config_error_line(char *line, size_t size, const char *node, const char *property,
                       const char *message)
{
    if (property)
        snprintf(line, size, "%s: %s: %s", node, property, message);
    else
        snprintf(line, size, "%s: %s", node, message);
    make_printable(line);
}
