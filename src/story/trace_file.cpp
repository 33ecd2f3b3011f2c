// Writes a Trace.
#include "story/trace_file.h"

#include "io/json.h"
#include "io/weights_file.h"

namespace seedstory {
namespace {

constexpr const char* kMark = "seedstory";

}  // namespace

TraceFile::TraceFile(const std::filesystem::path& file)
    : tensors_(file),
      calls_(file.string() + ".json"),
      tensors_before_(file_state(tensors_)),
      calls_before_(file_state(calls_)) {}

void TraceFile::write(const Trace& trace, const std::string& mark) const {
  SafetensorsWriter tensors;
  for (const Trace::Entry& e : trace.entries()) tensors.add(e.name, e.view());
  tensors.write(tensors_, tensors_before_, {{kMark, mark}});
  Json calls = Json::array();
  for (const Trace::Call& call : trace.calls())
    calls.push_back({{"context", call.context}, {"generated", call.generated}});
  write_file_atomically(calls_, Json{{"calls", calls}, {kMark, mark}}.dump() + "\n", calls_before_);
}

std::optional<std::string> trace_mark(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  if (is_weights(mapped.bytes())) return safetensors_metadata(mapped, kMark);
  const std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()), mapped.bytes().size());
  return or_nothing([&] { return std::optional(parse_json(text, "", 8).at(kMark).get<std::string>()); });
}

}  // namespace seedstory
