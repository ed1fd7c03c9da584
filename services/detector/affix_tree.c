/* affix_tree.c: nodes in one array, the children of each beside each other. */
#include "services/detector/affix_tree.h"

#include <stdlib.h>

#define NO_NUMBER UINT32_MAX

/* A run of bytes that leads here from the parent, and what ends here. */
struct node {
    uint32_t label; /* where it begins among the labels */
    uint32_t length;
    uint32_t number; /* NO_NUMBER: no literal ends here */
    uint32_t first_child;
    uint32_t child_count;
};

struct affix_tree {
    enum affix_end end;
    struct node *nodes; /* the root first */
    char *heads;        /* first byte of each node's label */
    char *labels;       /* of all nodes, in walking order, those that stand together together */
    uint32_t count, label_size;
};

/* The byte `at` steps into a text that starts at `first`. */
static inline char byte_at(const char *first, size_t at, enum affix_end end) {
    return end == AFFIX_PREFIX ? first[at] : *(first - at);
}

static const char *first_of(struct text text, enum affix_end end) {
    return end == AFFIX_PREFIX ? text.data : text.data + text.length - 1;
}

/* Orders two literals by their bytes in walking order, the shorter first. */
static int compare(const struct affix *a, const struct affix *b, enum affix_end end) {
    size_t least = a->text.length < b->text.length ? a->text.length : b->text.length;
    for (size_t i = 0; i < least; i++) {
        unsigned char first = (unsigned char)byte_at(first_of(a->text, end), i, end);
        unsigned char second = (unsigned char)byte_at(first_of(b->text, end), i, end);
        if (first != second)
            return first < second ? -1 : 1;
    }
    return (a->text.length > b->text.length) - (a->text.length < b->text.length);
}

static int compare_prefixes(const void *a, const void *b) {
    return compare(a, b, AFFIX_PREFIX);
}

static int compare_suffixes(const void *a, const void *b) {
    return compare(a, b, AFFIX_SUFFIX);
}

static size_t common_length(const struct affix *a, const struct affix *b, enum affix_end end) {
    size_t length = 0;
    while (length < a->text.length && length < b->text.length &&
           byte_at(first_of(a->text, end), length, end) ==
               byte_at(first_of(b->text, end), length, end))
        length++;
    return length;
}

/* Sorted literals that share their first `depth` bytes, and the node that stands for them. */
struct range {
    const struct affix *affixes;
    size_t count;
    size_t depth;
};

/* Copies `length` bytes in walking order behind the labels; where they begin. */
static uint32_t copy_label(struct affix_tree *tree, const char *first, size_t length) {
    uint32_t start = tree->label_size;
    for (size_t i = 0; i < length; i++)
        tree->labels[tree->label_size++] = byte_at(first, i, tree->end);
    return start;
}

/* Fills a node: its label is what the range shares beyond its depth. */
static struct range fill_node(struct affix_tree *tree, struct node *node, struct range range) {
    const struct affix *first = &range.affixes[0], *last = &range.affixes[range.count - 1];
    size_t shared = common_length(first, last, tree->end);
    const char *start = first_of(first->text, tree->end);
    *node = (struct node){.length = (uint32_t)(shared - range.depth), .number = NO_NUMBER};
    start = tree->end == AFFIX_PREFIX ? start + range.depth : start - range.depth;
    node->label = copy_label(tree, start, node->length);
    range.depth = shared;
    if (first->text.length == shared) {
        node->number = first->number;
        range.affixes++;
        range.count--;
    }
    return range;
}

/* How many at the start of the range have the same next byte. */
static size_t count_alike(const struct affix_tree *tree, struct range range) {
    size_t count = 1;
    char head = byte_at(first_of(range.affixes[0].text, tree->end), range.depth, tree->end);
    while (count < range.count &&
           head == byte_at(first_of(range.affixes[count].text, tree->end), range.depth, tree->end))
        count++;
    return count;
}

/* Nodes are filled in the order they were handed out, so that children stand together. `ranges` has
 * what each node stands for. */
static void fill_tree(struct affix_tree *tree, struct range *ranges) {
    for (uint32_t at = 0; at < tree->count; at++) {
        struct node *node = &tree->nodes[at];
        struct range rest = fill_node(tree, node, ranges[at]);
        tree->heads[at] = node->length > 0 ? tree->labels[node->label] : '\0';
        node->first_child = tree->count;
        while (rest.count > 0) {
            size_t alike = count_alike(tree, rest);
            ranges[tree->count++] = (struct range){rest.affixes, alike, rest.depth};
            node->child_count++;
            rest.affixes += alike;
            rest.count -= alike;
        }
    }
}

static size_t total_length(const struct affix *affixes, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += affixes[i].text.length;
    return total;
}

struct affix_tree *affix_tree_new(struct affix *affixes, size_t count, enum affix_end end) {
    struct affix_tree *tree = calloc(1, sizeof *tree);
    struct range *ranges = calloc(2 * count + 1, sizeof *ranges);
    if (tree == NULL || ranges == NULL)
        abort();
    qsort(affixes, count, sizeof *affixes,
          end == AFFIX_PREFIX ? compare_prefixes : compare_suffixes);
    /* Every node but the root ends a literal or has two children at least. */
    *tree = (struct affix_tree){.end = end, .count = 1};
    tree->nodes = calloc(2 * count + 1, sizeof *tree->nodes);
    tree->heads = calloc(2 * count + 1, 1);
    tree->labels = calloc(total_length(affixes, count) + 1, 1);
    if (tree->nodes == NULL || tree->heads == NULL || tree->labels == NULL)
        abort();
    ranges[0] = (struct range){affixes, count, 0};
    fill_tree(tree, ranges);
    free(ranges);
    return tree;
}

void affix_tree_destroy(struct affix_tree **tree) {
    if (*tree == NULL)
        return;
    free((*tree)->nodes);
    free((*tree)->heads);
    free((*tree)->labels);
    free(*tree);
    *tree = NULL;
}

/* The child whose label starts with the byte, or NULL. */
static inline const struct node *find_child(const struct affix_tree *tree, const struct node *node,
                                            char head) {
    const char *heads = tree->heads + node->first_child;
    for (uint32_t i = 0; i < node->child_count; i++)
        if (heads[i] == head)
            return &tree->nodes[node->first_child + i];
    return NULL;
}

static inline void walk(const struct affix_tree *tree, struct text text, struct hit_set *hits,
                        enum affix_end end) {
    const char *first = first_of(text, end);
    size_t at = 0;
    for (const struct node *node = tree->nodes; node != NULL;) {
        if (node->length > text.length - at)
            return;
        const char *label = tree->labels + node->label;
        for (uint32_t i = 0; i < node->length; i++)
            if (label[i] != byte_at(first, at + i, end))
                return;
        at += node->length;
        if (node->number != NO_NUMBER)
            (void)hit_set_add(hits, node->number);
        if (at == text.length)
            return;
        node = find_child(tree, node, byte_at(first, at, end));
    }
}

void affix_tree_walk(const struct affix_tree *tree, struct text text, struct hit_set *hits) {
    if (text.length == 0)
        return;
    if (tree->end == AFFIX_PREFIX)
        walk(tree, text, hits, AFFIX_PREFIX);
    else
        walk(tree, text, hits, AFFIX_SUFFIX);
}
