/* test_peers.c: the set of endpoints follows the list and the name server; a malformed list stops a
 * start. */
#include "common/clock.h"
#include "common/endpoint_list.h"
#include "common/peers.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was reported, as "+tcp://… -tcp://… ". */
struct journal {
    char text[4096];
};

static void on_change(void *context, const char *endpoint, bool connect) {
    struct journal *journal = context;
    size_t length = strlen(journal->text);
    snprintf(journal->text + length, sizeof(journal->text) - length, "%c%s ", connect ? '+' : '-',
             endpoint);
}

Test(peers, numeric_endpoints_are_there_at_once_each_once) {
    struct peers *peers = peers_new("tcp://10.0.0.7:5558, ipc:///run/x.sock,tcp://[::1]:5558,"
                                    "tcp://10.0.0.7:5558");
    struct journal journal = {.text = ""};
    peers_poll(peers, on_change, &journal);
    cr_assert_str_eq(journal.text, "+ipc:///run/x.sock +tcp://10.0.0.7:5558 +tcp://[::1]:5558 ");
    journal.text[0] = '\0';
    peers_poll(peers, on_change, &journal);
    cr_assert_str_eq(journal.text, "", "a second look reports only the difference");
    peers_destroy(&peers);
    cr_assert_null(peers);
}

/* The name server of these tests: getaddrinfo and freeaddrinfo of this program come before libc's.
 */
static pthread_mutex_t zone_lock = PTHREAD_MUTEX_INITIALIZER;
static const char *zone[4]; /* addresses of the name "pool"; none: it does not exist */
static int look_ups;
static bool answers_late; /* not before it is told to */
static pthread_cond_t may_answer = PTHREAD_COND_INITIALIZER;

static void set_zone(const char *first, const char *second, const char *third) {
    pthread_mutex_lock(&zone_lock);
    zone[0] = first;
    zone[1] = second;
    zone[2] = third;
    look_ups = 0;
    pthread_mutex_unlock(&zone_lock);
}

static void set_late(bool late) {
    pthread_mutex_lock(&zone_lock);
    answers_late = late;
    pthread_cond_broadcast(&may_answer);
    pthread_mutex_unlock(&zone_lock);
}

static int count_look_ups(void) {
    pthread_mutex_lock(&zone_lock);
    int count = look_ups;
    pthread_mutex_unlock(&zone_lock);
    return count;
}

struct answer {
    struct addrinfo info;
    struct sockaddr_storage address;
};

static struct addrinfo *make_answer(const char *address, const char *port, struct addrinfo *next) {
    struct answer *answer = calloc(1, sizeof(*answer));
    struct sockaddr_in *v4 = (struct sockaddr_in *)&answer->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&answer->address;
    bool is_v4 = inet_pton(AF_INET, address, &v4->sin_addr) == 1;
    if (!is_v4)
        inet_pton(AF_INET6, address, &v6->sin6_addr);
    answer->address.ss_family = is_v4 ? AF_INET : AF_INET6;
    v4->sin_port = htons((uint16_t)strtol(port, NULL, 10)); /* at the same place in both */
    answer->info.ai_family = answer->address.ss_family;
    answer->info.ai_addr = (struct sockaddr *)&answer->address;
    answer->info.ai_addrlen = is_v4 ? sizeof(*v4) : sizeof(*v6);
    answer->info.ai_next = next;
    return &answer->info;
}

int getaddrinfo(const char *node, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret_list) {
    (void)hints;
    struct addrinfo *list = NULL;
    pthread_mutex_lock(&zone_lock);
    while (answers_late)
        pthread_cond_wait(&may_answer, &zone_lock);
    for (int i = 0; strcmp(node, "pool") == 0 && zone[i] != NULL; i++)
        list = make_answer(zone[i], port, list);
    look_ups++;
    pthread_mutex_unlock(&zone_lock);
    *ret_list = list;
    return list != NULL ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list) {
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list);
        list = next;
    }
}

/* Polls until something changes, and returns what. */
static const char *next_change(struct peers *peers, struct journal *journal) {
    struct mono_time begun = clock_mono();
    journal->text[0] = '\0';
    while (journal->text[0] == '\0') {
        cr_assert_lt(clock_elapsed_ms(begun), 60000);
        peers_poll(peers, on_change, journal);
        poll(NULL, 0, 2);
    }
    return journal->text;
}

Test(peers, the_set_follows_the_name_server_by_the_difference) {
    struct journal journal;
    set_zone("10.0.0.2", "10.0.0.1", NULL);
    struct peers *peers = peers_new("tcp://pool:5558,tcp://absent:5558");
    cr_assert_str_eq(next_change(peers, &journal), "+tcp://10.0.0.1:5558 +tcp://10.0.0.2:5558 ");
    set_zone("10.0.0.2", "10.0.0.3", NULL);
    cr_assert_str_eq(next_change(peers, &journal), "+tcp://10.0.0.3:5558 -tcp://10.0.0.1:5558 ");
    peers_destroy(&peers);
}

