#include "cli/request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <random>
#include <vector>

#include "cli/choice.h"
#include "cli/number.h"
#include "cli/paths.h"
#include "diffusion/schedule.h"
#include "io/file.h"
#include "load/default_request.h"
#include "model/quantize.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

void check_range(const char* flag, int64_t value, int64_t least, int64_t most) {
  if (value < least || value > most) fail_usage(fmt::format("{} {}: expected {} to {}", flag, value, least, most));
}

template <class T>
void take(const char* flag, const std::optional<T>& given, auto& value) {
  if (!given) return;
  value = std::remove_reference_t<decltype(value)>(*given);
  // 1e-60 is over 0, and 0 in f32, which often means: off.
  if (*given != 0 && value == 0) fail_usage(fmt::format("{} {}: expected 0, or 1e-37 and more", flag, *given));
}

void take_size(const char* flag, const std::optional<int64_t>& given, const ModelConfig& config, int64_t& value) {
  // The VAE and the UNet each halve a picture between their levels.
  const int64_t factor = int64_t(1) << (config.vae.channels.size() + config.unet.channels.size() - 2);
  if (!given) return;
  check_range(flag, *given, factor, kMostPixels);
  if (*given % factor != 0)
    fail_usage(fmt::format("{} {}: expected a multiple of {}, {} to {}", flag, *given, factor, factor, kMostPixels));
  value = *given;
}

// 32 bits: a number that a person can type again.
uint64_t draw_seed() {
  return std::random_device()() & 0xffffffff;
}

void take_sampling(const StoryFlags& f, SamplingParams& s) {
  take("--temp", f.temperature, s.temperature);
  take("--repeat-penalty", f.repeat_penalty, s.repeat_penalty);
  SamplingParams drawn = s;
  take("--top-k", f.top_k, drawn.top_k);
  take("--top-p", f.top_p, drawn.top_p);
  take("--min-p", f.min_p, drawn.min_p);
  if (s.temperature != 0) s = drawn;  // where nothing is drawn they change no story, and none's record
}

}  // namespace

Device parse_device(const std::string& name) {
  const size_t colon = name.find(':');
  const std::string digits = colon == std::string::npos ? "0" : name.substr(colon + 1);
  const bool is_number =
      !digits.empty() && digits.size() <= 3 && digits.find_first_not_of("0123456789") == std::string::npos;
  const auto kind = value_in(kDevices, name.substr(0, colon));
  if (!kind || !is_number || (colon != std::string::npos && kind != DeviceKind::cuda)) {
    std::vector<std::string> names = names_in(kDevices);
    names.emplace_back("cuda:N");
    fail_usage(fmt::format("--device {}: expected {}", name, one_of(names)));
  }
  return {.kind = *kind == DeviceKind::automatic ? DeviceKind::cpu : *kind, .index = std::stoi(digits)};
}

// Each name once.
static std::vector<std::string> parse_list(const char* flag, const std::string& names) {
  std::vector<std::string> list;
  for (size_t begin = 0, end; begin <= names.size(); begin = end + 1) {
    end = std::min(names.find(',', begin), names.size());
    list.push_back(names.substr(begin, end - begin));
    if (std::count(list.begin(), list.end(), list.back()) > 1)
      fail_usage(fmt::format("{} {}: has {} twice, expected it once", flag, names, list.back()));
  }
  return list;
}

std::vector<Kernels> parse_kernels_list(const std::string& names) {
  std::vector<Kernels> list;
  for (const std::string& name : parse_list("--kernels", names))
    list.push_back(parse_choice("--kernels", name, kKernels));
  if (list.size() > 2) fail_usage(fmt::format("--kernels {}: expected two at most", names));
  return list;
}

void need_card_for(Kernels kernels, const Device& device) {
  if (kernels == Kernels::library && device.kind != DeviceKind::cuda)
    fail_usage("--kernels library: is for a card; expected --device cuda beside it");
}

void need_cpu_for(Products products, const Device& device) {
  if (products == Products::f32 && device.kind == DeviceKind::cuda)
    fail_usage("--products f32: is for the CPU; expected --device cpu beside it");
}

std::unique_ptr<Backend> make_backend(const Device& device, const MachineFlags& flags, const Backends& backends) {
  return device.kind == DeviceKind::cuda ? backends.cuda(device.index, flags.cuda_sync, flags.kernels)
                                         : backends.cpu(int(flags.threads), flags.cpu, flags.products);
}

WeightFormat parse_type(const std::string& name, WeightFormat of_auto) {
  if (name == "auto") return of_auto;
  if (const auto format = value_in(kWeightFormats, name)) return *format;
  std::vector<std::string> names = names_in(kWeightFormats);
  names.insert(names.begin(), "auto");
  refuse_choice("--type", name, names);
}

std::vector<std::string> parse_type_list(const std::string& names) {
  std::vector<std::string> list = parse_list("--type", names);
  for (const std::string& name : list) parse_type(name, WeightFormat::f32);
  return list;
}

namespace {

ChosenType type_of_auto(const MachineFlags& flags, const Device& device, const Backends& backends,
                        const ModelDir& model) {
  if (model.weights) return {*model.weights, "the model is held in it"};
  if (device.kind == DeviceKind::cuda) return {WeightFormat::f16, "tensor cores multiply in it, the VAE in bf16"};
  const WeightFormat format = backends.cpu_type(flags.cpu);
  return {format, format == WeightFormat::bf16 ? "the CPU multiplies fastest in it"
                                               : "the CPU multiplies no faster in 16 bits"};
}

}  // namespace

