/* sigma_databases.c: one job a database, the costly ones first, taken by as many threads as there
 * are processors. */
#include "services/detector/sigma_databases.h"

#include "services/detector/sigma_expressions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Compiling less than this is over before a thread has started. */
#define THREADS_FROM_COST 2000
/* An expression takes as long to compile as this many literals. */
#define EXPRESSION_COST 100

struct job {
    uint32_t lane;
    enum atom_finder finder;
    uint32_t count; /* of its patterns */
    uint32_t cost;
};

struct work {
    struct sigma_lanes *lanes;
    struct plan *plan;
    const struct lane_atoms *atoms;
    struct job *jobs;
    uint32_t count;
    atomic_uint next;
};

static uint32_t count_atoms(const struct work *work, uint32_t lane, enum atom_finder finder) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < work->atoms[lane].count; i++)
        count += work->plan->atoms[work->atoms[lane].numbers[i]].finder == finder;
    return count;
}

/* Adds the job of a lane, when it has such atoms. */
static void add_job(struct work *work, uint32_t lane, enum atom_finder finder, uint32_t cost) {
    uint32_t count = count_atoms(work, lane, finder);
    if (count > 0)
        work->jobs[work->count++] = (struct job){lane, finder, count, count * cost};
}

static struct database_pattern *collect(const struct work *work, const struct job *job,
                                        struct arena *arena) {
    struct database_pattern *patterns = calloc(job->count, sizeof *patterns);
    uint32_t count = 0;
    if (patterns == NULL)
        abort();
    for (uint32_t i = 0; i < work->atoms[job->lane].count; i++) {
        uint32_t number = work->atoms[job->lane].numbers[i];
        const struct sigma_pattern *pattern = work->plan->atoms[number].pattern;
        if (work->plan->atoms[number].finder != job->finder)
            continue;
        patterns[count++] =
            job->finder != FINDER_EXPRESSION
                ? (struct database_pattern){.text = pattern->literal, .number = number}
                : sigma_expression_make(pattern, number, arena);
    }
    return patterns;
}

/* Notes which atoms the lane's database of expressions has; the others are tried directly. */
static void keep_expressions(struct plan *plan, struct sigma_lane *lane,
                             const struct database_pattern *patterns, uint32_t count) {
    lane->tries = calloc(count, sizeof *lane->tries);
    if (lane->tries == NULL)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        struct plan_atom *atom = &plan->atoms[patterns[i].number];
        if (patterns[i].refused)
            atom->finder = FINDER_DIRECT;
        else
            lane->tries[lane->expression_count++] =
                (struct sigma_try){patterns[i].number, atom->pattern};
    }
}

/* Only this job touches its lane's database and its atoms. */
static void do_job(const struct work *work, const struct job *job) {
    struct arena arena;
    struct sigma_lane *lane = &work->lanes->items[job->lane];
    arena_init(&arena);
    struct database_pattern *patterns = collect(work, job, &arena);
    if (job->finder == FINDER_EXPRESSION) {
        lane->expressions = pattern_database_of_expressions(patterns, job->count);
        keep_expressions(work->plan, lane, patterns, job->count);
    } else if (job->finder == FINDER_CONTAINS) {
        lane->literals = pattern_database_of_literals(patterns, job->count);
    } else {
        lane->wide_literals = pattern_database_of_literals(patterns, job->count);
    }
    free(patterns);
    arena_fini(&arena);
}

static void *take_jobs(void *context) {
    struct work *work = context;
    for (uint32_t at; (at = atomic_fetch_add(&work->next, 1)) < work->count;)
        do_job(work, &work->jobs[at]);
    return NULL;
}

static int compare_jobs(const void *a, const void *b) {
    uint32_t first = ((const struct job *)a)->cost, second = ((const struct job *)b)->cost;
    return (first < second) - (first > second);
}

/* Threads beside this one that are worth their start. */
static size_t helpers_for(const struct work *work) {
    uint64_t cost = 0;
    for (uint32_t i = 0; i < work->count; i++)
        cost += work->jobs[i].cost;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    if (cost < THREADS_FROM_COST || processors < 2)
        return 0;
    return processors > ENGINE_THREADS_MAX ? ENGINE_THREADS_MAX - 1 : (size_t)processors - 1;
}

void sigma_databases_make(struct sigma_lanes *lanes, struct plan *plan,
                          const struct lane_atoms *atoms) {
    pthread_t helpers[ENGINE_THREADS_MAX];
    size_t count = 0;
    struct work work = {.lanes = lanes, .plan = plan, .atoms = atoms};
    work.jobs = calloc(3 * (size_t)lanes->count, sizeof *work.jobs);
    if (work.jobs == NULL)
        abort();
    for (uint32_t i = 0; i < lanes->count; i++) {
        add_job(&work, i, FINDER_CONTAINS, 1);
        add_job(&work, i, FINDER_CONTAINS_WIDE, 1);
        add_job(&work, i, FINDER_EXPRESSION, EXPRESSION_COST);
    }
    if (work.count > 1)
        qsort(work.jobs, work.count, sizeof *work.jobs, compare_jobs);
    for (size_t wanted = helpers_for(&work); count < wanted; count++)
        if (pthread_create(&helpers[count], NULL, take_jobs, &work) != 0)
            break; /* those that run do all of it */
    take_jobs(&work);
    while (count > 0)
        pthread_join(helpers[--count], NULL);
    free(work.jobs);
}
