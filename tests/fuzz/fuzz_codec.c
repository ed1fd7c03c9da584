/* fuzz_codec.c: one decoder (DECODE, see decoders.h) against any bytes. */
#include "decoders.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum status status = DECODE((struct bytes){data, size});
    (void)status; /* accepted or refused: both will do */
    return 0;
}
