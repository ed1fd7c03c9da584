/* test_siemctl_replay.c: a file is cut into bulks with every line once, under its own number. */
#include "services/siemctl/replay_source.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* A file with this content, already unlinked. */
static int file_with(const char *data, size_t length) {
    char path[] = "/tmp/test-replay-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_neq(fd, -1);
    unlink(path);
    while (length > 0) {
        ssize_t written = write(fd, data, length);
        cr_assert_gt(written, 0);
        data += written;
        length -= (size_t)written;
    }
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static struct replay_bulk bulk;

Test(replay_source, lines_keep_their_numbers_and_blank_ones_are_left_out) {
    static const char data[] = "{\"a\":1}\n\n  \t\r\n{\"b\":2}\r\n{\"c\":3}";
    int fd = file_with(data, sizeof data - 1);
    struct replay_source *source = replay_source_new(fd);
    replay_bulk_init(&bulk);
    cr_assert(replay_source_take(source, 2, &bulk));
    cr_expect_eq(bulk.count, 2);
    cr_expect_eq(bulk.lines[0], 1);
    cr_expect_eq(bulk.lines[1], 4);
    cr_expect(text_is(buffer_text(&bulk.body), "{\"a\":1}\n{\"b\":2}\r\n"));
    cr_assert(replay_source_take(source, 2, &bulk));
    cr_expect_eq(bulk.count, 1);
    cr_expect_eq(bulk.lines[0], 5);
    cr_expect(text_is(buffer_text(&bulk.body), "{\"c\":3}\n"), "the last line needs no newline");
    cr_expect_not(replay_source_take(source, 2, &bulk));
    cr_expect_eq(replay_source_error(source), 0);
    cr_expect_eq(replay_source_bytes(source), sizeof data - 1);
    replay_bulk_fini(&bulk);
    replay_source_destroy(&source);
    close(fd);
}

/* A source that cannot be read to its end is not taken for a short one. */
Test(replay_source, a_read_error_is_told) {
    int fd = open("/", O_RDONLY | O_DIRECTORY);
    struct replay_source *source = replay_source_new(fd);
    replay_bulk_init(&bulk);
    cr_expect_not(replay_source_take(source, 100, &bulk));
    cr_expect_eq(replay_source_error(source), EISDIR);
    replay_bulk_fini(&bulk);
    replay_source_destroy(&source);
    close(fd);
}

Test(replay_source, a_line_above_the_bound_is_passed_over) {
    size_t length = REPLAY_LINE_MAX + 10;
    char *data = malloc(length);
    cr_assert_not_null(data);
    memset(data, 'x', length);
    data[REPLAY_LINE_MAX + 1] = '\n';
    data[REPLAY_LINE_MAX + 5] = '\n';
    int fd = file_with(data, length);
    struct replay_source *source = replay_source_new(fd);
    replay_bulk_init(&bulk);
    cr_assert(replay_source_take(source, 100, &bulk));
    cr_expect(text_is(buffer_text(&bulk.body), "xxx\nxxxx\n"));
    cr_expect_eq(bulk.lines[0], 2);
    cr_expect_eq(bulk.lines[1], 3);
    cr_expect_eq(replay_source_too_long(source), 1);
    replay_bulk_fini(&bulk);
    replay_source_destroy(&source);
    close(fd);
    free(data);
}

Test(replay_source, every_line_comes_once_over_many_pieces) {
    enum { LINES = 60000 };
    struct buffer data;
    buffer_init(&data, 64 * 1024 * 1024);
    for (int i = 1; i <= LINES; i++)
        buffer_printf(&data, "{\"n\":%d}\n", i);
    int fd = file_with(buffer_text(&data).data, data.length);
    struct replay_source *source = replay_source_new(fd);
    replay_bulk_init(&bulk);
    uint64_t expected = 0;
    size_t bytes = 0;
    while (replay_source_take(source, 777, &bulk)) {
        cr_assert_leq(bulk.count, 777);
        for (int i = 0; i < bulk.count; i++)
            cr_assert_eq(bulk.lines[i], ++expected);
        cr_assert_eq(memcmp(bulk.body.data, data.data + bytes, bulk.body.length), 0);
        bytes += bulk.body.length;
    }
    cr_expect_eq(expected, LINES);
    cr_expect_eq(bytes, data.length);
    replay_bulk_fini(&bulk);
    replay_source_destroy(&source);
    buffer_fini(&data);
    close(fd);
}

Test(replay_source, a_stream_that_pauses_gives_what_it_has) {
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    struct replay_source *source = replay_source_new(ends[0]);
    replay_bulk_init(&bulk);
    cr_assert_eq(write(ends[1], "one\ntw", 6), 6);
    cr_assert(replay_source_take(source, 100, &bulk));
    cr_expect(text_is(buffer_text(&bulk.body), "one\n"));
    cr_assert_eq(write(ends[1], "o\n", 2), 2);
    cr_assert(replay_source_take(source, 100, &bulk));
    cr_expect(text_is(buffer_text(&bulk.body), "two\n"));
    replay_source_stop(source);
    cr_expect_not(replay_source_take(source, 100, &bulk), "a stop ends the wait");
    replay_bulk_fini(&bulk);
    replay_source_destroy(&source);
    close(ends[0]);
    close(ends[1]);
}
