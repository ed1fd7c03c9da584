/* clock.c: to be written */
#include "common/clock.h"
