/* config_limits.h - what a configuration may have at the most, so that no answer is longer than its room.
 *
 * Role:   asked once, when a configuration is complete: too many sites or sections, and fields that could come together in one
 *         answer and are longer than it may be, are mistakes like any other.
 * Owns:   nothing. Thread: the first.
 */
#ifndef FOLIO_SERVER_CONFIG_LIMITS_H
#define FOLIO_SERVER_CONFIG_LIMITS_H

#include "server/config.h"
#include "server/config_report.h"

void config_limits_check(const struct config *config, struct config_report *report);

#endif
