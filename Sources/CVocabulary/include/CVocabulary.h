#ifndef MAUD_VOCABULARY_H
#define MAUD_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

/// vocab/vocabulary-1.jsonld as raw DEFLATE (RFC 1951), in the program's read-only data: vocab/vocabulary-1.deflate.
const uint8_t *_Nonnull maud_vocabulary(void);

/// How many there are.
size_t maud_vocabulary_size(void);

#endif
