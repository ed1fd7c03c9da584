/* shared_script.c: puts a script together. */
#include "services/ingest/shared_script.h"

#include "proto/keys.h"

#include <assert.h>

void shared_script_init(struct shared_script *shared, const char *const *texts, size_t count) {
    buffer_init(&shared->text, SHARED_SCRIPT_MAX);
    /* The shebang makes a Redis that is out of memory refuse the script before it writes. */
    buffer_append_text(&shared->text, TEXT("#!lua\n"));
    keys_lua_table(&shared->text);
    for (size_t i = 0; i < count; i++)
        buffer_append_text(&shared->text, text_of(texts[i]));
    assert(buffer_is_whole(&shared->text));
    shared->script = redis_script_new(buffer_text(&shared->text));
}

void shared_script_fini(struct shared_script *shared) {
    redis_script_destroy(&shared->script);
    buffer_fini(&shared->text);
}
