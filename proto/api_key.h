/* api_key.h: a key of the API: its token, which only its holder knows, and its record in Redis.
 *
 * A token is "siem_" ID "_" SECRET: 12 and 64 hexadecimal digits, of getrandom. Redis (keys.def:
 * API_KEYS, field ID) holds the text "DIGEST SCOPES CREATED EXPIRES NAME": the SHA-256 of the whole
 * token in hexadecimal digits, scope.def's names joined by commas, times in ms since 1970 (EXPIRES
 * 0: never), and a name for people, which may be empty. 256 random bits cannot be searched for, so
 * a fast digest is the right one: a slow one, made for passwords, would only cost each request. A
 * revoked key's time stands in API_KEYS_REVOKED. API_KEYS_VERSION changes with every change.
 * Owner: plain values. Threads: pure functions, but for api_key_make's random numbers. Errors:
 * BAD_SYNTAX. Limits: API_KEY_NAME_MAX bytes of name, API_KEYS_MAX keys, revoked ones too.
 */
#ifndef SIEM_PROTO_API_KEY_H
#define SIEM_PROTO_API_KEY_H

#include "common/buffer.h"
#include "common/digest.h"
#include "common/status.h"

#define API_KEY_ID_LENGTH 12
#define API_KEY_TOKEN_LENGTH (5 + API_KEY_ID_LENGTH + 1 + 2 * DIGEST_SIZE)
#define API_KEY_NAME_MAX 64
#define API_KEYS_MAX 1000
#define API_KEY_RECORD_MAX 256

enum scope {
#define SCOPE(name, number, text, meaning) SCOPE_##name = 1 << (number),
#include "proto/scope.def"
#undef SCOPE
};

struct api_key {
    char id[API_KEY_ID_LENGTH + 1];
    struct digest digest;
    unsigned scopes;
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t revoked_ms; /* 0: it is not */
    char name[API_KEY_NAME_MAX + 1];
};

/* Makes a key's id, digest and token; the rest is 0. */
void api_key_make(struct api_key *ret_key, char ret_token[API_KEY_TOKEN_LENGTH + 1]);

/* The id inside a token; false when it does not look like one. */
bool api_key_token_id(struct text token, struct text *ret_id);

/* Appends the record. */
void api_key_encode(const struct api_key *key, struct buffer *out);

/* Reads it. */
MUST_CHECK enum status api_key_decode(struct text id, struct text record, struct api_key *ret_key);

/* True for a text that can be a key's name: UTF-8 without control characters. */
bool api_key_name_is_valid(struct text name);

/* The scope's name; static. */
const char *scope_text(enum scope scope);

/* Reads "ingest,read"; BAD_SYNTAX for an unknown one, or none. */
MUST_CHECK enum status scopes_parse(struct text text, unsigned *ret_scopes);

/* Appends "ingest,read". */
void scopes_write(unsigned scopes, struct buffer *out);

/* True when these scopes include that one. */
bool scopes_allow(unsigned scopes, enum scope wanted);

#endif
