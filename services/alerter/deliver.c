/* deliver.c: HTTPS POSTs beside the loop; the only file that sees libcurl. */
#include "services/alerter/deliver.h"

#include "common/clock.h"
#include "services/alerter/retry.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_MS 3000L
#define REPLY_SIZE_MAX ((size_t)64 * 1024)
#define NO_TIMER (-1)

struct transfer {
    struct transfer *next; /* in a list of the deliver */
    struct deliver *deliver;
    CURL *easy;
    struct buffer body;
    size_t reply_size; /* headers and content */
    int64_t retry_after_ms;
    bool refused; /* an address was not allowed */
    char error[CURL_ERROR_SIZE];
    deliver_done *on_done;
    void *context;
};

struct deliver {
    struct deliver_options options;
    CURLM *multi;
    struct curl_slist *headers;
    struct transfer *idle;
    struct transfer *busy;
    int timer;
};

static void on_progress(struct deliver *deliver);

/* The loop says that a socket is ready. */
static int on_ready(zloop_t *loop, zmq_pollitem_t *item, void *context) {
    (void)loop;
    struct deliver *deliver = context;
    int events = 0, running = 0;
    if ((item->revents & ZMQ_POLLIN) != 0)
        events |= CURL_CSELECT_IN;
    if ((item->revents & ZMQ_POLLOUT) != 0)
        events |= CURL_CSELECT_OUT;
    if ((item->revents & ZMQ_POLLERR) != 0)
        events |= CURL_CSELECT_ERR;
    curl_multi_socket_action(deliver->multi, item->fd, events, &running);
    on_progress(deliver);
    return 0;
}

/* libcurl says what it waits for on a socket. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused) {
    (void)easy, (void)unused;
    struct deliver *deliver = context;
    zmq_pollitem_t item = {.fd = fd};
    zloop_poller_end(deliver->options.loop, &item);
    if (what == CURL_POLL_REMOVE)
        return 0;
    if ((what & CURL_POLL_IN) != 0)
        item.events |= ZMQ_POLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        item.events |= ZMQ_POLLOUT;
    zloop_poller(deliver->options.loop, &item, on_ready, deliver);
    zloop_poller_set_tolerant(deliver->options.loop, &item);
    return 0;
}

static int on_timeout(zloop_t *loop, int timer, void *context) {
    (void)loop, (void)timer;
    struct deliver *deliver = context;
    int running = 0;
    deliver->timer = NO_TIMER;
    curl_multi_socket_action(deliver->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    on_progress(deliver);
    return 0;
}

/* libcurl says when it wants to be called, if nothing happens before. */
static int on_timer_wanted(CURLM *multi, long timeout_ms, void *context) {
    (void)multi;
    struct deliver *deliver = context;
    if (deliver->timer != NO_TIMER)
        zloop_timer_end(deliver->options.loop, deliver->timer);
    deliver->timer = NO_TIMER;
    if (timeout_ms >= 0)
        deliver->timer =
            zloop_timer(deliver->options.loop, (size_t)timeout_ms, 1, on_timeout, deliver);
    return 0;
}

/* Opens the socket of a connection, unless it leads where it may not. */
static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)purpose;
    struct transfer *transfer = context;
    if (!address_policy_allows(&transfer->deliver->options.policy, &address->addr)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Counts what comes; 0 makes libcurl stop reading. */
static size_t count_reply(struct transfer *transfer, size_t size) {
    transfer->reply_size += size;
    return transfer->reply_size <= REPLY_SIZE_MAX ? size : 0;
}

static size_t on_content(char *data, size_t unit, size_t count, void *context) {
    (void)data;
    return count_reply(context, unit * count);
}

static size_t on_header(char *data, size_t unit, size_t count, void *context) {
    static const char name[] = "retry-after:";
    const size_t name_length = sizeof(name) - 1;
    struct transfer *transfer = context;
    size_t size = unit * count;
    if (size > name_length && strncasecmp(data, name, name_length) == 0) {
        struct text value = {data + name_length, size - name_length};
        int64_t wait_ms;
        if (retry_after_parse(value, clock_wall(), &wait_ms) == STATUS_OK)
            transfer->retry_after_ms = wait_ms;
    }
    return count_reply(transfer, size);
}

/* A CURLcode of curl_easy_setopt: what we set is known to this libcurl. */
static void expect_set(CURLcode code) {
    assert(code == CURLE_OK);
    if (code != CURLE_OK)
        abort();
}

/* What all requests of a handle have in common. */
static void set_options(struct transfer *transfer) {
    const struct deliver_options *options = &transfer->deliver->options;
    CURL *easy = transfer->easy;
    expect_set(curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer));
    expect_set(curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    expect_set(curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS));
    expect_set(curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms));
    expect_set(curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L));
    expect_set(curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR,
                                options->allow_http ? "http,https" : "https"));
    expect_set(curl_easy_setopt(easy, CURLOPT_PROXY, ""));
    expect_set(curl_easy_setopt(easy, CURLOPT_USERAGENT, "mini-siem/" SIEM_VERSION));
    expect_set(curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->deliver->headers));
    expect_set(curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L));
    expect_set(curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error));
    expect_set(curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open));
    expect_set(curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer));
    expect_set(curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_content));
    expect_set(curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer));
    expect_set(curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
    expect_set(curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer));
    expect_set(curl_easy_setopt(easy, CURLOPT_POST, 1L));
}

