/* test_siemctl_terminal.c: nothing a sender wrote commands the terminal. */
#include "services/siemctl/terminal.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(siemctl_terminal, what_a_terminal_would_obey_is_masked) {
    static const struct {
        struct text text;
        const char *shown;
    } cases[] = {
        {TEXT_CONSTANT("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f"},
        {TEXT_CONSTANT("a\033[2Jb\n\0c"), "a?[2Jb??c"},
        {TEXT_CONSTANT("\xc2\x9b"
                       "2J"),
         "?2J"},
        {TEXT_CONSTANT("a\xe2\x80\xae"
                       "b\xe2\x81\xa9\xe2\x80\x8f"),
         "a?b??"},
        {TEXT_CONSTANT("\xe2\x80\xa8\xe2\x80\xa9"), "??"},
        {TEXT_CONSTANT("\xff"), "?"},
        {{NULL, 0}, "-"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *printed = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&printed, &size);
        terminal_print(stream, cases[i].text);
        fclose(stream);
        cr_expect_str_eq(printed, cases[i].shown);
        free(printed);
    }
}
