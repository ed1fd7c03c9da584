/* test_lru_table.c: a bounded table: it finds what it has, and lets the longest unused go. */
#include "common/lru_table.h"

#include <criterion/criterion.h>
#include <stdio.h>

struct item {
    struct lru_entry entry; /* first */
    int value;
    bool busy;
};

static bool is_busy(const struct lru_entry *entry) {
    return ((const struct item *)(const void *)entry)->busy;
}

static struct item *take(struct lru_table *table, int number) {
    char name[16];
    snprintf(name, sizeof name, "name-%d", number);
    return lru_table_take(table, text_of(name));
}

static struct item *find(struct lru_table *table, int number) {
    char name[16];
    snprintf(name, sizeof name, "name-%d", number);
    return lru_table_find(table, text_of(name));
}

Test(lru_table, keeps_what_is_used_and_lets_the_oldest_go) {
    struct lru_table table;
    lru_table_init(&table, sizeof(struct item), 100, is_busy);
    for (int i = 0; i < 100; i++)
        take(&table, i)->value = i;
    cr_expect_eq(table.evicted, 0);
    for (int i = 0; i < 100; i += 2)
        cr_expect_eq(find(&table, i)->value, i);
    for (int i = 100; i < 150; i++)
        cr_expect_eq(take(&table, i)->value, 0, "a new entry is empty");
    cr_expect_eq(table.evicted, 50);
    cr_expect_eq(table.count, 100);
    for (int i = 0; i < 100; i++)
        cr_expect_eq(find(&table, i) != NULL, i % 2 == 0, "%d", i);
    lru_table_fini(&table);
}

Test(lru_table, lets_nothing_go_that_is_busy) {
    struct lru_table table;
    lru_table_init(&table, sizeof(struct item), 3, is_busy);
    for (int i = 0; i < 3; i++)
        take(&table, i)->busy = i < 2;
    cr_assert_not_null(take(&table, 3));
    cr_expect_not_null(find(&table, 0));
    cr_expect_not_null(find(&table, 1));
    cr_expect_null(find(&table, 2));
    find(&table, 3)->busy = true;
    cr_expect_null(take(&table, 4));
    find(&table, 1)->busy = false;
    cr_expect_not_null(take(&table, 4));
    cr_expect_null(find(&table, 1));
    lru_table_fini(&table);
}

/* Many names, few places: every chain is walked and unlinked in every order. */
Test(lru_table, survives_a_flood_of_names) {
    struct lru_table table;
    lru_table_init(&table, sizeof(struct item), 10, NULL);
    unsigned random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1103515245 + 12345;
        int number = (int)(random >> 16) % 40;
        struct item *item = take(&table, number);
        cr_assert_not_null(item);
        cr_assert(item->value == 0 || item->value == number + 1);
        item->value = number + 1;
    }
    cr_expect_eq(table.count, 10);
    cr_expect_null(lru_table_find(&table, TEXT("")));
    cr_expect_not_null(lru_table_take(&table, TEXT("")));
    char longest[2 * LRU_NAME_MAX];
    memset(longest, 'x', sizeof longest);
    struct item *whole = lru_table_take(&table, (struct text){longest, sizeof longest});
    struct item *shorter = lru_table_take(&table, (struct text){longest, sizeof longest - 1});
    cr_expect_neq(whole, shorter);
    lru_table_fini(&table);
}
