// Writes a Trace.
#include "story/trace_file.h"

#include <nlohmann/json.hpp>

#include "io/weights_file.h"

namespace seedstory {

TraceFile::TraceFile(const std::filesystem::path& file)
    : tensors_(file),
      calls_(file.string() + ".json"),
      tensors_before_(file_state(tensors_)),
      calls_before_(file_state(calls_)) {}

void TraceFile::write(const Trace& trace) const {
  SafetensorsWriter tensors;
  for (const Trace::Entry& e : trace.entries()) tensors.add(e.name, e.view());
  tensors.write(tensors_, tensors_before_);
  nlohmann::json calls = nlohmann::json::array();
  for (const Trace::Call& call : trace.calls())
    calls.push_back({{"context", call.context}, {"generated", call.generated}});
  write_file_atomically(calls_, nlohmann::json{{"calls", calls}}.dump() + "\n", calls_before_);
}

}  // namespace seedstory
