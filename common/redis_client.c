/* redis_client.c: a connection to Redis; the only file that sees hiredis.
 *
 * hiredis makes the connection and reads replies. Commands are written here as RESP arrays of bulk
 * strings into one buffer, and both directions go through one non-blocking exchange with a deadline
 * for the whole reply, so neither a Redis that dribbles nor a pipeline larger than the socket's
 * buffers can hold the caller for longer than the time-out.
 */
#include "common/redis_client.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/redis_url.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define RECONNECT_MS 100
#define REPLY_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define REPLY_ELEMENTS_MAX 4194304
#define COMMANDS_BYTES_MAX ((size_t)256 * 1024 * 1024)
#define READ_SIZE (64 * 1024)
#define IDLE_BUFFER_MAX ((size_t)1024 * 1024)

struct redis_client {
    struct redis_url url;
    int64_t connect_timeout_ms;
    int64_t command_timeout_ms;
    redisContext *context;               /* NULL when not connected */
    redisReplyObjectFunctions functions; /* hiredis' own, with a bounded array */
    void *(*make_array)(const redisReadTask *, int);
    struct buffer out; /* commands appended and not sent yet, from `sent` on */
    size_t sent;
    size_t due;            /* replies not read yet */
    size_t reply_bytes;    /* received for the reply being read */
    size_t reply_elements; /* of its arrays */
    bool attempted;
    struct mono_time attempted_at;
    char error[256];
};

/* Remembers why, and gives up the connection: what it might still say would be taken for the answer
 * to a later command. */
static enum status disconnect(struct redis_client *client, enum status status, const char *why) {
    snprintf(client->error, sizeof(client->error), "%s", why);
    if (client->context != NULL)
        redisFree(client->context);
    client->context = NULL;
    buffer_reset(&client->out);
    client->sent = 0;
    client->due = 0;
    client->reply_bytes = 0;
    client->reply_elements = 0;
    return status;
}

struct redis_client *redis_client_new(const char *url, int64_t connect_timeout_ms,
                                      int64_t command_timeout_ms) {
    struct redis_url parsed;
    if (redis_url_parse(url, &parsed) != STATUS_OK) {
        log_error("malformed Redis URL; write redis://[:password@]host:port[/db] or "
                  "unix:///path/to/socket");
        return NULL;
    }
    struct redis_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        abort();
    client->url = parsed;
    client->connect_timeout_ms = connect_timeout_ms;
    client->command_timeout_ms = command_timeout_ms;
    buffer_init(&client->out, COMMANDS_BYTES_MAX);
    return client;
}

void redis_client_destroy(struct redis_client **client) {
    if (*client == NULL)
        return;
    (void)disconnect(*client, STATUS_OK, "");
    buffer_fini(&(*client)->out);
    redis_url_fini(&(*client)->url);
    free(*client);
    *client = NULL;
}

const char *redis_client_error(const struct redis_client *client) {
    return client->error;
}

/* Called by hiredis' reader when an array begins: a count alone must not reserve memory without
 * bound. */
static void *make_bounded_array(const redisReadTask *task, int elements) {
    struct redis_client *client = task->privdata;
    if (elements > 0)
        client->reply_elements += (size_t)elements;
    if (client->reply_elements > REPLY_ELEMENTS_MAX)
        return NULL;
    return client->make_array(task, elements);
}

static redisContext *open_context(const struct redis_client *client) {
    struct timeval timeout = {.tv_sec = client->connect_timeout_ms / 1000,
                              .tv_usec = client->connect_timeout_ms % 1000 * 1000};
    if (client->url.path != NULL)
        return redisConnectUnixWithTimeout(client->url.path, timeout);
    return redisConnectWithTimeout(client->url.host, client->url.port, timeout);
}

