/* scan.h - finds delimiters in bytes, sixteen at a time where the machine can.
 *
 * Role:   the inner loops of the parser. Each function has a scalar twin with the same contract, against which tests hold it.
 * Owns:   nothing. Reads nothing outside [at, end). Thread: any; pure functions.
 */
#ifndef FOLIO_PLATFORM_SCAN_H
#define FOLIO_PLATFORM_SCAN_H

/* The first byte in [at, end) that may not stand in a field value: a control character other than tab, or DEL; `end` if none. */
const char *scan_value_end(const char *at, const char *end);
const char *scan_value_end_scalar(const char *at, const char *end);

/* The first byte in [at, end) that ends the path of a target: '?', '#', or what is not visible ASCII (0x21-0x7e); `end` if none. */
const char *scan_path_end(const char *at, const char *end);
const char *scan_path_end_scalar(const char *at, const char *end);

/* The first byte in [at, end) at which a path may be other than normal: '%', NUL, or a '/' before '/' or '.'; `end` if none. */
const char *scan_normal_end(const char *at, const char *end);
const char *scan_normal_end_scalar(const char *at, const char *end);

/* The first byte in [at, end) that must be escaped in a log: a control character, '"', '\\', DEL or above; `end` if none. */
const char *scan_plain_end(const char *at, const char *end);
const char *scan_plain_end_scalar(const char *at, const char *end);

#endif
