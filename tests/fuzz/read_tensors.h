// Every number of every tensor in a weight file, as the loader reads them.
#pragma once

#include <vector>

#include "fuzz.h"
#include "io/weights_file.h"
#include "model/weights.h"

namespace seedstory {

inline void read_tensors(std::string_view bytes) {
  const MemoryFile file(bytes);
  take_or_refuse([&] {
    const auto source = open_weights(file.path());
    for (const std::string& name : source->names()) {
      const StoredTensor& tensor = *source->find(name);
      std::vector<float> values(size_t(tensor.values.numel()));
      take_or_refuse([&] { to_f32(tensor, 0, tensor.values.numel(), values.data()); });
    }
  });
}

}  // namespace seedstory
