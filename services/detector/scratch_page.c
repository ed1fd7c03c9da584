/* scratch_page.c: one mapped page a process, found and guarded by a lock. */
#include "services/detector/scratch_page.h"

#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRATCH_MAGIC 0x6d65697370616765ull
#define SCRATCH_SIZE 4096
#define PATH_SIZE 4096

/* Opens and locks one page; -1 when another process has it or it cannot be opened (errno says
 * which). */
static int lock_page(const char *directory, int number) {
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/detector-%d.page", directory, number);
    errno = ENAMETOOLONG;
    if (length < 0 || (size_t)length >= sizeof path)
        return -1;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    return descriptor;
}

/* The first page nobody has; -1 with errno when there is none. */
static int lock_first_page(const char *directory) {
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return -1;
    for (int number = 1; number <= SCRATCH_PAGES_MAX; number++) {
        int descriptor = lock_page(directory, number);
        if (descriptor >= 0 || errno != EWOULDBLOCK)
            return descriptor;
    }
    return -1;
}

static struct scratch_slot *map_page(int descriptor) {
    if (ftruncate(descriptor, SCRATCH_SIZE) != 0)
        return NULL;
    void *memory = mmap(NULL, SCRATCH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

enum status scratch_page_open(const char *directory, struct scratch_page **ret_page) {
    *ret_page = NULL;
    if (directory[0] == '\0')
        return STATUS_OK;
    int descriptor = lock_first_page(directory);
    struct scratch_slot *slot = descriptor >= 0 ? map_page(descriptor) : NULL;
    if (slot == NULL) {
        log_error("SIEM_SCRATCH_DIR cannot be used: name a directory this process may write to, or "
                  "leave it empty to do without quarantine",
                  LOG_STRING("directory", directory), LOG_STRING("reason", strerror(errno)));
        if (descriptor >= 0)
            close(descriptor);
        return STATUS_IO_ERROR;
    }
    struct scratch_page *page = malloc(sizeof *page);
    if (page == NULL)
        abort();
    *page = (struct scratch_page){slot, descriptor};
    *ret_page = page;
    return STATUS_OK;
}

void scratch_page_destroy(struct scratch_page **page) {
    if (*page == NULL)
        return;
    munmap((*page)->slot, SCRATCH_SIZE);
    close((*page)->descriptor);
    free(*page);
    *page = NULL;
}

bool scratch_page_find_crash(const struct scratch_page *page, struct crash_report *ret_report) {
    if (page == NULL || page->slot->magic != SCRATCH_MAGIC)
        return false;
    uint32_t marked = atomic_load(&page->slot->marked);
    if (marked == 0 || marked > BATCH_EVENTS_MAX)
        return false;
    *ret_report = (struct crash_report){.producer = page->slot->producer,
                                        .epoch = page->slot->epoch,
                                        .seq = page->slot->seq,
                                        .index = marked - 1};
    return true;
}

void scratch_page_clear(struct scratch_page *page) {
    if (page == NULL)
        return;
    atomic_store_explicit(&page->slot->marked, 0, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
}

void scratch_page_begin(struct scratch_page *page, const struct batch_head *head) {
    if (page == NULL)
        return;
    scratch_page_clear(page);
    page->slot->magic = SCRATCH_MAGIC;
    page->slot->producer = head->producer;
    page->slot->epoch = head->epoch;
    page->slot->seq = head->seq;
    atomic_signal_fence(memory_order_seq_cst);
}
