#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/status.h"

static void every_error_of_a_file_has_its_status(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum status status;
    } errors[] = {
        { 0, STATUS_OK },
        { EAGAIN, STATUS_WOULD_BLOCK },
        { ENOENT, STATUS_NOT_FOUND },
        { ENOTDIR, STATUS_NOT_FOUND },
        { ENAMETOOLONG, STATUS_NOT_FOUND },
        { EACCES, STATUS_REFUSED },
        { EPERM, STATUS_REFUSED },
        { EXDEV, STATUS_REFUSED },
        { ELOOP, STATUS_REFUSED },
        { ENXIO, STATUS_NOT_REGULAR },
        { ENODEV, STATUS_NOT_REGULAR },
        { EMFILE, STATUS_EXHAUSTED },
        { ENFILE, STATUS_EXHAUSTED },
        { ENOMEM, STATUS_EXHAUSTED },
        { EIO, STATUS_FAILED },
        { EINVAL, STATUS_FAILED },
        { ESTALE, STATUS_FAILED },
        { 4711, STATUS_FAILED },
        { -1, STATUS_FAILED },
    };
    for (size_t i = 0; i < ARRAY_COUNT(errors); i++) {
        enum status status = status_from_errno(errors[i].error);
        if (status != errors[i].status) fail_msg("errno %d means %d", errors[i].error, (int)status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_error_of_a_file_has_its_status) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
