/* SPDX-License-Identifier: Apache-2.0 */
/* What people type on the service's console, a line at a time, with echo and backspace. */
#ifndef RUNTIME_LINES_H
#define RUNTIME_LINES_H

/* The line is the handler's to change until it returns. Where there is no console, nobody types. */
typedef void lines_handler(char *line);

void lines_listen(lines_handler *handler);

#endif
