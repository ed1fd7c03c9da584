/* wire.c: to be written */
#include "common/wire.h"
