#include "CDemoModel.h"

// Functions rather than arrays in the header: Swift does not see an array whose size only `#embed` knows.

// Clang has it in every language mode and says so; this file is C17 in all else.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const uint8_t config[] = {
#embed "model/config.json"
};

_Alignas(64) static const uint8_t weights[] = {
#embed "model/model.safetensors"
};

static const uint8_t tokenizer[] = {
#embed "model/tokenizer.json"
};

static const uint8_t generation_config[] = {
#embed "model/generation_config.json"
};

kwaai_demo_file kwaai_demo_config(void) {
    return (kwaai_demo_file){config, sizeof config};
}

kwaai_demo_file kwaai_demo_weights(void) {
    return (kwaai_demo_file){weights, sizeof weights};
}

kwaai_demo_file kwaai_demo_tokenizer(void) {
    return (kwaai_demo_file){tokenizer, sizeof tokenizer};
}

kwaai_demo_file kwaai_demo_generation_config(void) {
    return (kwaai_demo_file){generation_config, sizeof generation_config};
}
