/* spool.c: to be written */
#include "common/spool.h"
