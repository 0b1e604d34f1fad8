#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/status.h"

static const enum http_status all[] = {
    HTTP_CONTINUE,
    HTTP_OK,
    HTTP_NO_CONTENT,
    HTTP_PARTIAL_CONTENT,
    HTTP_MOVED_PERMANENTLY,
    HTTP_NOT_MODIFIED,
    HTTP_BAD_REQUEST,
    HTTP_FORBIDDEN,
    HTTP_NOT_FOUND,
    HTTP_METHOD_NOT_ALLOWED,
    HTTP_REQUEST_TIMEOUT,
    HTTP_PRECONDITION_FAILED,
    HTTP_CONTENT_TOO_LARGE,
    HTTP_URI_TOO_LONG,
    HTTP_RANGE_NOT_SATISFIABLE,
    HTTP_EXPECTATION_FAILED,
    HTTP_HEADER_FIELDS_TOO_LARGE,
    HTTP_INTERNAL_SERVER_ERROR,
    HTTP_NOT_IMPLEMENTED,
    HTTP_SERVICE_UNAVAILABLE,
    HTTP_VERSION_NOT_SUPPORTED,
};

static void every_status_has_its_number_and_a_phrase(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct span text = http_status_text(all[i]);
        unsigned code = (unsigned)all[i];
        assert_true(text.size > 4);
        assert_int_equal(text.data[0], '0' + code / 100);
        assert_int_equal(text.data[1], '0' + code / 10 % 10);
        assert_int_equal(text.data[2], '0' + code % 10);
        assert_int_equal(text.data[3], ' ');
        for (size_t k = 4; k < text.size; k++) assert_true(text.data[k] == ' ' || ascii_lower(text.data[k]) >= 'a');
    }
    assert_null(http_status_text(HTTP_NONE).data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_number_and_a_phrase),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
