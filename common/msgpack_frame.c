/* msgpack_frame.c: to be written */
#include "common/msgpack_frame.h"
