/* peers.c: keeps a set of endpoints equal to all addresses of a list of names.
 *
 * One state, shared by the owner and the resolver's thread and freed by whichever leaves last: a
 * look-up can hang for half a minute when the name server is gone, and a stopping process does not
 * wait for it. Of a name that has IPv4 and IPv6 addresses the IPv4 ones are used: they lead to the
 * same hosts, and a peer connected twice would get a double share and say everything twice.
 */
#include "common/peers.h"

#include "common/clock.h"
#include "common/counters.h"
#include "common/endpoint_list.h"
#include "common/log.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define RESOLVE_INTERVAL_S 2

/* A name of the list, and the addresses it last had. */
struct peer_name {
    struct endpoint_name name;
    struct endpoint_set addresses; /* guarded by the lock */
    bool failing;                  /* resolver's: said so already */
};

struct peers {
    pthread_mutex_t lock;
    pthread_cond_t stopping;
    int users;           /* guarded by the lock: owner and thread */
    bool stop;           /* guarded by the lock */
    atomic_uint version; /* +1 whenever some addresses changed */
    struct peer_name *names;
    size_t name_count;
    struct endpoint_set fixed;

    unsigned reported;         /* owner's: version of `known` */
    struct endpoint_set known; /* owner's: what was reported */
};

static void release(struct peers *peers) {
    pthread_mutex_lock(&peers->lock);
    bool last = --peers->users == 0;
    pthread_mutex_unlock(&peers->lock);
    if (!last)
        return;
    for (size_t i = 0; i < peers->name_count; i++)
        endpoint_set_fini(&peers->names[i].addresses);
    free(peers->names);
    endpoint_set_fini(&peers->fixed);
    endpoint_set_fini(&peers->known);
    pthread_cond_destroy(&peers->stopping);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}