Test(peers, a_failed_look_up_keeps_the_last_known_set) {
    struct journal journal;
    set_zone("10.0.0.1", NULL, NULL);
    struct peers *peers = peers_new("tcp://pool:5558");
    cr_assert_str_eq(next_change(peers, &journal), "+tcp://10.0.0.1:5558 ");
    set_zone(NULL, NULL, NULL);
    struct mono_time begun = clock_mono();
    while (count_look_ups() < 2) {
        cr_assert_lt(clock_elapsed_ms(begun), 60000);
        journal.text[0] = '\0';
        peers_poll(peers, on_change, &journal);
        cr_assert_str_eq(journal.text, "");
        poll(NULL, 0, 2);
    }
    peers_destroy(&peers);
}

Test(peers, a_host_with_two_kinds_of_address_is_connected_once) {
    struct journal journal;
    set_zone("2001:db8::1", "10.0.0.1", NULL);
    struct peers *peers = peers_new("tcp://pool:5558");
    cr_assert_str_eq(next_change(peers, &journal), "+tcp://10.0.0.1:5558 ");
    peers_destroy(&peers);
    set_zone("2001:db8::1", "2001:db8::2", NULL);
    peers = peers_new("tcp://pool:5558");
    cr_assert_str_eq(next_change(peers, &journal),
                     "+tcp://[2001:db8::1]:5558 +tcp://[2001:db8::2]:5558 ");
    peers_destroy(&peers);
}

Test(peers, destroying_does_not_wait_for_a_look_up) {
    set_late(true);
    for (int i = 0; i < 20; i++) {
        struct peers *peers = peers_new("tcp://a-name-nobody-has.invalid:5558");
        cr_assert_not_null(peers);
        peers_destroy(&peers);
    }
    set_late(false);
}

Test(peers, malformed_lists_are_refused) {
    const char *lists[] = {
        "",
        ",",
        "tcp://a:1,",
        "tcp://a:1,,tcp://b:1",
        "incident:5558",
        "http://incident:5558",
        "tcp://",
        "tcp://incident",
        "tcp://incident:",
        "tcp://incident:0",
        "tcp://incident:65536",
        "tcp://incident:5x",
        "tcp://:5558",
        "tcp://*:5558",
        "tcp://10.0.0.300:5558",
        "tcp://10.0.0:5558",
        "tcp://::1:5558",
        "tcp://[::1:5558",
        "tcp://[::g]:5558",
        "tcp://in cident:5558",
        "tcp://incident/x:5558",
        "ipc://",
        "inproc://",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct peers *peers = peers_new(lists[i]);
        cr_expect_null(peers, "\"%s\"", lists[i]);
        peers_destroy(&peers);
    }
}

Test(peers, a_list_has_a_bound) {
    char list[16384] = "";
    for (int i = 0; i <= ENDPOINTS_MAX; i++) {
        size_t length = strlen(list);
        snprintf(list + length, sizeof(list) - length, "%stcp://10.0.%d.%d:5558", i ? "," : "",
                 i / 256, i % 256);
    }
    cr_assert_null(peers_new(list));
}

Test(endpoint_set, keeps_order_and_compares) {
    struct endpoint_set a = {.count = 0}, b = {.count = 0};
    const char *words[] = {"c", "a", "b", "a"};
    for (size_t i = 0; i < 4; i++) {
        cr_assert(endpoint_set_add(&a, text_of(words[i])));
        cr_assert(endpoint_set_add(&b, text_of(words[3 - i])));
    }
    cr_assert_eq(a.count, 3);
    cr_assert_str_eq(a.items[0], "a");
    cr_assert(endpoint_set_equal(&a, &b));
    cr_assert(endpoint_set_has(&a, "b"));
    cr_assert_not(endpoint_set_has(&a, "bb"));
    cr_assert(endpoint_set_add(&b, TEXT("d")));
    cr_assert_not(endpoint_set_equal(&a, &b));
    endpoint_set_fini(&a);
    endpoint_set_fini(&b);
}

Test(endpoint_set, refuses_what_is_beyond_its_bound) {
    struct endpoint_set set = {.count = 0};
    char word[16];
    for (int i = 0; i < ENDPOINTS_MAX; i++) {
        snprintf(word, sizeof(word), "%d", i);
        cr_assert(endpoint_set_add(&set, text_of(word)));
    }
    cr_assert_not(endpoint_set_add(&set, TEXT("more")));
    cr_assert(endpoint_set_add(&set, TEXT("7")), "what is there stays there");
    endpoint_set_fini(&set);
}
