// The demo model's files as bytes of the program: a Hugging Face directory without a directory.
//
// Every pointer is valid for the life of the process and read-only. The weights start at a multiple of 64 bytes, so that
// they can be read in place as a mapped file would be. How the model came to be: Tools/demo-model/README.md.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// A file: where its bytes start and how many there are.
typedef struct {
    const uint8_t *_Nonnull start;
    size_t count;
} kwaai_demo_file;

/// config.json: the shape of the model.
kwaai_demo_file kwaai_demo_config(void);

/// model.safetensors: the weights, f16.
kwaai_demo_file kwaai_demo_weights(void);

/// tokenizer.json: byte-level BPE of 1,024 entries.
kwaai_demo_file kwaai_demo_tokenizer(void);

/// generation_config.json: how the model likes to be sampled, and the token that ends a story.
kwaai_demo_file kwaai_demo_generation_config(void);
