/* ready.c: the reasons of /readyz. */
#include "services/ingest/ready.h"

#include <sys/statvfs.h>
#include <unistd.h>

static void add_reason(struct buffer *why_not, const char *reason) {
    if (why_not->length > 0)
        buffer_append_text(why_not, TEXT("; "));
    buffer_append_text(why_not, text_of(reason));
}

/* True while the spool could take events. */
static bool is_spool_writable(const struct ingest_config *config,
                              const struct ledger_books *books) {
    struct statvfs disk;
    if (access(config->state_dir, W_OK) != 0 || statvfs(config->state_dir, &disk) != 0)
        return false;
    int64_t free_bytes = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize;
    return free_bytes > config->spool_reserve_bytes && books->spool_bytes < config->spool_max_bytes;
}

bool ready_check(struct ingest *ingest, struct buffer *why_not) {
    struct ledger_books books;
    out_events_books(ingest->writer, &books);
    if (!reads_is_connected(ingest->reads))
        add_reason(why_not, "Redis does not answer");
    if (!is_spool_writable(&ingest->config, &books))
        add_reason(why_not, "the spool cannot be written, or is full");
    if (books.detectors == 0)
        add_reason(why_not, "no detector is connected");
    if (!books.receipts)
        add_reason(why_not, "no incident process was heard of");
    return why_not->length == 0;
}
