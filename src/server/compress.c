#include "server/compress.h"

#include <brotli/encode.h>
#include <libdeflate.h>
#include <stdint.h>
#include <zstd.h>

enum {
    GZIP_LEVEL = 9,
    ZSTD_LEVEL = 19,
    BROTLI_QUALITY = 11,
    BROTLI_QUALITY_BIG = 9, /* the highest ones take a second a megabyte and more */
    BIG_BYTES = 1 << 20,
};

static size_t gzip(struct span content, char *out, size_t room)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(GZIP_LEVEL);
    if (!compressor) return 0;
    size_t size = libdeflate_gzip_compress(compressor, content.data, content.size, out, room);
    libdeflate_free_compressor(compressor);
    return size;
}

static size_t zstd(struct span content, char *out, size_t room)
{
    size_t size = ZSTD_compress(out, room, content.data, content.size, ZSTD_LEVEL);
    return ZSTD_isError(size) ? 0 : size;
}

static size_t brotli(struct span content, char *out, size_t room)
{
    size_t size = room;
    int quality = content.size > BIG_BYTES ? BROTLI_QUALITY_BIG : BROTLI_QUALITY;
    BROTLI_BOOL is_done = BrotliEncoderCompress(quality, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, content.size,
                                                (const uint8_t *)content.data, &size, (uint8_t *)out);
    return is_done ? size : 0;
}

size_t compress_content(enum coding coding, struct span content, char *out, size_t room)
{
    switch (coding) {
    case CODING_BR: return brotli(content, out, room);
    case CODING_ZSTD: return zstd(content, out, room);
    case CODING_GZIP: return gzip(content, out, room);
    case CODING_IDENTITY:
    case CODING_COUNT: break;
    }
    return 0;
}
