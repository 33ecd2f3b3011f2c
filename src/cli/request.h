// From flags to what the story room is asked; every number checked, every message names the flag and its range.
#pragma once

#include <memory>
#include <string>

#include "cli/choice.h"
#include "cli/flags.h"
#include "load/model_dir.h"
#include "model/model_config.h"
#include "output/story_folder.h"
#include "seedstory/weight.h"
#include "story/stage_types.h"

namespace seedstory {

constexpr int64_t kMostFrames = 10000, kMostPixels = 8192;  // of a side

struct Device {
  DeviceKind kind = DeviceKind::cpu;  // not automatic
  int index = 0;
};
Device parse_device(const std::string& name);                        // one of kDevices, or cuda:N
std::vector<Kernels> parse_kernels_list(const std::string& names);   // "ours,library"
std::vector<std::string> parse_type_list(const std::string& names);  // of parse_type(), "f32,q8"
void need_card_for(Kernels kernels, const Device& device);           // ErrorKind::usage: a library's are a card's
void need_cpu_for(Products products, const Device& device);          // ErrorKind::usage: a card has no choice
std::unique_ptr<Backend> make_backend(const Device& device, const MachineFlags& flags, const Backends& backends);
WeightFormat parse_type(const std::string& name, WeightFormat of_auto);  // auto, or one of kWeightFormats
// What --type comes to; of auto the reason is said, else it is empty.
struct ChosenType {
  WeightFormat format;
  std::string why;
};
// ErrorKind::usage: the model is held in another one already.
ChosenType choose_type(const MachineFlags& flags, const Device& device, const Backends& backends,
                       const ModelDir& model);
// The formats of a list, "f32,q8".
std::vector<WeightFormat> weight_formats(const MachineFlags& flags, const Device& device, const Backends& backends,
                                         const ModelDir& model);
// ErrorKind::usage for a cache that a card's kernels have not.
StageTypes stage_types(const Device& device, WeightFormat weights, const MachineFlags& flags);

// `request` holds the texts; flags win over the model's defaults. Draws the seed for --seed -1.
StoryRequest make_request(const StoryFlags& flags, const ModelConfig& config, StoryRequest request);

// For a person, or empty: --frames asks for more pictures than there are captions; a size that the model was not made
// for.
std::string fewer_frames(const StoryFlags& flags, const StoryRequest& request);
std::string other_size(const ModelConfig& config, const StoryRequest& request);

// "--model" or "--hf-repo" and the part overrides as they were given.
StoryRecord::Names given_model_flags(const ModelFlags& flags);

// One line of --json.
std::string frame_line(const StoredFrame& frame, const std::filesystem::path& dir);

}  // namespace seedstory
