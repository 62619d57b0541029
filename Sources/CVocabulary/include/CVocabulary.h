#ifndef MAUD_VOCABULARY_H
#define MAUD_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

/// The octets of vocab/vocabulary-1.jsonld, in the program's read-only data.
const uint8_t *_Nonnull maud_vocabulary(void);

/// How many there are.
size_t maud_vocabulary_size(void);

#endif
