/* conf.c: to be written */
#include "common/conf.h"