/* Opens the socket (hiredis sets TCP_NODELAY) and makes it ours: non-blocking, bounded replies. */
static enum status open_socket(struct redis_client *client) {
    client->context = open_context(client);
    if (client->context == NULL)
        abort();
    if (client->context->err != 0) {
        char why[sizeof(client->error)];
        snprintf(why, sizeof(why), "cannot connect: %s", client->context->errstr);
        return disconnect(client, STATUS_UNAVAILABLE, why);
    }
    int flags = fcntl(client->context->fd, F_GETFL);
    if (flags < 0 || fcntl(client->context->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return disconnect(client, STATUS_UNAVAILABLE, strerror(errno));
    if (client->url.path == NULL)
        (void)redisEnableKeepAlive(client->context);
    redisReader *reader = client->context->reader;
    client->functions = *reader->fn;
    client->make_array = client->functions.createArray;
    client->functions.createArray = make_bounded_array;
    reader->fn = &client->functions;
    reader->privdata = client;
    reader->maxbuf = IDLE_BUFFER_MAX;
    return STATUS_OK;
}

static void append_number(struct buffer *out, char sigil, size_t number) {
    char line[1 + DECIMAL_DIGITS_MAX + 2] = {sigil};
    char *end = text_put_decimal(line + 1, number);
    *end++ = '\r';
    *end++ = '\n';
    buffer_append(out, line, (size_t)(end - line));
}

static enum status append_command(struct redis_client *client, size_t count,
                                  const struct text *arguments) {
    size_t before = client->out.length;
    append_number(&client->out, '*', count);
    for (size_t i = 0; i < count; i++) {
        append_number(&client->out, '$', arguments[i].length);
        buffer_append_text(&client->out, arguments[i]);
        buffer_append(&client->out, "\r\n", 2);
    }
    if (!buffer_is_whole(&client->out)) {
        client->out.length = before;
        client->out.overflow = false;
        snprintf(client->error, sizeof(client->error), "command too large");
        return STATUS_TOO_LARGE;
    }
    client->due++;
    return STATUS_OK;
}

/* Sends what the socket takes. */
static enum status send_some(struct redis_client *client) {
    while (client->sent < client->out.length) {
        ssize_t taken = send(client->context->fd, client->out.data + client->sent,
                             client->out.length - client->sent, MSG_NOSIGNAL);
        if (taken < 0 && errno == EINTR)
            continue;
        if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return STATUS_OK;
        if (taken < 0)
            return disconnect(client, STATUS_UNAVAILABLE, strerror(errno));
        client->sent += (size_t)taken;
    }
    buffer_reset(&client->out);
    client->sent = 0;
    return STATUS_OK;
}

/* Feeds the reader with what has come. */
static enum status receive_some(struct redis_client *client) {
    char bytes[READ_SIZE];
    ssize_t got = recv(client->context->fd, bytes, sizeof(bytes), 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return STATUS_OK;
    if (got < 0)
        return disconnect(client, STATUS_UNAVAILABLE, strerror(errno));
    if (got == 0)
        return disconnect(client, STATUS_UNAVAILABLE, "Redis closed the connection");
    client->reply_bytes += (size_t)got;
    if (client->reply_bytes > REPLY_BYTES_MAX)
        return disconnect(client, STATUS_UNAVAILABLE, "reply larger than 64 MiB");
    if (redisReaderFeed(client->context->reader, bytes, (size_t)got) != REDIS_OK)
        return disconnect(client, STATUS_UNAVAILABLE, client->context->reader->errstr);
    return STATUS_OK;
}

/* Moves bytes in both directions once, waiting until the deadline for the socket. */
static enum status exchange(struct redis_client *client, struct mono_time deadline) {
    enum status status = send_some(client);
    if (status != STATUS_OK)
        return status;
    int64_t left_ms = (deadline.ns - clock_mono().ns + 999999) / 1000000;
    if (left_ms <= 0)
        return disconnect(client, STATUS_TIMEOUT, "no reply in time");
    struct pollfd waiting = {.fd = client->context->fd, .events = POLLIN};
    if (client->out.length > 0)
        waiting.events |= POLLOUT;
    int ready = poll(&waiting, 1, left_ms > INT32_MAX ? INT32_MAX : (int)left_ms);
    if (ready < 0 && errno != EINTR)
        return disconnect(client, STATUS_UNAVAILABLE, strerror(errno));
    if (ready > 0 && (waiting.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        return receive_some(client);
    return STATUS_OK;
}

/* Takes the next whole reply out of the reader; NULL when it has none. */
static enum status take_reply(struct redis_client *client, redisReply **ret_reply) {
    redisReader *reader = client->context->reader;
    void *reply = NULL;
    if (redisReaderGetReply(reader, &reply) != REDIS_OK)
        return disconnect(client, STATUS_UNAVAILABLE, reader->errstr);
    if (reply != NULL) {
        client->reply_bytes = reader->len - reader->pos;
        client->reply_elements = 0;
        client->due--;
    }
    *ret_reply = reply;
    return STATUS_OK;
}

/* Exchanges bytes until the next whole reply is there. */
static enum status read_reply(struct redis_client *client, redisReply **ret_reply) {
    struct mono_time deadline = clock_mono_add_ms(clock_mono(), client->command_timeout_ms);
    for (;;) {
        enum status status = take_reply(client, ret_reply);
        if (status != STATUS_OK || *ret_reply != NULL)
            return status;
        status = exchange(client, deadline);
        if (status != STATUS_OK)
            return status;
    }
}

/* One command of a new connection; an error reply means that this Redis cannot be used (wrong
 * password, still loading its data), which is the same to callers as one that cannot be reached. */
static enum status greet(struct redis_client *client, size_t count, const struct text *arguments) {
    redisReply *reply = NULL;
    enum status status = append_command(client, count, arguments);
    if (status == STATUS_OK)
        status = read_reply(client, &reply);
    if (status != STATUS_OK)
        return status;
    if (reply->type == REDIS_REPLY_ERROR)
        status = disconnect(client, STATUS_UNAVAILABLE, reply->str);
    freeReplyObject(reply);
    return status;
}

static enum status greet_all(struct redis_client *client) {
    enum status status = STATUS_OK;
    if (client->url.password != NULL)
        status = greet(client, 2, (struct text[]){TEXT("AUTH"), text_of(client->url.password)});
    if (status == STATUS_OK && client->url.database != 0) {
        char number[16];
        snprintf(number, sizeof(number), "%d", client->url.database);
        status = greet(client, 2, (struct text[]){TEXT("SELECT"), text_of(number)});
    }
    if (status == STATUS_OK)
        status = greet(client, 1, (struct text[]){TEXT("PING")});
    return status;
}

/* True when an idle connection has something to read: its end, or words nobody asked for. */
static bool is_stale(const struct redis_client *client) {
    char byte;
    const redisReader *reader = client->context->reader;
    return reader->len > reader->pos ||
           recv(client->context->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

void redis_client_look(struct redis_client *client) {
    if (client->context != NULL && client->due == 0 && is_stale(client))
        (void)disconnect(client, STATUS_UNAVAILABLE, "Redis closed the connection");
}

static enum status make_connection(struct redis_client *client) {
    redis_client_look(client);
    if (client->context != NULL)
        return STATUS_OK;
    if (client->attempted && clock_elapsed_ms(client->attempted_at) < RECONNECT_MS)
        return STATUS_UNAVAILABLE;
    client->attempted = true;
    client->attempted_at = clock_mono();
    enum status status = open_socket(client);
    return status != STATUS_OK ? status : greet_all(client);
}

enum status redis_client_append(struct redis_client *client, size_t count,
                                const struct text *arguments) {
    assert(count > 0);
    enum status status = make_connection(client);
    return status != STATUS_OK ? status : append_command(client, count, arguments);
}

static bool is_readonly(const redisReply *error) {
    static const char code[] = "READONLY ";
    return strncmp(error->str, code, strlen(code)) == 0;
}

enum status redis_client_begin(struct redis_client *client) {
    if (client->context == NULL) /* lost since the append */
        return STATUS_UNAVAILABLE;
    return send_some(client);
}

/* Gives a reply that was read. A Redis that says it became a replica is left: after a failover the
 * same name leads to another. */
static enum status give(struct redis_client *client, redisReply *reply,
                        struct redis_reply **ret_reply) {
    if (reply->type == REDIS_REPLY_ERROR && is_readonly(reply)) {
        enum status status = disconnect(client, STATUS_UNAVAILABLE, reply->str);
        freeReplyObject(reply);
        return status;
    }
    *ret_reply = (struct redis_reply *)reply;
    if (redis_reply_type(*ret_reply) == REDIS_ERROR)
        snprintf(client->error, sizeof(client->error), "%.*s",
                 TEXT_ARG(redis_reply_text(*ret_reply)));
    return STATUS_OK;
}

enum status redis_client_read(struct redis_client *client, struct redis_reply **ret_reply) {
    if (client->context == NULL) /* lost since the append; the reason is in `error` */
        return STATUS_UNAVAILABLE;
    assert(client->due > 0);
    redisReply *reply = NULL;
    enum status status = read_reply(client, &reply);
    return status != STATUS_OK ? status : give(client, reply, ret_reply);
}

enum status redis_client_try_read(struct redis_client *client, struct redis_reply **ret_reply) {
    if (client->context == NULL)
        return STATUS_UNAVAILABLE;
    assert(client->due > 0);
    redisReply *reply = NULL;
    enum status status = take_reply(client, &reply);
    if (status == STATUS_OK && reply == NULL)
        status = send_some(client);
    if (status == STATUS_OK && reply == NULL)
        status = receive_some(client);
    if (status == STATUS_OK && reply == NULL)
        status = take_reply(client, &reply);
    if (status != STATUS_OK)
        return status;
    return reply == NULL ? STATUS_AGAIN : give(client, reply, ret_reply);
}

int redis_client_fd(const struct redis_client *client) {
    return client->context != NULL ? client->context->fd : -1;
}

bool redis_client_is_sending(const struct redis_client *client) {
    return client->out.length > client->sent;
}

enum status redis_client_command(struct redis_client *client, size_t count,
                                 const struct text *arguments, struct redis_reply **ret_reply) {
    assert(client->due == 0);
    struct redis_reply *reply = NULL;
    enum status status = redis_client_append(client, count, arguments);
    if (status == STATUS_OK)
        status = redis_client_read(client, &reply);
    if (status != STATUS_OK)
        return status;
    if (redis_reply_type(reply) == REDIS_ERROR) {
        redis_reply_destroy(&reply);
        return STATUS_REFUSED;
    }
    *ret_reply = reply;
    return STATUS_OK;
}

void redis_reply_destroy(struct redis_reply **reply) {
    if (*reply != NULL)
        freeReplyObject(*reply);
    *reply = NULL;
}

static const redisReply *raw_of(const struct redis_reply *reply) {
    return (const redisReply *)reply;
}

enum redis_type redis_reply_type(const struct redis_reply *reply) {
    if (reply == NULL)
        return REDIS_NIL;
    switch (raw_of(reply)->type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return REDIS_TEXT;
    case REDIS_REPLY_INTEGER:
        return REDIS_INTEGER;
    case REDIS_REPLY_ARRAY:
        return REDIS_ARRAY;
    case REDIS_REPLY_ERROR:
        return REDIS_ERROR;
    default:
        return REDIS_NIL;
    }
}

bool redis_reply_is_noscript(const struct redis_reply *reply) {
    return redis_reply_type(reply) == REDIS_ERROR &&
           redis_error_is_noscript(redis_reply_text(reply));
}

struct text redis_reply_text(const struct redis_reply *reply) {
    enum redis_type type = redis_reply_type(reply);
    if (type != REDIS_TEXT && type != REDIS_ERROR)
        return (struct text){NULL, 0};
    return (struct text){raw_of(reply)->str, raw_of(reply)->len};
}

int64_t redis_reply_integer(const struct redis_reply *reply) {
    enum redis_type type = redis_reply_type(reply);
    if (type == REDIS_INTEGER)
        return raw_of(reply)->integer;
    if (type != REDIS_TEXT)
        return 0;
    char *end = NULL;
    errno = 0;
    long long number = strtoll(raw_of(reply)->str, &end, 10);
    bool whole = end == raw_of(reply)->str + raw_of(reply)->len && errno == 0;
    return whole ? number : 0;
}

size_t redis_reply_count(const struct redis_reply *reply) {
    return redis_reply_type(reply) == REDIS_ARRAY ? raw_of(reply)->elements : 0;
}

const struct redis_reply *redis_reply_at(const struct redis_reply *reply, size_t index) {
    assert(index < redis_reply_count(reply));
    return (const struct redis_reply *)raw_of(reply)->element[index];
}

struct redis_reply *redis_reply_take(struct redis_reply *reply, size_t index) {
    assert(index < redis_reply_count(reply));
    redisReply *raw = (redisReply *)reply;
    redisReply *taken = raw->element[index];
    raw->element[index] = NULL;
    return (struct redis_reply *)taken;
}

const struct redis_reply *redis_reply_field(const struct redis_reply *reply, const char *field) {
    size_t count = redis_reply_count(reply);
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (text_is(redis_reply_text(redis_reply_at(reply, i)), field))
            return redis_reply_at(reply, i + 1);
    }
    return NULL;
}

static bool begins_with(struct text text, struct text beginning) {
    return text.length >= beginning.length &&
           memcmp(text.data, beginning.data, beginning.length) == 0;
}

bool redis_error_is_noscript(struct text error) {
    return begins_with(error, TEXT("NOSCRIPT")) ||
           begins_with(error, TEXT("ERR Function not found"));
}

bool redis_error_is_lasting(struct text error) {
    return begins_with(error, TEXT("ERR ")) || begins_with(error, TEXT("WRONGTYPE "));
}
