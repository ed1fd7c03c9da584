/* test_buffer.c: a buffer never passes its bound, and says so. */
#include "common/buffer.h"

#include <criterion/criterion.h>

Test(buffer, appends_in_order) {
    struct buffer buffer;
    buffer_init(&buffer, 100);
    buffer_append_text(&buffer, TEXT("one "));
    buffer_printf(&buffer, "%d", 2);
    cr_assert(text_is(buffer_text(&buffer), "one 2"));
    buffer_fini(&buffer);
}

Test(buffer, stops_at_its_bound_and_stays_stopped) {
    struct buffer buffer;
    buffer_init(&buffer, 4);
    buffer_append_text(&buffer, TEXT("12345"));
    cr_assert_not(buffer_is_whole(&buffer));
    buffer_append_text(&buffer, TEXT("1"));
    cr_assert_eq(buffer.length, 0);
    buffer_reset(&buffer);
    buffer_append_text(&buffer, TEXT("1234"));
    cr_assert(buffer_is_whole(&buffer));
    buffer_fini(&buffer);
}

Test(buffer, empty_text_is_not_null) {
    struct buffer buffer;
    buffer_init(&buffer, 4);
    cr_assert(text_is(buffer_text(&buffer), ""));
}
