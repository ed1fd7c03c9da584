/* http_origin.c: how many connections each address has, and with which workers. An address is an
 * IPv4 address or an IPv6 /64, which is what one subscriber gets. The lock is taken once when a
 * connection opens and once when it closes. The table's hash is keyed, so that nobody can choose
 * addresses that collide. */
#include "common/http_private.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define ORIGIN_BUCKETS 4096
#define ORIGIN_KEY_SIZE 16
#define ORIGIN_IPV6_BYTES 8

struct http_origin {
    struct http_origin *next;
    uint8_t key[ORIGIN_KEY_SIZE];
    int total;
    int by_worker[];
};

struct http_origins {
    pthread_mutex_t lock;
    uint64_t seed;
    size_t workers;
    struct http_origin *buckets[ORIGIN_BUCKETS];
};

struct http_origins *http_origins_new(size_t workers) {
    struct http_origins *origins = calloc(1, sizeof *origins);
    if (origins == NULL || pthread_mutex_init(&origins->lock, NULL) != 0 ||
        getrandom(&origins->seed, sizeof origins->seed, 0) != (ssize_t)sizeof origins->seed)
        abort();
    origins->workers = workers;
    return origins;
}

void http_origins_destroy(struct http_origins **origins) {
    if (*origins == NULL)
        return;
    for (size_t i = 0; i < ORIGIN_BUCKETS; i++)
        assert((*origins)->buckets[i] == NULL);
    pthread_mutex_destroy(&(*origins)->lock);
    free(*origins);
    *origins = NULL;
}

/* What counts as one address. */
static void make_key(const uint8_t address[NETWORK_ADDRESS_SIZE], uint8_t key[ORIGIN_KEY_SIZE]) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    bool is_ipv4 = memcmp(address, mapped, sizeof mapped) == 0;
    memset(key, 0, ORIGIN_KEY_SIZE);
    memcpy(key, address, is_ipv4 ? ORIGIN_KEY_SIZE : ORIGIN_IPV6_BYTES);
}

static struct http_origin **bucket_of(struct http_origins *origins,
                                      const uint8_t key[ORIGIN_KEY_SIZE]) {
    return &origins->buckets[XXH3_64bits_withSeed(key, ORIGIN_KEY_SIZE, origins->seed) %
                             ORIGIN_BUCKETS];
}

static struct http_origin *find_or_make(struct http_origins *origins,
                                        const uint8_t key[ORIGIN_KEY_SIZE]) {
    struct http_origin **bucket = bucket_of(origins, key);
    for (struct http_origin *at = *bucket; at != NULL; at = at->next) {
        if (memcmp(at->key, key, ORIGIN_KEY_SIZE) == 0)
            return at;
    }
    struct http_origin *origin = calloc(1, sizeof *origin + origins->workers * sizeof(int));
    if (origin == NULL)
        abort();
    memcpy(origin->key, key, ORIGIN_KEY_SIZE);
    origin->next = *bucket;
    *bucket = origin;
    return origin;
}

/* The worker that has most of that address. */
static int worker_with_most(const struct http_origins *origins, const struct http_origin *origin) {
    int most = 0;
    for (int i = 1; i < (int)origins->workers; i++) {
        if (origin->by_worker[i] > origin->by_worker[most])
            most = i;
    }
    return most;
}

bool http_origin_enter(struct http_origins *origins, const uint8_t address[NETWORK_ADDRESS_SIZE],
                       int limit, int *worker, struct http_origin **ret_origin) {
    uint8_t key[ORIGIN_KEY_SIZE];
    make_key(address, key);
    pthread_mutex_lock(&origins->lock);
    struct http_origin *origin = find_or_make(origins, key);
    bool has_room = origin->total < limit;
    if (!has_room)
        *worker = worker_with_most(origins, origin);
    origin->total++;
    origin->by_worker[*worker]++;
    pthread_mutex_unlock(&origins->lock);
    *ret_origin = origin;
    return has_room;
}

void http_origin_leave(struct http_origins *origins, struct http_origin *origin, int worker) {
    pthread_mutex_lock(&origins->lock);
    origin->by_worker[worker]--;
    if (--origin->total == 0) {
        struct http_origin **link = bucket_of(origins, origin->key);
        while (*link != origin)
            link = &(*link)->next;
        *link = origin->next;
        free(origin);
    }
    pthread_mutex_unlock(&origins->lock);
}
