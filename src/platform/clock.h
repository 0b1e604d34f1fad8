/* clock.h - the two clocks: one that only goes forward, for deadlines, and the calendar's, for dates.
 *
 * Thread: any.
 */
#ifndef FOLIO_PLATFORM_CLOCK_H
#define FOLIO_PLATFORM_CLOCK_H

#include <stdint.h>

/* Microseconds of CLOCK_MONOTONIC. */
int64_t clock_monotonic_us(void);

/* Seconds since 1970, as precise as the kernel's tick (some 4 ms late at most); no system call. */
int64_t clock_calendar_s(void);

/* The same in microseconds, never behind the time stamps that the file system gives. */
int64_t clock_calendar_exact_us(void);

#endif
