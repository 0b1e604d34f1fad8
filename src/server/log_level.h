/* log_level.h - how much something in the error log matters, as Apache and syslog count it.
 *
 * Thread: any; constants.
 */
#ifndef FOLIO_SERVER_LOG_LEVEL_H
#define FOLIO_SERVER_LOG_LEVEL_H

/* RFC 5424, 6.2.1: these are the severities' numbers. */
enum log_level {
    LOG_LEVEL_EMERG,
    LOG_LEVEL_ALERT,
    LOG_LEVEL_CRIT,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

#endif
