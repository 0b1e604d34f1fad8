#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../support/guarded.h"
#include "base/compiler.h"
#include "http/fingerprint.h"

#define SHA1   "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"
#define SHA256 "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static const char *const with[] = {
    /* create-react-app, webpack 4 and 5 */
    "/static/js/main.3f9a2c1b.js",
    "/static/js/main.3f9a2c1b.js.map",
    "/static/js/2.9d4c1e7a.chunk.js",
    "/static/css/main.0e1f2a3c.chunk.css",
    "/static/css/main.0e1f2a3c.chunk.css.map",
    "/static/media/logo.5d5d9eefa31e5e13a6610d9fa7a283bb.svg",
    "/dist/main.54d5d5d6f1c2a3b4c5d6.js",
    "/dist/54d5d5d6f1c2a3b4c5d6.png",
    "/dist/runtime~main.1a2b3c4d5e6f7a8b9c0d.js",
    "/name.3f9a2c1b.js",
    "/app-3f9a2c1b.js",
    "/chunk-VENDOR-5f3e2a1b9c8d.js",
    "/chunk-vendors.5f3e2a1b.js",
    "/js/app.4d3c2b1a9f.bundle.js",
    "/js/app.4d3c2b1a.min.js",
    "/manifest.3f9a2c1b.webmanifest",
    /* Vite, Rollup */
    "/assets/index-DiwrgTda.js",
    "/assets/name-DiwrgTda.css",
    "/assets/index-4ZiSSCmn.css",
    "/assets/index-BY2S1tHT.css",
    "/assets/codeMirrorModule-Ds_H_9Yq.js",
    "/assets/xtermModule-CsJ4vdCR.js",
    "/assets/urlMatch-BYQrIQwR.js",
    "/assets/logo-1bWoP6pv.svg",
    "/assets/inter-latin-400-normal-C38fXH4l.woff2",
    "/assets/vendor-k3eOH_eK.js",
    "/assets/a-B-x_9aZ1.js",
    "/assets/index-na3_-uQk.js.map",
    "/assets/index-7-_Feqc8.css",
    "/assets/folded-BEWEleO7.svg",
    "/base/assets/leaf-BY4Y3_RZ.js",
    "/index.CzXZzn5A.css",
    "/snapshot.v8KI4P3m.js",
    /* esbuild, Angular */
    "/assets/png/image-CQFGD2NG.png",
    "/chunk-7QZ4XKVW.js",
    "/main-OX6J2WLQ.js",
    "/polyfills-FFHMD2TL.js",
    "/main.0e1f2a3c4b5d6e7f.js",
    "/styles.ef46db3751d8e999.css",
    /* Bun */
    "/index-k3jz8a2q.js",
    "/chunk-9dq2v7xk.css",
    /* Parcel */
    "/index.9d4c1e7a.css",
    "/logo.1f2e3d4c.png",
    /* Next.js, SvelteKit, Astro: the folder says it */
    "/_next/static/chunks/framework.js",
    "/_next/static/chunks/app/layout-0e1f2a3c4b5d6e7f.js",
    "/_next/static/AbCdEf/_buildManifest.js",
    "/base/_next/static/media/font-s.p.woff2",
    "/_app/immutable/entry/start.js",
    "/_app/immutable/chunks/DiwrgTda.js",
    "/_astro/index.DiwrgTda.css",
    "/_astro/photo.Ab3dEf7h_Z1uHq2W.webp",
    /* Gatsby */
    "/component---src-pages-index-js-54d5d5d6f1c2a3b4c5d6.js",
    "/webpack-runtime-54d5d5d6f1c2a3b4c5d6.js",
    /* Hugo, Rails, Django */
    "/css/main.min." SHA256 ".css",
    "/assets/application-" SHA256 ".js",
    "/assets/application-3f9a2c1b.css",
    "/assets/" SHA256 ".bin",
    "/assets/application-" SHA1 ".js",
    "/static/admin/css/base.9f3a2c1b4d5e.css",
    "/static/admin/js/jquery.min.9f3a2c1b4d5e.js",
    "/downloads/report.9f3a2c1b.pdf",
};

