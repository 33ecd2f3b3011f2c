// What a story will take before anything runs: the real code of every stage over a backend that only counts.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "load/model_dir.h"
#include "request/request.h"
#include "seedstory/backend.h"
#include "story/stage.h"
#include "story/stage_types.h"

namespace seedstory {

// Every tensor through memory once, every multiply-add done once: how long at the rates of a machine.
struct Rates {
  double flops = 0;  // a second
  double bytes = 0;  // a second
};

struct StagePlan {
  std::vector<std::pair<std::string, int64_t>> parts;  // "vit", "llm", ..., and the bytes of their weights
  int64_t weight_bytes = 0;
  int64_t work_bytes = 0;     // activations, and for the LLM its cache
  int64_t scratch_bytes = 0;  // of the backend's own, beside its ops' tensors; kept from stage to stage
  double seconds = 0;         // vision: of the start picture; the others: of one frame

  int64_t bytes() const { return weight_bytes + work_bytes + scratch_bytes; }
};

struct Plan {
  std::array<StagePlan, 3> stages;  // by Stage

  const StagePlan& operator[](Stage stage) const { return stages[size_t(stage)]; }
  int64_t bytes_at_once() const;    // every part in memory
  int64_t bytes_in_stages() const;  // one stage's parts at a time
  double seconds(const StoryRequest& request) const;
};

// ErrorKind::input where tensors are missing, misshapen or unexpected; reads no weight. With rates of 0 the plan has no
// seconds and costs a few milliseconds.
//
// A frame of the LLM is taken to be as long as the published captions are: 48 tokens beside its picture. What depends
// on the backend is `machine`'s, or where that is null as a backend has it that takes everything as it is.
Plan make_plan(const ModelDir& model, const StoryRequest& request, const StageTypes& types,
               const Backend* machine = nullptr, Rates rates = {});

// Whether a plan fits: with every part in memory, only in stages, or not at all.
enum class Fit { at_once, in_stages, none };
Fit fit_into(const Plan& plan, int64_t free_bytes);

// What does not fit, and the line that helps.
std::string too_large(const Plan& plan, int64_t free_bytes, WeightFormat weight_format);

constexpr double gib(int64_t bytes) {
  return double(bytes) / double(1 << 30);
}

// The rates of a backend at two products: one bound by arithmetic, one by memory, each as large as the backend is fast.
// Takes some tenths of a second.
Rates measure_rates(Backend& backend, NumberTypes types);

}  // namespace seedstory
