/* redis_client.h: a connection to Redis; the only file that sees hiredis.
 *
 * Commands are sent as argument vectors, so no value is ever parsed as a command. A connection is
 * made at the first command. Any error (I/O, time-out, protocol) frees it, so that a late reply can
 * never be taken for another's; the next command connects again, at most every 100 ms. URL:
 * redis://[:password@]host:port[/db] or unix:///path/to/socket. Owner: new/destroy; replies are
 * given and destroyed by the caller. Threads: one at a time per client. Errors: UNAVAILABLE (cannot
 * connect, connection lost: the command may or may not have run; or Redis is a replica now, which
 * takes no writes: then the connection is given up), TIMEOUT, REFUSED (Redis answered -ERR; the
 * text is in redis_client_error). Limits: replies of 64 MiB.
 */
#ifndef SIEM_COMMON_REDIS_CLIENT_H
#define SIEM_COMMON_REDIS_CLIENT_H

#include "common/buffer.h"
#include "common/status.h"

struct redis_client;
struct redis_reply;
struct redis_script;

enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_INTEGER, REDIS_ARRAY, REDIS_ERROR };

/* Makes a client; connects later. Returns NULL, with a log line, on a malformed URL. */
struct redis_client *redis_client_new(const char *url, int64_t connect_timeout_ms,
                                      int64_t command_timeout_ms);

/* Closes and frees it. */
void redis_client_destroy(struct redis_client **client);

/* The last error in words; borrows. */
const char *redis_client_error(const struct redis_client *client);

/* Runs one command; gives the reply. An error reply is STATUS_REFUSED. */
MUST_CHECK enum status redis_client_command(struct redis_client *client, size_t count,
                                            const struct text *arguments,
                                            struct redis_reply **ret_reply);

/* redis_command(client, &reply, TEXT("GET"), key): the same, with the arguments written out. */
#define redis_command(client, ret_reply, ...)                                                      \
    redis_client_command((client), sizeof((struct text[]){__VA_ARGS__}) / sizeof(struct text),     \
                         (struct text[]){__VA_ARGS__}, (ret_reply))

/* Pipelining: appends send nothing until the first read, or redis_client_begin. */
MUST_CHECK enum status redis_client_append(struct redis_client *client, size_t count,
                                           const struct text *arguments);

/* Sends of what was appended as much as Redis takes now, without waiting. */
MUST_CHECK enum status redis_client_begin(struct redis_client *client);

/* The replies come in the order of the appends. An error reply is given as a reply of type
 * REDIS_ERROR here, its text also in redis_client_error, so that the others can still be read. */
MUST_CHECK enum status redis_client_read(struct redis_client *client,
                                         struct redis_reply **ret_reply);

/* The same without waiting: AGAIN when the next reply is not there. What was not sent yet goes on.
 */
MUST_CHECK enum status redis_client_try_read(struct redis_client *client,
                                             struct redis_reply **ret_reply);

/* The connection's descriptor, to be watched for input (and for output while
 * redis_client_is_sending) between calls; -1 when there is none. */
int redis_client_fd(const struct redis_client *client);

/* After the descriptor was ready while no reply was due: closes a connection that Redis ended. */
void redis_client_look(struct redis_client *client);

/* True while Redis has not taken all that was begun. */
bool redis_client_is_sending(const struct redis_client *client);

/* A Lua script by its SHA-1, loaded when Redis does not know it. Borrows `source` for its life. */
struct redis_script *redis_script_new(struct text source);

/* The same for a library of Redis functions that registers `function`: what a script makes anew at
 * every call, a library makes once. The library's name must change with its text. Borrows both. */
struct redis_script *redis_script_new_library(struct text source, struct text function);

/* Frees it; Redis goes on knowing the script. */
void redis_script_destroy(struct redis_script **script);

/* Makes Redis know the script. After that redis_script_append cannot meet NOSCRIPT, unless Redis
 * was restarted or flushed since: then the reply is an error that redis_reply_is_noscript tells. */
MUST_CHECK enum status redis_script_load(struct redis_client *client, struct redis_script *script);

/* True once it was loaded. */
bool redis_script_is_loaded(const struct redis_script *script);

/* Pipelines one call of the script with one key (for the slot) and `count` arguments. */
MUST_CHECK enum status redis_script_append(struct redis_client *client, struct redis_script *script,
                                           struct text key, size_t count,
                                           const struct text *arguments);

/* Runs the script once, loading it when needed. */
MUST_CHECK enum status redis_script_run(struct redis_client *client, struct redis_script *script,
                                        struct text key, size_t count, const struct text *arguments,
                                        struct redis_reply **ret_reply);

/* Frees a reply. */
void redis_reply_destroy(struct redis_reply **reply);

/* What it is; a NULL reply is nil, here and below. */
enum redis_type redis_reply_type(const struct redis_reply *reply);

/* True when Redis does not know the script or function (any more). */
bool redis_reply_is_noscript(const struct redis_reply *reply);

/* Null unless text or error; borrows from the reply. */
struct text redis_reply_text(const struct redis_reply *reply);

/* Also of a decimal text; else 0. */
int64_t redis_reply_integer(const struct redis_reply *reply);

/* Elements; 0 unless array. */
size_t redis_reply_count(const struct redis_reply *reply);

/* An element, borrowed from the reply; asserts that there is one. */
const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index);

/* Takes an element out of the reply, for the caller to destroy; a nil stays in its place. Asserts
 * that there is one. */
struct redis_reply *redis_reply_take(struct redis_reply *reply, size_t index);

/* The value after `field` in a flat field/value array (HGETALL, stream entries); nil when absent.
 */
const struct redis_reply *redis_reply_field(const struct redis_reply *reply, const char *field);

/* The same of an error's text. */
bool redis_error_is_noscript(struct text error);

/* True for the text of an error that the same command would meet again (a key of another type, a
 * fault of a script); others (out of memory, loading, ...) are about Redis, and pass. */
bool redis_error_is_lasting(struct text error);

#endif
