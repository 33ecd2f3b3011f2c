// How many steps a sampling method needs: pictures of few steps beside those of 50 Euler steps. For
// scripts/compare_methods.
//
//   compare_methods MODEL-DIR [STORIES]
//
// The first frame of up to ten stories, each from one feature and one noise. Prints a table of the median PSNR and, in
// brackets, the least.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "cpu/cpu_backend.h"
#include "load/default_request.h"
#include "manual/psnr.h"
#include "story/story.h"

using namespace seedstory;

namespace {

constexpr const char* kPrompts[] = {"A little fox finds a red lantern in the snow.",
                                    "Mia the rabbit meets a bear at the beach.",
                                    "A happy bear named Tom loses a blue ball in the forest.",
                                    "Lily the cat goes to the castle at night.",
                                    "It rains, and a dog has an umbrella.",
                                    "A mouse wants to bake a cake in the kitchen.",
                                    "Max the panda looks for a friend at the fair.",
                                    "One evening a pig walks up the mountain.",
                                    "A brave frog in a green shirt finds a key by the pond.",
                                    "Ella the tiger has a gift for a cat on the farm."};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "compare_methods MODEL-DIR [STORIES]\n");
    return 2;
  }
  const ModelDir model = open_model({.dir = argv[1]});
  const auto backend = make_cpu_backend();
  Engine engine(*backend, model);
  StoryListener listener;
  StoryRequest request = default_request(model.config);
  request.frames = 1;
  std::vector<Frame> frames;
  const size_t stories = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : std::size(kPrompts);
  for (const char* prompt : kPrompts) {
    if (frames.size() == stories) break;
    request.prompt = prompt;
    if (auto frame = make_storyteller(engine, request, listener).next()) frames.push_back(std::move(*frame));
  }
  const auto paint = [&](int64_t steps, SamplingMethod method, SigmaSchedule scheduler) {
    StoryRequest r = request;
    r.steps = steps, r.sampling_method = method, r.scheduler = scheduler;
    Painter painter = make_painter(engine, r, listener);
    std::vector<Image> pictures;
    for (const Frame& frame : frames) pictures.push_back(painter.paint(frame));
    return pictures;
  };
  const std::vector<Image> want = paint(50, SamplingMethod::euler, SigmaSchedule::discrete);

  constexpr int64_t kSteps[] = {10, 15, 20, 25, 30};
  fmt::print("| method | scheduler |");
  for (const int64_t steps : kSteps) fmt::print(" {} steps |", steps);
  fmt::print("\n| --- | --- | ---: | ---: | ---: | ---: | ---: |\n");
  for (const auto& method : kSamplingMethods)
    for (const auto& scheduler : kSigmaSchedules) {
      if (method.value == SamplingMethod::ddim && scheduler.value == SigmaSchedule::karras) continue;
      fmt::print("| `{}` | `{}` |", method.name, scheduler.name);
      for (const int64_t steps : kSteps) {
        const std::vector<Image> got = paint(steps, method.value, scheduler.value);
        std::vector<double> decibels;
        for (size_t i = 0; i < want.size(); ++i) decibels.push_back(psnr(got[i], want[i]));
        std::sort(decibels.begin(), decibels.end());
        fmt::print(" {:.1f} ({:.1f}) |", decibels[decibels.size() / 2], decibels.front());
        std::fflush(stdout);
      }
      fmt::print("\n");
    }
}
