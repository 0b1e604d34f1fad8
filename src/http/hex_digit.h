/* hex_digit.h - what a hexadecimal digit is worth (RFC 5234, HEXDIG, in either case).
 *
 * Thread: any; a pure function.
 */
#ifndef FOLIO_HTTP_HEX_DIGIT_H
#define FOLIO_HTTP_HEX_DIGIT_H

/* 0 to 15; negative: not a digit. */
static inline int hex_digit_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

#endif
