/* counters.c: to be written */
#include "common/counters.h"
