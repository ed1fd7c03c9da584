/* test_api_key.c: keys of the API: tokens, what is kept of them, scopes; and the digest below. */
#include "proto/api_key.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* FIPS 180-4's own examples, whole and in pieces. */
Test(api_key, digests_are_sha_256) {
    static const struct {
        const char *text, *hex;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char hex[DIGEST_HEX_SIZE];
        struct digest digest = digest_of(text_of(known[i].text));
        cr_expect_str_eq(digest_format(&digest, hex), known[i].hex);
        struct digest read, pieces;
        struct digest_stream stream;
        cr_assert(digest_parse(text_of(hex), &read));
        cr_expect(digest_equal(&read, &digest));
        digest_begin(&stream);
        for (const char *at = known[i].text; *at != '\0'; at++)
            digest_add(&stream, (struct bytes){(const uint8_t *)at, 1});
        pieces = digest_end(&stream);
        cr_expect(digest_equal(&pieces, &digest));
        pieces.bytes[31] ^= 1;
        cr_expect_not(digest_equal(&pieces, &digest));
    }
    struct digest digest;
    cr_expect_not(digest_parse(TEXT("e3b0"), &digest));
    cr_expect_not(digest_parse(
        TEXT("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"), &digest));
}

/* Two texts are not taken for two others with the same bytes. */
Test(api_key, digests_tell_texts_apart) {
    struct digest_stream one, other;
    digest_begin(&one);
    digest_begin(&other);
    digest_add_text(&one, TEXT("ab"));
    digest_add_text(&one, TEXT("c"));
    digest_add_text(&other, TEXT("a"));
    digest_add_text(&other, TEXT("bc"));
    struct digest a = digest_end(&one), b = digest_end(&other);
    cr_expect_not(digest_equal(&a, &b));
    digest_add_text(&one, TEXT(""));
    digest_add_text(&other, (struct text){NULL, 0});
    a = digest_end(&one);
    b = digest_end(&other);
    cr_expect_not(digest_equal(&a, &b), "empty is not null");
}

Test(api_key, a_token_names_its_key_and_only_its_digest_is_kept) {
    struct api_key key, read;
    char token[API_KEY_TOKEN_LENGTH + 1], other[API_KEY_TOKEN_LENGTH + 1];
    struct buffer record;
    struct text id;
    api_key_make(&key, token);
    cr_assert_eq(strlen(token), API_KEY_TOKEN_LENGTH);
    cr_assert(api_key_token_id(text_of(token), &id));
    cr_expect(text_is(id, key.id));
    key.scopes = SCOPE_INGEST | SCOPE_READ;
    key.created_ms = 1800000000000;
    key.expires_ms = 1900000000000;
    snprintf(key.name, sizeof key.name, "the firewall in Köln");
    buffer_init(&record, API_KEY_RECORD_MAX);
    api_key_encode(&key, &record);
    cr_assert(buffer_is_whole(&record));
    cr_expect_null(memmem(record.data, record.length, token + 18, 16), "no part of the secret");
    cr_assert_eq(api_key_decode(id, buffer_text(&record), &read), STATUS_OK);
    cr_expect_str_eq(read.name, key.name);
    cr_expect_eq(read.scopes, key.scopes);
    cr_expect_eq(read.created_ms, key.created_ms);
    cr_expect_eq(read.expires_ms, key.expires_ms);
    cr_expect(digest_equal(&read.digest, &key.digest));
    struct digest digest = digest_of(text_of(token));
    cr_expect(digest_equal(&read.digest, &digest));
    api_key_make(&key, other);
    cr_expect_str_neq(token, other);
    buffer_fini(&record);
}

Test(api_key, refuses_what_is_no_token_and_no_record) {
    static const char *const tokens[] = {
        "",
        "siem_",
        "key-of-the-tests",
        "siem_0123456789ab-0000000000000000000000000000000000000000000000000000000000000000",
        "siem_0123456789aB_0000000000000000000000000000000000000000000000000000000000000000",
        "siem_0123456789ab_00000000000000000000000000000000000000000000000000000000000000001",
    };
#define D "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    static const char *const records[] = {
        "",
        D,
        D " ingest",
        D " ingest 1",
        D " ingest 1 x ",
        D " ingest -1 0 ",
        D " root 1 0 ",
        D "  1 0 ",
        D " ingest 1 9999999999999999 ",
        "x" D " ingest 1 0 ",
        D " ingest 1 0 a\nb",
        D " ingest 1 0 \xff",
        D " ingest 1 0 01234567890123456789012345678901234567890123456789012345678901234"};
    struct text id;
    struct api_key key;
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        cr_expect_not(api_key_token_id(text_of(tokens[i]), &id), "%s", tokens[i]);
    for (size_t i = 0; i < sizeof records / sizeof records[0]; i++)
        cr_expect_eq(api_key_decode(TEXT("0123456789ab"), text_of(records[i]), &key),
                     STATUS_BAD_SYNTAX, "%s", records[i]);
    struct text record = text_of(D " ingest 1 0 ");
    cr_expect_eq(api_key_decode(TEXT("0123456789ab"), record, &key), STATUS_OK);
    cr_expect_eq(api_key_decode(TEXT("0123456789a"), record, &key), STATUS_BAD_SYNTAX);
    cr_expect_eq(api_key_decode(TEXT("0123456789aX"), record, &key), STATUS_BAD_SYNTAX);
}

Test(api_key, scopes_are_names_and_admin_is_all) {
    static const struct {
        const char *text;
        unsigned scopes;
        const char *written;
    } good[] = {{"ingest", SCOPE_INGEST, "ingest"},
                {" read , ingest ", SCOPE_INGEST | SCOPE_READ, "ingest,read"},
                {"admin,admin", SCOPE_ADMIN, "admin"}};
    static const char *const bad[] = {"", ",", "ingest,", "write", "ingest read", "Admin"};
    unsigned scopes = 0;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct buffer out;
        buffer_init(&out, 100);
        cr_expect_eq(scopes_parse(text_of(good[i].text), &scopes), STATUS_OK, "%s", good[i].text);
        cr_expect_eq(scopes, good[i].scopes);
        scopes_write(scopes, &out);
        cr_expect(text_is(buffer_text(&out), good[i].written));
        buffer_fini(&out);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(scopes_parse(text_of(bad[i]), &scopes), STATUS_BAD_SYNTAX, "%s", bad[i]);
    cr_expect(scopes_allow(SCOPE_ADMIN, SCOPE_INGEST));
    cr_expect(scopes_allow(SCOPE_ADMIN, SCOPE_READ));
    cr_expect_not(scopes_allow(SCOPE_INGEST | SCOPE_READ, SCOPE_ADMIN));
    cr_expect_not(scopes_allow(SCOPE_INGEST, SCOPE_READ));
    cr_expect_str_eq(scope_text(SCOPE_READ), "read");
}
