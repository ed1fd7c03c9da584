/* receipt_codec.c: to be written */
#include "proto/receipt.h"
