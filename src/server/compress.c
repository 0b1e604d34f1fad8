#include "server/compress.h"

#include <brotli/encode.h>
#include <libdeflate.h>
#include <stdint.h>
#include <zstd.h>

enum {
    GZIP_LEVEL = 9,
    GZIP_LEVEL_BIG = 6, /* it is done in one go, and should not take long */
    ZSTD_LEVEL = 19,
    BROTLI_QUALITY = 11,
    BROTLI_QUALITY_BIG = 9, /* the highest ones take a second a megabyte and more */
    BROTLI_BLOCK_BITS =
        16, /* so much is looked at before anything is written: the time between two looks at gives_up */
    BIG_BYTES = 1 << 20,
    STEP_BYTES = 1 << BROTLI_BLOCK_BITS,
};

static bool is_given_up(const _Atomic bool *gives_up)
{
    return atomic_load_explicit(gives_up, memory_order_relaxed);
}

static size_t step_of(struct span content, size_t at)
{
    return content.size - at < STEP_BYTES ? content.size - at : STEP_BYTES;
}

static size_t gzip(struct span content, char *out, size_t room)
{
    struct libdeflate_compressor *compressor =
        libdeflate_alloc_compressor(content.size > BIG_BYTES ? GZIP_LEVEL_BIG : GZIP_LEVEL);
    if (!compressor) return 0;
    size_t size = libdeflate_gzip_compress(compressor, content.data, content.size, out, room);
    libdeflate_free_compressor(compressor);
    return size;
}

static size_t zstd(struct span content, char *out, size_t room, const _Atomic bool *gives_up)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_outBuffer written = { .dst = out, .size = room };
    size_t left = 1; /* to be flushed; or an error */
    if (!context) return 0;
    bool goes_on = !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
                   !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context, content.size));
    for (size_t at = 0; goes_on && at < content.size;) {
        ZSTD_inBuffer read = { .src = content.data + at, .size = step_of(content, at) };
        at += read.size;
        left = ZSTD_compressStream2(context, &written, &read, at == content.size ? ZSTD_e_end : ZSTD_e_continue);
        goes_on = !ZSTD_isError(left) && read.pos == read.size && !is_given_up(gives_up);
    }
    ZSTD_freeCCtx(context);
    return goes_on && left == 0 ? written.pos : 0;
}

static size_t brotli(struct span content, char *out, size_t room, const _Atomic bool *gives_up)
{
    BrotliEncoderState *state = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    uint8_t *to = (uint8_t *)out;
    size_t left = room;
    if (!state) return 0;
    int quality = content.size > BIG_BYTES ? BROTLI_QUALITY_BIG : BROTLI_QUALITY;
    bool goes_on = BrotliEncoderSetParameter(state, BROTLI_PARAM_QUALITY, (uint32_t)quality) &&
                   BrotliEncoderSetParameter(state, BROTLI_PARAM_MODE, BROTLI_MODE_TEXT) &&
                   BrotliEncoderSetParameter(state, BROTLI_PARAM_LGBLOCK, BROTLI_BLOCK_BITS);
    for (size_t at = 0; goes_on && at < content.size;) {
        const uint8_t *from = (const uint8_t *)content.data + at;
        size_t step = step_of(content, at);
        at += step;
        BrotliEncoderOperation operation = at == content.size ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS;
        goes_on = BrotliEncoderCompressStream(state, operation, &step, &from, &left, &to, NULL) && step == 0 &&
                  !is_given_up(gives_up);
    }
    bool is_done = goes_on && BrotliEncoderIsFinished(state);
    BrotliEncoderDestroyInstance(state);
    return is_done ? room - left : 0;
}

size_t compress_content(enum coding coding, struct span content, char *out, size_t room, const _Atomic bool *gives_up)
{
    switch (coding) {
    case CODING_BR: return brotli(content, out, room, gives_up);
    case CODING_ZSTD: return zstd(content, out, room, gives_up);
    case CODING_GZIP: return gzip(content, out, room);
    case CODING_IDENTITY:
    case CODING_COUNT: break;
    }
    return 0;
}