/* tcp://address:port, the address in brackets when it is IPv6. */
static void add_address(struct endpoint_set *set, const struct addrinfo *address) {
    char host[NI_MAXHOST], port[NI_MAXSERV], endpoint[NI_MAXHOST + NI_MAXSERV + 16];
    if (getnameinfo(address->ai_addr, address->ai_addrlen, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return;
    bool bracket = address->ai_family == AF_INET6;
    snprintf(endpoint, sizeof(endpoint), bracket ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
    if (!endpoint_set_add(set, text_of(endpoint)))
        count_drop(STATUS_FULL);
}

static void add_family(struct endpoint_set *set, const struct addrinfo *list, int family) {
    for (; list != NULL; list = list->ai_next) {
        if (list->ai_family == family)
            add_address(set, list);
    }
}

/* All addresses of the name; false when it has none now. */
static bool look_up(const struct endpoint_name *name, struct endpoint_set *set) {
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    if (getaddrinfo(name->host, name->port, &hints, &list) != 0)
        return false;
    add_family(set, list, AF_INET);
    if (set->count == 0)
        add_family(set, list, AF_INET6);
    freeaddrinfo(list);
    return set->count > 0;
}

/* Looks one name up; a failure keeps what was known. */
static void resolve_name(struct peers *peers, struct peer_name *name) {
    struct endpoint_set found = {.count = 0};
    bool good = look_up(&name->name, &found);
    if (good == name->failing) {
        name->failing = !good;
        if (good)
            log_info("name resolves again", LOG_STRING("name", name->name.host));
        else
            log_warning("name does not resolve; trying on", LOG_STRING("name", name->name.host));
    }
    pthread_mutex_lock(&peers->lock);
    if (good && !endpoint_set_equal(&found, &name->addresses)) {
        endpoint_set_fini(&name->addresses);
        name->addresses = found;
        found.count = 0;
        atomic_fetch_add(&peers->version, 1);
    }
    pthread_mutex_unlock(&peers->lock);
    endpoint_set_fini(&found);
}

/* Sleeps until the next round; false when told to stop. */
static bool wait_for_round(struct peers *peers) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += RESOLVE_INTERVAL_S;
    pthread_mutex_lock(&peers->lock);
    while (!peers->stop && pthread_cond_timedwait(&peers->stopping, &peers->lock, &until) == 0)
        continue;
    bool go_on = !peers->stop;
    pthread_mutex_unlock(&peers->lock);
    return go_on;
}

static void *run_resolver(void *argument) {
    struct peers *peers = argument;
    do {
        for (size_t i = 0; i < peers->name_count; i++)
            resolve_name(peers, &peers->names[i]);
    } while (wait_for_round(peers));
    release(peers);
    return NULL;
}

static bool add_endpoint(struct peers *peers, struct text endpoint) {
    enum endpoint_kind kind;
    struct endpoint_name name;
    if (endpoint_parse(endpoint, &kind, &name) != STATUS_OK)
        return false;
    if (kind == ENDPOINT_FIXED)
        return endpoint_set_add(&peers->fixed, endpoint);
    if (peers->name_count == ENDPOINTS_MAX)
        return false;
    peers->names[peers->name_count++] = (struct peer_name){.name = name};
    return true;
}

/* Reads the list; on failure says which part is wrong. */
static bool parse_list(struct peers *peers, const char *endpoints) {
    const char *at = endpoints;
    for (;;) {
        size_t length = strcspn(at, ",");
        struct text endpoint = text_trim_spaces((struct text){at, length});
        if (!add_endpoint(peers, endpoint)) {
            log_error(
                "malformed list of endpoints", LOG_STRING("list", endpoints),
                LOG_TEXT("endpoint", endpoint),
                LOG_STRING("remedy", "write tcp://host:port or ipc:///path, with commas between"));
            return false;
        }
        if (at[length] == '\0')
            return true;
        at += length + 1;
    }
}

static void start_resolver(struct peers *peers) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    peers->users++;
    if (pthread_create(&thread, &attributes, run_resolver, peers) != 0)
        abort();
    pthread_attr_destroy(&attributes);
}

struct peers *peers_new(const char *endpoints) {
    struct peers *peers = calloc(1, sizeof(*peers));
    if (peers == NULL)
        abort();
    peers->names = calloc(ENDPOINTS_MAX, sizeof(*peers->names));
    if (peers->names == NULL)
        abort();
    pthread_mutex_init(&peers->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&peers->stopping, &attributes);
    pthread_condattr_destroy(&attributes);
    peers->users = 1;
    atomic_init(&peers->version, 1);
    if (!parse_list(peers, endpoints)) {
        release(peers);
        return NULL;
    }
    if (peers->name_count > 0)
        start_resolver(peers);
    return peers;
}

void peers_destroy(struct peers **peers) {
    if (*peers == NULL)
        return;
    pthread_mutex_lock(&(*peers)->lock);
    (*peers)->stop = true;
    pthread_cond_signal(&(*peers)->stopping);
    pthread_mutex_unlock(&(*peers)->lock);
    release(*peers);
    *peers = NULL;
}

static void add_all(struct endpoint_set *set, const struct endpoint_set *others) {
    for (size_t i = 0; i < others->count; i++) {
        if (!endpoint_set_add(set, text_of(others->items[i])))
            count_drop(STATUS_FULL);
    }
}

/* What the list means now. */
static void collect(struct peers *peers, struct endpoint_set *set) {
    pthread_mutex_lock(&peers->lock);
    add_all(set, &peers->fixed);
    for (size_t i = 0; i < peers->name_count; i++)
        add_all(set, &peers->names[i].addresses);
    pthread_mutex_unlock(&peers->lock);
}

void peers_poll(struct peers *peers, peers_changed *on_change, void *context) {
    unsigned version = atomic_load(&peers->version);
    if (version == peers->reported)
        return;
    struct endpoint_set now = {.count = 0};
    collect(peers, &now);
    for (size_t i = 0; i < now.count; i++) {
        if (!endpoint_set_has(&peers->known, now.items[i]))
            on_change(context, now.items[i], true);
    }
    for (size_t i = 0; i < peers->known.count; i++) {
        if (!endpoint_set_has(&now, peers->known.items[i]))
            on_change(context, peers->known.items[i], false);
    }
    endpoint_set_fini(&peers->known);
    peers->known = now;
    peers->reported = version;
}
