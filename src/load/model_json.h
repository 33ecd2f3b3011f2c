// model.json of a model: what open_model() reads back as the same one.
#pragma once

#include "io/json.h"
#include "load/model_dir.h"

namespace seedstory {

// The files that a folder of our layout has, under the names that model_json() gives them.
inline constexpr const char* kModelFiles[] = {
    "model.json",      "vit.safetensors", "llm.safetensors",   "detokenizer.safetensors",
    "vae.safetensors", "tokenizer.model", "added_tokens.json", "words.txt",
};

Json model_json(const ModelDir& model);

// Of a model that is held in q8 or q4: in what, and which weights are not.
Json weights_json(const ModelDir& model);

// `cfg` names the guidance: model.json has "cfg", who prints flags has theirs.
Json defaults_json(const Defaults& d, const char* cfg);

}  // namespace seedstory
