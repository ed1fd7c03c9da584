/* api_key.c: tokens, records and scopes. */
#include "proto/api_key.h"

#include "common/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define TOKEN_LEAD "siem_"
#define LEAD_LENGTH (sizeof TOKEN_LEAD - 1)

static const struct {
    enum scope scope;
    const char *text;
} scopes_known[] = {
#define SCOPE(name, number, text, meaning) {SCOPE_##name, text},
#include "proto/scope.def"
#undef SCOPE
};
#define SCOPES_COUNT (sizeof scopes_known / sizeof scopes_known[0])

void api_key_make(struct api_key *ret_key, char ret_token[API_KEY_TOKEN_LENGTH + 1]) {
    struct digest random[2];
    char id[DIGEST_HEX_SIZE], secret[DIGEST_HEX_SIZE];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        abort();
    *ret_key = (struct api_key){0};
    memcpy(ret_key->id, digest_format(&random[0], id), API_KEY_ID_LENGTH);
    snprintf(ret_token, API_KEY_TOKEN_LENGTH + 1, TOKEN_LEAD "%s_%s", ret_key->id,
             digest_format(&random[1], secret));
    ret_key->digest = digest_of(text_of(ret_token));
    explicit_bzero(random, sizeof random);
    explicit_bzero(secret, sizeof secret);
}

/* Twelve hexadecimal digits. */
static bool is_id(struct text id) {
    for (size_t i = 0; i < id.length; i++) {
        if (id.data[i] == '\0' || strchr("0123456789abcdef", id.data[i]) == NULL)
            return false;
    }
    return id.length == API_KEY_ID_LENGTH;
}

bool api_key_token_id(struct text token, struct text *ret_id) {
    if (token.length != API_KEY_TOKEN_LENGTH || memcmp(token.data, TOKEN_LEAD, LEAD_LENGTH) != 0 ||
        token.data[LEAD_LENGTH + API_KEY_ID_LENGTH] != '_')
        return false;
    struct text id = {token.data + LEAD_LENGTH, API_KEY_ID_LENGTH};
    if (!is_id(id))
        return false;
    *ret_id = id;
    return true;
}

void api_key_encode(const struct api_key *key, struct buffer *out) {
    char digest[DIGEST_HEX_SIZE];
    buffer_printf(out, "%s ", digest_format(&key->digest, digest));
    scopes_write(key->scopes, out);
    buffer_printf(out, " %lld %lld %s", (long long)key->created_ms, (long long)key->expires_ms,
                  key->name);
}

/* Takes what stands before the next space. */
static struct text take_word(struct text *rest) {
    size_t length = 0;
    while (length < rest->length && rest->data[length] != ' ')
        length++;
    struct text word = {rest->data, length};
    size_t taken = length < rest->length ? length + 1 : length;
    *rest = (struct text){rest->data + taken, rest->length - taken};
    return word;
}

/* Decimal digits, below 2^53. */
static bool parse_ms(struct text text, int64_t *ret_ms) {
    int64_t value = 0;
    if (text.length == 0 || text.length > 15)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *ret_ms = value;
    return true;
}

bool api_key_name_is_valid(struct text name) {
    if (name.length > API_KEY_NAME_MAX || !utf8_is_valid((const uint8_t *)name.data, name.length))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
            return false;
    }
    return true;
}

enum status api_key_decode(struct text id, struct text record, struct api_key *ret_key) {
    struct api_key key = {0};
    struct text rest = record;
    if (!is_id(id) || !digest_parse(take_word(&rest), &key.digest) ||
        scopes_parse(take_word(&rest), &key.scopes) != STATUS_OK ||
        !parse_ms(take_word(&rest), &key.created_ms) ||
        !parse_ms(take_word(&rest), &key.expires_ms) || !api_key_name_is_valid(rest))
        return STATUS_BAD_SYNTAX;
    memcpy(key.id, id.data, id.length);
    memcpy(key.name, rest.data, rest.length);
    *ret_key = key;
    return STATUS_OK;
}

const char *scope_text(enum scope scope) {
    for (size_t i = 0; i < SCOPES_COUNT; i++) {
        if (scopes_known[i].scope == scope)
            return scopes_known[i].text;
    }
    return "";
}

static unsigned scope_parse(struct text text) {
    for (size_t i = 0; i < SCOPES_COUNT; i++) {
        if (text_is(text, scopes_known[i].text))
            return scopes_known[i].scope;
    }
    return 0;
}

enum status scopes_parse(struct text text, unsigned *ret_scopes) {
    unsigned scopes = 0;
    size_t from = 0;
    for (size_t at = 0; at <= text.length; at++) {
        if (at < text.length && text.data[at] != ',')
            continue;
        unsigned scope = scope_parse(text_trim_spaces((struct text){text.data + from, at - from}));
        if (scope == 0)
            return STATUS_BAD_SYNTAX;
        scopes |= scope;
        from = at + 1;
    }
    *ret_scopes = scopes;
    return STATUS_OK;
}

void scopes_write(unsigned scopes, struct buffer *out) {
    const char *comma = "";
    for (size_t i = 0; i < SCOPES_COUNT; i++) {
        if ((scopes & scopes_known[i].scope) == 0)
            continue;
        buffer_printf(out, "%s%s", comma, scopes_known[i].text);
        comma = ",";
    }
}

bool scopes_allow(unsigned scopes, enum scope wanted) {
    return (scopes & ((unsigned)wanted | SCOPE_ADMIN)) != 0;
}
