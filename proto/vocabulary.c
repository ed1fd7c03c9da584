/* vocabulary.c: to be written */
#include "proto/vocabulary.h"
