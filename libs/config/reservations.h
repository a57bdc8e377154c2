/* SPDX-License-Identifier: Apache-2.0 */
/* Reservations of CPU time, as the arguments of the rtds policy ask for them (services/scheduler/rtds). */
#ifndef LIBS_CONFIG_RESERVATIONS_H
#define LIBS_CONFIG_RESERVATIONS_H

#include "config.h"

/* Tells who is not there, what is no number, and what can't be guaranteed. */
void config_check_reservations(const struct config *config, struct config_report *report);

#endif