/* A handle: one that rests, or a new one. As many exist as ever ran at the same time. */
static struct transfer *take_transfer(struct deliver *deliver) {
    struct transfer *transfer = deliver->idle;
    if (transfer != NULL) {
        deliver->idle = transfer->next;
    } else {
        transfer = calloc(1, sizeof(*transfer));
        if (transfer == NULL)
            abort();
        transfer->deliver = deliver;
        transfer->easy = curl_easy_init();
        if (transfer->easy == NULL)
            abort();
        set_options(transfer);
    }
    transfer->next = deliver->busy;
    deliver->busy = transfer;
    return transfer;
}

/* The request is over: its handle rests. */
static void rest_transfer(struct transfer *transfer) {
    struct transfer **link = &transfer->deliver->busy;
    while (*link != transfer)
        link = &(*link)->next;
    *link = transfer->next;
    transfer->next = transfer->deliver->idle;
    transfer->deliver->idle = transfer;
    curl_multi_remove_handle(transfer->deliver->multi, transfer->easy);
    buffer_fini(&transfer->body);
}

static void free_transfers(struct transfer *list) {
    while (list != NULL) {
        struct transfer *next = list->next;
        curl_easy_cleanup(list->easy);
        buffer_fini(&list->body);
        free(list);
        list = next;
    }
}

void deliver_post(struct deliver *deliver, const char *url, struct buffer *body,
                  deliver_done *on_done, void *context) {
    struct transfer *transfer = take_transfer(deliver);
    transfer->body = *body;
    buffer_init(body, body->limit);
    transfer->reply_size = 0;
    transfer->retry_after_ms = -1;
    transfer->refused = false;
    transfer->error[0] = '\0';
    transfer->on_done = on_done;
    transfer->context = context;
    expect_set(curl_easy_setopt(transfer->easy, CURLOPT_URL, url));
    expect_set(
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, buffer_text(&transfer->body).data));
    expect_set(
        curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE, (long)transfer->body.length));
    CURLMcode code = curl_multi_add_handle(deliver->multi, transfer->easy);
    assert(code == CURLM_OK);
    (void)code;
}

/* Tells the owner how a request ended. A status counts even when the rest of the reply did not
 * come. */
static void finish(struct transfer *transfer, CURLcode code) {
    struct deliver_answer answer = {.retry_after_ms = transfer->retry_after_ms};
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.http_status);
    if (answer.http_status < 200)
        answer.http_status = 0;
    char reason[CURL_ERROR_SIZE];
    snprintf(reason, sizeof(reason), "%s",
             transfer->refused            ? "the address is private and not allowed"
             : transfer->error[0] != '\0' ? transfer->error
                                          : curl_easy_strerror(code));
    answer.reason = reason;
    deliver_done *on_done = transfer->on_done;
    void *context = transfer->context;
    rest_transfer(transfer);
    on_done(context, &answer);
}

/* Takes the requests that ended. */
static void on_progress(struct deliver *deliver) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(deliver->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        char *transfer = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        finish((struct transfer *)(void *)transfer, code);
    }
}

struct deliver *deliver_new(const struct deliver_options *options) {
    struct deliver *deliver = calloc(1, sizeof(*deliver));
    if (deliver == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        abort();
    deliver->options = *options;
    deliver->timer = NO_TIMER;
    deliver->multi = curl_multi_init();
    deliver->headers = curl_slist_append(NULL, "Content-Type: application/json; charset=utf-8");
    struct curl_slist *headers = curl_slist_append(deliver->headers, "Expect:");
    if (deliver->multi == NULL || headers == NULL)
        abort();
    curl_multi_setopt(deliver->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(deliver->multi, CURLMOPT_SOCKETDATA, deliver);
    curl_multi_setopt(deliver->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(deliver->multi, CURLMOPT_TIMERDATA, deliver);
    return deliver;
}

void deliver_destroy(struct deliver **deliver) {
    if (*deliver == NULL)
        return;
    for (struct transfer *busy = (*deliver)->busy; busy != NULL; busy = busy->next)
        curl_multi_remove_handle((*deliver)->multi, busy->easy);
    free_transfers((*deliver)->busy);
    free_transfers((*deliver)->idle);
    curl_multi_cleanup((*deliver)->multi);
    if ((*deliver)->timer != NO_TIMER)
        zloop_timer_end((*deliver)->options.loop, (*deliver)->timer);
    curl_slist_free_all((*deliver)->headers);
    curl_global_cleanup();
    free(*deliver);
    *deliver = NULL;
}

bool deliver_knows_url(const struct deliver *deliver, const char *url) {
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL;
    if (parts == NULL)
        abort();
    bool good = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK && host[0] != '\0' &&
                (strcmp(scheme, "https") == 0 ||
                 (strcmp(scheme, "http") == 0 && deliver->options.allow_http));
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    return good;
}
