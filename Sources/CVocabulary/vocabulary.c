#include "CVocabulary.h"

// #embed is C23; clang has it in every mode and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t vocabulary[] = {
#embed "../../vocab/vocabulary-1.deflate"
};

const uint8_t *maud_vocabulary(void) { return vocabulary; }

size_t maud_vocabulary_size(void) { return sizeof vocabulary; }
