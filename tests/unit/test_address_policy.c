/* test_address_policy.c: a webhook reaches public addresses and what is allowed by name, nothing
 * else. */
#include "services/alerter/address_policy.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/un.h>

static bool allows(const char *networks, const char *address) {
    struct address_policy policy;
    struct sockaddr_storage storage = {.ss_family = AF_INET};
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&storage;
    cr_assert_eq(address_policy_init(&policy, networks), STATUS_OK, "%s", networks);
    if (inet_pton(AF_INET, address, &ipv4->sin_addr) != 1) {
        storage.ss_family = AF_INET6;
        cr_assert_eq(inet_pton(AF_INET6, address, &ipv6->sin6_addr), 1, "%s", address);
    }
    return address_policy_allows(&policy, (struct sockaddr *)&storage);
}

Test(address_policy, public_addresses_are_allowed) {
    const char *addresses[] = {"1.1.1.1",         "9.255.255.255",   "11.0.0.0",
                               "100.63.0.1",      "100.128.0.0",     "128.0.0.1",
                               "169.253.1.1",     "172.15.255.255",  "172.32.0.0",
                               "192.167.0.1",     "192.169.0.1",     "223.255.255.255",
                               "2606:4700::1111", "2a00::1",         "2001:4860:4860::8888",
                               "::ffff:1.1.1.1",  "64:ff9b::1.1.1.1"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        cr_expect(allows("", addresses[i]), "%s", addresses[i]);
}

Test(address_policy, everything_else_is_refused) {
    const char *addresses[] = {"0.0.0.0",
                               "0.1.2.3",
                               "10.0.0.1",
                               "10.255.255.255",
                               "100.64.0.1",
                               "127.0.0.1",
                               "127.255.255.254",
                               "169.254.169.254",
                               "172.16.0.1",
                               "172.31.255.255",
                               "192.168.1.1",
                               "192.0.0.8",
                               "198.18.0.1",
                               "198.51.100.7",
                               "203.0.113.9",
                               "224.0.0.1",
                               "255.255.255.255",
                               "::",
                               "::1",
                               "::7f00:1",
                               "::ffff:10.0.0.1",
                               "::ffff:127.0.0.1",
                               "::ffff:169.254.169.254",
                               "64:ff9b::10.0.0.1",
                               "64:ff9b::127.0.0.1",
                               "64:ff9b:1::1",
                               "2001::1",
                               "2001:db8::1",
                               "2002:7f00:1::1",
                               "fc00::1",
                               "fd12:3456::1",
                               "fe80::1",
                               "fec0::1",
                               "ff02::1",
                               "100::1"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        cr_expect_not(allows("", addresses[i]), "%s", addresses[i]);
}

Test(address_policy, networks_are_allowed_by_name_and_no_more_of_them) {
    static const struct {
        const char *networks, *address;
        bool want;
    } cases[] = {
        {"127.0.0.0/8", "127.0.0.1", true},
        {"127.0.0.0/8", "::ffff:127.0.0.1", true},
        {"127.0.0.0/8", "::1", false},
        {"::1", "::1", true},
        {"::1", "127.0.0.1", false},
        {"10.1.0.0/16", "10.1.255.255", true},
        {"10.1.0.0/16", "10.2.0.0", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.0.0.0/9", "10.127.0.1", true},
        {"10.0.0.0/9", "10.128.0.1", false},
        {"192.168.0.0/16, fd00::/8 ,10.0.0.0/8", "fd00::1", true},
        {"192.168.0.0/16, fd00::/8 ,10.0.0.0/8", "10.9.9.9", true},
        {"192.168.0.0/16, fd00::/8 ,10.0.0.0/8", "fc00::1", false},
        {"0.0.0.0/0", "10.0.0.1", true},
        {"0.0.0.0/0", "fd00::1", false},
        {"::/0", "fd00::1", true},
        {"10.0.0.0/8", "64:ff9b::10.0.0.1", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(allows(cases[i].networks, cases[i].address), cases[i].want, "%s in %s",
                     cases[i].address, cases[i].networks);
}

Test(address_policy, malformed_lists_are_refused) {
    const char *lists[] = {"x",          "10.0.0.0/33",   "::/129",     "10.0.0.0/",
                           "10.0.0.0/x", "10.0.0/8",      ",",          "10.0.0.0/8,",
                           "/8",         "10.0.0.0/-1",   "fe80::1%lo", "10.0.0.0 /8",
                           "localhost",  "10.0.0.0/08888"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct address_policy policy;
        cr_expect_eq(address_policy_init(&policy, lists[i]), STATUS_BAD_SYNTAX, "\"%s\"", lists[i]);
    }
}

Test(address_policy, the_list_has_a_bound) {
    char list[NETWORKS_MAX * 10 + 16] = "";
    struct address_policy policy;
    for (int i = 0; i < NETWORKS_MAX; i++)
        strncat(list, i > 0 ? ",10.0.0.1" : "10.0.0.1", 10);
    cr_assert_eq(address_policy_init(&policy, list), STATUS_OK);
    strncat(list, ",10.0.0.1", 10);
    cr_assert_eq(address_policy_init(&policy, list), STATUS_BAD_SYNTAX);
}

Test(address_policy, only_internet_sockets_are_connected) {
    struct address_policy policy;
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    cr_assert_eq(address_policy_init(&policy, "0.0.0.0/0,::/0"), STATUS_OK);
    cr_assert_not(address_policy_allows(&policy, (struct sockaddr *)&local));
}
