/* sigma_scalar.c: plain YAML scalars as null, switches and numbers. */
#include "services/detector/sigma_yaml.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define NUMBER_SIZE 64

/* True when a plain scalar is one of the words, whatever its case. */
static bool is_word(const struct sigma_node *node, const char *const *words, size_t count) {
    if (node->kind != SIGMA_NODE_SCALAR || !node->plain)
        return false;
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == node->text.length &&
            strncasecmp(words[i], node->text.data, node->text.length) == 0)
            return true;
    return false;
}

bool sigma_node_is_null(const struct sigma_node *node) {
    static const char *const words[] = {"", "~", "null"};
    return is_word(node, words, sizeof words / sizeof words[0]);
}

bool sigma_node_switch(const struct sigma_node *node, bool *ret_value) {
    static const char *const on[] = {"true", "yes", "on"};
    static const char *const off[] = {"false", "no", "off"};
    if (is_word(node, on, sizeof on / sizeof on[0]))
        *ret_value = true;
    else if (is_word(node, off, sizeof off / sizeof off[0]))
        *ret_value = false;
    else
        return false;
    return true;
}

/* Copies a text that may be a number into a C string; false when it cannot be one. */
static bool copy_number(struct text text, char out[NUMBER_SIZE]) {
    if (text.length == 0 || text.length >= NUMBER_SIZE)
        return false;
    bool has_digit = false;
    for (size_t i = 0; i < text.length; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        has_digit |= digit;
        if (!digit && memchr("+-.eE", text.data[i], 5) == NULL)
            return false;
    }
    memcpy(out, text.data, text.length);
    out[text.length] = '\0';
    return has_digit;
}

bool sigma_number_parse(struct text text, struct sigma_number *ret_number) {
    char string[NUMBER_SIZE], *end;
    if (!copy_number(text, string))
        return false;
    errno = 0;
    struct sigma_number number = {.integer = strtoll(string, &end, 10)};
    number.is_integer = *end == '\0' && errno == 0;
    number.real = strtod(string, &end);
    if (*end != '\0' || !isfinite(number.real))
        return false;
    *ret_number = number;
    return true;
}

/* Reads 0x.. and 0o.. */
static bool parse_based(struct text text, struct sigma_number *ret_number) {
    if (text.length < 3 || text.length >= NUMBER_SIZE || text.data[0] != '0')
        return false;
    int base = text.data[1] == 'x' ? 16 : text.data[1] == 'o' ? 8 : 0;
    bool sign = text.data[2] == '-' || text.data[2] == '+' || text.data[2] == ' ';
    if (base == 0 || sign)
        return false;
    char string[NUMBER_SIZE], *end;
    memcpy(string, text.data + 2, text.length - 2);
    string[text.length - 2] = '\0';
    errno = 0;
    unsigned long long value = strtoull(string, &end, base);
    if (*end != '\0' || errno != 0)
        return false;
    *ret_number = (struct sigma_number){(double)value, (int64_t)value, value <= INT64_MAX};
    return true;
}

bool sigma_node_number(const struct sigma_node *node, struct sigma_number *ret_number) {
    if (node->kind != SIGMA_NODE_SCALAR || !node->plain)
        return false;
    return parse_based(node->text, ret_number) || sigma_number_parse(node->text, ret_number);
}
