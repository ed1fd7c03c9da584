/* wiring.c: to be written */
#include "proto/wiring.h"
