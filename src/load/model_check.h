// What of a model is there, part by part, without loading it: for those who have half of one.
#pragma once

#include <string>
#include <vector>

#include "load/model_dir.h"

namespace seedstory {

struct ModelPart {
  std::string name;            // as open_model() calls its steps; "model" where there is no telling the parts
  std::filesystem::path file;  // empty: not found
  std::string problem;         // what is wrong with the file, or where it was looked for; empty: nothing
};

struct ModelCheck {
  ModelDir model;  // parts with problems may be null
  std::vector<ModelPart> parts;

  bool complete() const;
};

// Opens every part that can be opened and holds all names and shapes against what the networks want. Reads headers, no
// weights.
ModelCheck check_model(const ModelPaths& paths);

}  // namespace seedstory
