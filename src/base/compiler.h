/* compiler.h - the few attributes and hints that the source uses, under one name each. */
#ifndef FOLIO_BASE_COMPILER_H
#define FOLIO_BASE_COMPILER_H

#include <stddef.h>

#define NODISCARD           __attribute__((warn_unused_result))
#define NORETURN            __attribute__((noreturn))
#define PRINTF_LIKE(at, of) __attribute__((format(printf, at, of)))
#define LIKELY(x)           __builtin_expect(!!(x), 1)
#define UNLIKELY(x)         __builtin_expect(!!(x), 0)
#define CACHE_LINE_BYTES    64

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of type `type` whose member `member` is at `pointer`. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
