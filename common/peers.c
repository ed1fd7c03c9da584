/* peers.c: to be written */
#include "common/peers.h"