static const char *const without[] = {
    "/",
    "",
    "/.js",
    "/a",
    "/index.html",
    /* pages, whatever they are called */
    "/index.3f9a2c1b.html",
    "/index-DiwrgTda.html",
    "/_next/static/page.html",
    "/_astro/x.htm",
    "/main.3f9a2c1b.HTML",
    "/_next/static/page",
    "/_next/static/",
    /* versions, numbers, dates */
    "/jquery-3.6.0.min.js",
    "/jquery-3.6.0.slim.min.js.map",
    "/bootstrap.5.3.2.css",
    "/photo-20240101.jpg",
    "/photo-2024-01-01.jpg",
    "/report.20231231.pdf",
    "/report-20231231235959.pdf",
    "/backup.202312312359.tar.gz",
    "/IMG-12345678.jpg",
    "/IMG_12345678.jpg",
    "/IMG-20240101-WA0001.jpg",
    "/DSC-00012345.jpg",
    "/invoice-1234567890.pdf",
    "/video.1080p60fps.mp4",
    "/release-v1.22.333.zip",
    "/linux-6.1.0-13-amd64.deb",
    "/node-v20.11.1-x64.tar.gz",
    /* words */
    "/name-settings.css",
    "/bootstrap-icons.css",
    "/index-templates.js",
    "/my-document.html",
    "/my-document.pdf",
    "/font-awesome.min.css",
    "/logo-LinkedIn.svg",
    "/icon-FACEBOOK.svg",
    "/icon-MyButton.svg",
    "/README-TIMEZONE.md",
    "/page-Settings.js",
    "/doc-Rijndael.pdf",
    "/doc-Lazyload.js",
    "/EVP_CIPHER-AES.7ssl.gz",
    "/soft-DVDPLAYR.zip",
    "/keys-qwxzjvk1.txt",
    "/map-Budapest.png",
    "/app-OpenSuSE.png",
    "/trait.OsStrExt.js",
    "/trait.AsciiExt.js",
    "/ECMA-CYRILLIC.gz",
    "/logo-iPhone15.png",
    "/shot-ReadMe2x.png",
    "/photo-portrait.jpg",
    "/component-template.js",
    "/data-complete.json",
    "/jquery.validate.js",
    "/jquery-ui.structure.css",
    "/en-US.js",
    "/messages.zh-Hans-CN.json",
    "/angular-animate.js",
    "/style-XXXXXXXX.css",
    "/style-AAAABBBB.css",
    "/song-ABCABCAB.mp3",
    /* words, also where bundlers write to */
    "/assets/logo-LinkedIn.svg",
    "/assets/shot-iPhone15.png",
    "/assets/app-OpenSuSE.png",
    "/assets/page-HTMLPage.js",
    "/assets/app-xTermJS3.js",
    "/assets/page-Web2Page.js",
    "/assets/box-3dModels.js",
    "/assets/song-MP3_320K.js",
    "/assets/sheet-A4_paper.css",
    "/assets/name-settings.css",
    "/assets/song-ABABABaB.mp3",
    "/assets/folded.BEWEleO7.svg",
    "/assets/folded-BEWEleO7.html",
    /* what may be one is none outside of there */
    "/folded-BEWEleO7.svg",
    "/assets/pictures/folded-BEWEleO7.svg",
    "/leaf-BY4Y3_RZ.js",
    /* words in hexadecimal letters, and with numbers at an end */
    "/wall-facade.jpg",
    "/list-deadbeef.txt",
    "/cafe-cafe2024.jpg",
    "/menu-2024cafe.pdf",
    "/id-a1234567.png",
    "/part-1234567b.png",
    "/list-SECTION2.txt",
    "/list-CHAPTER3.txt",
    /* digests of other lengths, in capitals, or not behind '.' or '-' */
    "/app-3f9a2c1.js",
    "/app-3f9a2c1b4.js",
    "/app-3F9A2C1B.js",
    "/app_3f9a2c1b.js",
    "/app3f9a2c1b.js",
    "/photo-507f1f77bcf86cd799439011.jpg",
    /* names that are nothing but a digest, and may be of something else */
    "/3f9a2c1b.js",
    "/DiwrgTda.js",
    "/objects/" SHA256 ".meta.json",
    "/avatar/205e460b479e2e5b48aec07710c08d50.jpg",
    /* UUIDs */
    "/upload/123e4567-e89b-12d3-a456-426614174b0f.jpg",
    "/upload/photo-123e4567-e89b-12d3-a456-426614174b0f.jpg",
    "/upload/photo.123E4567-E89B-12D3-A456-426614174B0F.jpg",
    /* something else stands behind it */
    "/main.3f9a2c1b.a.b.c.js",
    "/main-3f9a2c1b-old.js",
    "/main.3f9a2c1b.js~",
    "/main.3f9a2c1b.",
    "/main.3f9a2c1b",
    "/main.3f9a2c1b/index.js",
    "/main.3f9a2c1b.js/",
    /* folders that are only called alike */
    "/node_modules/immutable/immutable.js",
    "/immutable/list.js",
    "/next/static/app.js",
    "/my_next/static/app.js",
    "/_app/version.json",
    "/astro/index.css",
};

static void names_with_a_fingerprint_are_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(with); i++) {
        if (!fingerprint_is_in(span_of_string(with[i]))) fail_msg("%s", with[i]);
    }
}

static void ordinary_names_have_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(without); i++) {
        if (fingerprint_is_in(span_of_string(without[i]))) fail_msg("%s", without[i]);
    }
}

/* What random bytes are written as; the shares are those that the source promises. */
static void most_of_what_is_random_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *alphabet, *folder;
        unsigned size;
        double share;
    } kinds[] = {
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "/", 64, 0.92 },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", "/assets/", 64, 0.955 },
        { "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "/", 32, 0.84 },
        { "0123456789abcdef", "/", 16, 0.88 },
    };
    uint64_t random = 1;
    for (size_t kind = 0; kind < ARRAY_COUNT(kinds); kind++) {
        unsigned known = 0;
        for (unsigned round = 0; round < 10000; round++) {
            char token[9] = "", name[64];
            for (unsigned i = 0; i < 8; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                token[i] = kinds[kind].alphabet[(random >> 40) % kinds[kind].size];
            }
            (void)snprintf(name, sizeof name, "%sindex-%s.js", kinds[kind].folder, token);
            known += fingerprint_is_in(span_of_string(name));
        }
        if (known < kinds[kind].share * 10000) fail_msg("kind %zu: %u of 10000", kind, known);
    }
}

static void nothing_behind_the_path_is_read(void **state)
{
    (void)state;
    struct guarded guarded = guarded_open(4096);
    for (size_t i = 0; i < ARRAY_COUNT(with); i++) {
        for (size_t size = 0; size <= strlen(with[i]); size++) {
            (void)fingerprint_is_in(span_of(guarded_copy(&guarded, with[i], size), size));
        }
    }
    guarded_close(&guarded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_with_a_fingerprint_are_known),
        cmocka_unit_test(ordinary_names_have_none),
        cmocka_unit_test(most_of_what_is_random_is_known),
        cmocka_unit_test(nothing_behind_the_path_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
