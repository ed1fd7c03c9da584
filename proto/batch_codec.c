/* batch_codec.c: to be written */
#include "proto/batch.h"
