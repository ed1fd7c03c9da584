/* sigma_databases.c: one job an expression, taken by as many threads as there are processors. */
#include "services/detector/sigma_databases.h"

#include "services/detector/reduced_text.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Compiling fewer is over before a thread has started. */
#define THREADS_FROM 20

struct work {
    struct plan_atom **atoms;
    struct pattern_database **databases; /* of these atoms */
    uint32_t count;
    atomic_uint next;
};

static struct pattern_database *compile(const struct sigma_pattern *pattern) {
    struct database_pattern expression = {
        .text = pattern->expression,
        .ignore_case = pattern->flags.ignore_case,
        .multi_line = pattern->flags.multi_line,
        .dot_all = pattern->flags.dot_all,
    };
    return pattern_database_new(&expression, 1);
}

static void *take_jobs(void *context) {
    struct work *work = context;
    for (uint32_t at; (at = atomic_fetch_add(&work->next, 1)) < work->count;)
        work->databases[at] = compile(work->atoms[at]->pattern);
    return NULL;
}

/* Threads beside this one that are worth their start. */
static size_t helpers_for(const struct work *work) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (work->count < THREADS_FROM || processors < 2)
        return 0;
    return processors > ENGINE_THREADS_MAX ? ENGINE_THREADS_MAX - 1 : (size_t)processors - 1;
}

static void compile_all(struct work *work) {
    pthread_t helpers[ENGINE_THREADS_MAX];
    size_t count = 0;
    for (size_t wanted = helpers_for(work); count < wanted; count++)
        if (pthread_create(&helpers[count], NULL, take_jobs, work) != 0)
            break; /* those that run do all of it */
    take_jobs(work);
    while (count > 0)
        pthread_join(helpers[--count], NULL);
}

static bool is_job(const struct plan_atom *atom) {
    return atom->finder == FINDER_DIRECT && atom->pattern->kind == SIGMA_PATTERN_REGEX &&
           reduced_text_suits(atom->pattern->expression);
}

void sigma_databases_init(struct sigma_databases *databases, struct plan *plan) {
    struct work work = {
        .atoms = calloc((size_t)plan->atom_count + 1, sizeof(struct plan_atom *)),
        .databases = calloc((size_t)plan->atom_count + 1, sizeof(struct pattern_database *)),
    };
    if (work.atoms == NULL || work.databases == NULL)
        abort();
    for (uint32_t i = 0; i < plan->atom_count; i++)
        if (is_job(&plan->atoms[i]))
            work.atoms[work.count++] = &plan->atoms[i];
    compile_all(&work);
    for (uint32_t i = 0; i < work.count; i++)
        work.atoms[i]->database = work.databases[i];
    free(work.atoms);
    *databases = (struct sigma_databases){work.databases, work.count};
}

void sigma_databases_fini(struct sigma_databases *databases) {
    for (uint32_t i = 0; i < databases->count; i++)
        pattern_database_destroy(&databases->items[i]);
    free(databases->items);
}

struct pattern_scratch *sigma_databases_scratch(const struct sigma_databases *databases) {
    struct pattern_scratch *scratch = NULL;
    for (uint32_t i = 0; i < databases->count; i++)
        pattern_scratch_prepare(&scratch, databases->items[i]);
    return scratch;
}