ChosenType choose_type(const MachineFlags& flags, const Device& device, const Backends& backends,
                       const ModelDir& model) {
  const ChosenType of_auto = type_of_auto(flags, device, backends, model);
  const WeightFormat type = parse_type(flags.type, of_auto.format);
  if (model.weights && !may_become(*model.weights, type))
    fail_usage(
        fmt::format("--type {0}: {1} has its weights in {2}, which {0} would round once more; expected auto, "
                    "{2} or f32",
                    flags.type, one_line(model.config.name), name_of(*model.weights)));
  return {type, flags.type == "auto" ? of_auto.why : ""};
}

std::vector<WeightFormat> weight_formats(const MachineFlags& flags, const Device& device, const Backends& backends,
                                         const ModelDir& model) {
  std::vector<WeightFormat> list;
  MachineFlags one = flags;
  for (const std::string& name : parse_type_list(flags.type)) {
    one.type = name;
    list.push_back(choose_type(one, device, backends, model).format);
  }
  return list;
}

StageTypes stage_types(const Device& device, WeightFormat weights, const MachineFlags& flags) {
  StageTypes types = device.kind == DeviceKind::cuda ? StageTypes::of_card(weights) : weights;
  const DType activations = types.language.activations;
  types.cache.k = flags.cache_k.value_or(activations), types.cache.v = flags.cache_v.value_or(activations);
  for (const auto& [flag, type] : {std::pair{'k', types.cache.k}, std::pair{'v', types.cache.v}})
    if (device.kind == DeviceKind::cuda && type != activations)
      fail_usage(fmt::format("--cache-type-{} {}: a card has it as its activations, expected {}", flag, name_of(type),
                             name_of(activations)));
  return types;
}

StoryRequest make_request(const StoryFlags& f, const ModelConfig& config, StoryRequest texts) {
  StoryRequest r = default_request(config);
  r.prompt = std::move(texts.prompt);
  r.captions = std::move(texts.captions);
  const int64_t captions = int64_t(r.captions.size()) - (f.image ? 1 : 0);
  if (!r.captions.empty()) r.frames = captions;
  take("--frames", f.frames, r.frames);
  if (!r.captions.empty()) r.frames = std::min(r.frames, captions);
  if (r.frames > kMostFrames)
    fail_input(fmt::format("{}: {} captions, expected at most {}; --frames {} paints the first ones",
                           user_text_name(f.captions.value_or("--captions")), captions, kMostFrames, kMostFrames));

  r.seed_per_frame = f.seed_per_frame;
  take("--seed", f.seed, r.seed);
  if (f.seed && *f.seed == -1) r.seed = draw_seed();
  if (f.policy) r.policy = *f.policy;
  if (r.policy == Policy::compat_vis && r.captions.empty())
    fail_usage("--policy compat_vis: is for visualize; expected window, dense, sink or mm_sink");
  if (f.rng) r.rng = *f.rng;
  if (r.policy != Policy::dense) take("--window", f.window, r.window);
  // Where the texts are given, only compat_vis lets the model go on behind them.
  if (r.captions.empty() || r.policy == Policy::compat_vis) take("--max-tokens", f.max_tokens, r.max_tokens);
  if (f.steps) check_range("--steps", *f.steps, 1, config.scheduler.train_timesteps);
  take("--steps", f.steps, r.steps);
  if (f.sampling_method) r.sampling_method = *f.sampling_method;
  if (f.scheduler) r.scheduler = *f.scheduler;
  take("--cfg-scale", f.cfg, r.cfg);
  make_schedule(config.scheduler, r.steps, r.sampling_method, r.scheduler);  // or says what does not go together
  take_size("--width", f.width, config, r.width);
  take_size("--height", f.height, config, r.height);
  take_sampling(f, r.sampling);
  return r;
}

std::string fewer_frames(const StoryFlags& f, const StoryRequest& request) {
  if (!f.frames || request.captions.empty() || *f.frames <= request.frames) return "";
  return fmt::format("{}: {}{}: {} made, not {}", user_text_name(f.captions.value_or("--captions")),
                     counted(int64_t(request.captions.size()), "caption"),
                     f.image ? ", the first one of the start picture" : "",
                     request.frames == 1 ? "1 picture is" : fmt::format("{} pictures are", request.frames), *f.frames);
}

std::string other_size(const ModelConfig& config, const StoryRequest& request) {
  const Defaults& d = config.defaults;
  if (request.width == d.width && request.height == d.height) return "";
  return fmt::format("{} paints {}x{} pixels; at {}x{} its pictures may show nothing that belongs together",
                     config.name, d.width, d.height, request.width, request.height);
}

StoryRecord::Names given_model_flags(const ModelFlags& f) {
  StoryRecord::Names names;
  const auto add = [&](const char* flag, const std::optional<std::string>& given) {
    if (given) names.emplace_back(flag, *given);
  };
  if (f.model && !is_shipped_model(*f.model)) add("--model", f.model);
  add("--hf-repo", f.hf_repo);
  add("--vit", f.vit);
  add("--llm", f.llm);
  add("--unet", f.unet);
  add("--vae", f.vae);
  add("--detokenizer", f.detokenizer);
  add("--tokenizer", f.tokenizer);
  return names;
}

std::string frame_line(const StoredFrame& frame, const fs::path& dir) {
  const Json json = {
      {"frame", frame.index}, {"file", (dir / frame.file).string()}, {"text", frame.text}, {"seed", frame.seed}};
  return json_text(json);
}

}  // namespace seedstory
