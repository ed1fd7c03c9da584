/* keys.c: to be written */
#include "proto/keys.h"
