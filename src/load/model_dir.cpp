// Finds each part's tensors, in our layout or the published one, and says which file lacks what.
#include "load/model_dir.h"

#include <algorithm>
#include <sstream>

#include "io/file.h"
#include "io/weights_file.h"
#include "load/config_json.h"
#include "load/json_fields.h"
#include "load/model_steps.h"
#include "model/infer_config.h"
#include "model/lora.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;
using Source = std::shared_ptr<const TensorSource>;
using RunPart = std::function<void(const char* part, const OpenPart& open)>;

bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// Also of what no weight can be: the loader names it then.
std::vector<std::string> all_names(const TensorSource& source) {
  std::vector<std::string> names = source.names();
  for (const auto& [name, tensor] : source.unread()) names.push_back(name);
  return names;
}

bool has_prefix(const TensorSource& source, std::string_view prefix) {
  const auto names = all_names(source);
  return std::any_of(names.begin(), names.end(), [&](const auto& name) { return starts_with(name, prefix); });
}

// The file that the user names, else the first of `usual` in the model's directory that exists.
fs::path pick(const fs::path& given, const fs::path& dir, const std::vector<std::string>& usual, const char* flag) {
  if (!given.empty()) return given;
  for (const std::string& name : usual)
    if (fs::exists(dir / name)) return dir / name;
  fail_input(fmt::format("{}: no {}; expected {} (or name the file with {})", dir.string(), flag + 2,
                         fmt::join(usual, " or "), flag));
}

// No tensor of the file is called so; maybe one is but for what a wrapper put in front.
[[noreturn]] void fail_without(const TensorSource& file, const std::string& prefix) {
  const auto names = all_names(file), readable = file.names();
  const UnreadTensors unread = file.unread();
  const std::string path = !readable.empty() ? file.find(readable[0])->file
                           : !unread.empty() ? unread.begin()->second.file
                                             : "";
  const auto wrapped = std::find_if(names.begin(), names.end(),
                                    [&](const auto& name) { return name.find("." + prefix) != std::string::npos; });
  fail_input(fmt::format("{}no tensor {}*{}", path.empty() ? "" : path + ": ", prefix,
                         wrapped == names.end() ? "" : fmt::format("; did you mean '{}'?", *wrapped)));
}

// The LLM file holds three networks; what belongs to none of them is left to the LLM's loader to complain of.
void split_llm(const Source& file, ModelDir& model) {
  for (const std::string prefix : {"input_resampler.", "output_resampler."})
    if (!has_prefix(*file, prefix)) fail_without(*file, prefix);
  const bool peft = has_prefix(*file, "llm.");
  model.input_resampler = strip_prefix(file, "input_resampler.");
  model.output_resampler = strip_prefix(file, "output_resampler.");
  Source llm = renamed(file, [peft](const std::string& name) -> std::string {
    if (starts_with(name, "input_resampler.") || starts_with(name, "output_resampler.")) return "";
    constexpr std::string_view kPeft = "llm.base_model.model.";
    return peft && starts_with(name, kPeft) ? name.substr(kPeft.size()) : name;
  });
  model.llm = plain_peft_names(llm);
}

// resampler.* is the adapter; unet.* goes over the base UNet, or is the whole of it.
void split_detokenizer(const Source& file, const Source& base_unet, const fs::path& path, ModelDir& model) {
  for (const std::string& name : file->names())
    if (!starts_with(name, "resampler.") && !starts_with(name, "unet."))
      fail_input(fmt::format("{}: unexpected tensor {}; expected resampler.* and unet.*", path.string(), name));
  model.adapter = strip_prefix(file, "resampler.");
  Source unet = strip_prefix(file, "unet.");
  model.unet = base_unet ? Source(overlay(unet, base_unet)) : unet;
}

Source open_vit(const fs::path& path) {
  Source file = open_sharded(path);
  // Qwen-VL-Chat holds the ViT inside the whole model.
  constexpr const char* kInside = "transformer.visual.";
  return has_prefix(*file, kInside) ? Source(strip_prefix(file, kInside)) : file;
}

std::vector<std::string> read_words(const fs::path& file) {
  std::istringstream lines(read_text_file(file));
  std::vector<std::string> words;
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) words.push_back(line);
  std::sort(words.begin(), words.end());
  return words;
}

// A file beside model.json; a name that leaves the directory is refused.
fs::path inside(const fs::path& dir, const JsonFields& fields, const std::string& key) {
  const fs::path name = fields.need<std::string>(key);
  const fs::path clean = name.lexically_normal();
  if (name.is_absolute() || clean.empty() || *clean.begin() == "..")
    fields.wrong(key, fmt::format("\"{}\" came, expected a file in the model's directory", name.string()));
  return dir / clean;
}

// How convert left the weights, and the rules that it went by.
void read_weights(const JsonFields& json, ModelDir& model) {
  if (!json.has("type")) return;
  WeightFormat type{};
  json.get("type", type, kWeightFormats);
  if (row_of(type).block == 0) json.wrong("type", fmt::format("\"{}\" came, expected q8 or q4", name_of(type)));
  model.weights = type;
  std::vector<std::string> rules;
  json.get("keep", rules);
  for (const std::string& text : rules) {
    const auto rule = keep_rule(text);
    if (!rule) json.wrong("keep", fmt::format("\"{}\" came, expected {}", text, kKeepRules));
    model.keep.push_back(*rule);
  }
}

void read_our_config(const JsonFields& json, ModelDir& model) {
  ModelConfig& c = model.config;
  json.get("name", c.name);
  json.get("licence", model.licence);
  json.get("training_data", model.training_data);
  read_vit_config(json.object("vit"), c.vit);
  read_llama_config(json.object("llm"), c.llm);
  read_resampler_config(json.object("input_resampler"), c.input_resampler);
  read_resampler_config(json.object("output_resampler"), c.output_resampler);
  read_adapter_config(json.object("adapter"), c.adapter);
  read_unet_config(json.object("unet"), c.unet);
  read_vae_config(json.object("vae"), c.vae);
  read_scheduler_config(json.object("scheduler"), c.scheduler);
  read_defaults(json.object("defaults"), c.defaults);
  read_weights(json.object("weights"), model);
  json.get("call_ends", c.call_ends, kCallEnds);
  json.get("call_prefix", c.call_prefix);
  std::vector<int64_t> spans = {4, 8, 8, 4};
  json.get("spans", spans, 4);
  c.spans = {spans[0], spans[1], spans[2], spans[3]};
}

ModelDir open_ours(const ModelPaths& paths, const RunPart& run) {
  const fs::path& dir = paths.dir;
  const JsonFields json = JsonFields::read(dir / "model.json");
  if (json.need<std::string>("format") != "seedstory") json.wrong("format", "expected \"seedstory\"");
  if (const auto version = json.need<int64_t>("version"); version != 1)
    json.wrong("version", fmt::format("{} came, this program reads version 1", version));

  ModelDir model;
  run("settings", [&](fs::path& file) {
    file = dir / "model.json";
    read_our_config(json, model);
    check_config(model.config, file.string());
  });
  run("tokenizer", [&](fs::path& file) {
    const JsonFields tokenizer = json.object("tokenizer");
    file = model.tokenizer_model = paths.tokenizer.empty() ? inside(dir, tokenizer, "model") : paths.tokenizer;
    model.added_tokens = inside(dir, tokenizer, "added_tokens");
    tokenizer.get("legacy", model.legacy);
    if (json.has("words")) model.words = read_words(inside(dir, json, "words"));
  });

  const JsonFields files = json.object("files");
  const auto part = [&](const fs::path& given, const char* key) {
    return given.empty() ? inside(dir, files, key) : given;
  };
  run("vit", [&](fs::path& file) { model.vit = open_vit(file = part(paths.vit, "vit")); });
  run("llm", [&](fs::path& file) { split_llm(open_sharded(file = part(paths.llm, "llm")), model); });
  run("detokenizer", [&](fs::path& file) {
    file = part(paths.detokenizer, "detokenizer");
    split_detokenizer(open_sharded(file), nullptr, file, model);
  });
  if (!paths.unet.empty()) run("unet", [&](fs::path& file) { model.unet = open_sharded(file = paths.unet); });
  run("vae", [&](fs::path& file) { model.vae = open_sharded(file = part(paths.vae, "vae")); });
  return model;
}

// Sizes have come from the tensors; heads, eps and the like from config files; seedstory.json has the last word.
void read_published_config(const fs::path& dir, ModelDir& model) {
  ModelConfig& c = model.config;
  if (const fs::path file = dir / "Llama-2-7b-hf/config.json"; fs::exists(file)) {
    const JsonFields llama = JsonFields::read(file);
    llama.get("num_attention_heads", c.llm.heads);
    llama.get("rms_norm_eps", c.llm.rms_norm_eps);
    llama.get("max_position_embeddings", c.llm.max_positions);
  }
  const fs::path sdxl = dir / "stable-diffusion-xl-base-1.0";
  if (fs::exists(sdxl / "unet/config.json")) read_unet_config(JsonFields::read(sdxl / "unet/config.json"), c.unet);
  if (fs::exists(sdxl / "vae/config.json")) read_vae_config(JsonFields::read(sdxl / "vae/config.json"), c.vae);
  if (const fs::path file = sdxl / "scheduler/scheduler_config.json"; fs::exists(file))
    read_scheduler_config(JsonFields::read(file), c.scheduler);

  if (const fs::path file = dir / "seedstory.json"; fs::exists(file)) {
    const JsonFields json = JsonFields::read(file);
    json.get("image_size", c.vit.image_size, 1, 4096);
    read_vit_config(json.object("vit"), c.vit);
    read_llama_config(json.object("llm"), c.llm);
    json.object("llm").get("lora_alpha", model.lora_alpha);
    read_resampler_config(json.object("input_resampler"), c.input_resampler);
    read_resampler_config(json.object("output_resampler"), c.output_resampler);
    read_adapter_config(json.object("adapter"), c.adapter);
    read_defaults(json.object("defaults"), c.defaults);
    json.get("height", c.defaults.height, 1, 16384);
    json.get("width", c.defaults.width, 1, 16384);
  }
}

ModelDir open_published(const ModelPaths& paths, const RunPart& run) {
  const fs::path& dir = paths.dir;
  ModelDir model;
  model.published = true;
  ModelConfig& c = model.config;
  const auto diffusers = [](const char* part) {
    std::vector<std::string> files = diffusers_files(part);
    for (std::string& file : files) file.insert(0, "stable-diffusion-xl-base-1.0/");
    return files;
  };
  run("llm", [&](fs::path& file) {
    file = pick(paths.llm, dir, {"seed_story/george_sft/pytorch_model.bin"}, "--llm");
    split_llm(open_sharded(file), model);
    read_llama_sizes(*model.llm, c.llm);
    read_resampler_sizes(*model.input_resampler, c.input_resampler);
    read_resampler_sizes(*model.output_resampler, c.output_resampler);
  });
  run("vit", [&](fs::path& file) {
    // pretrained/ is where the file lies in the published Space.
    file = pick(paths.vit, dir,
                {"visual_tokenizer/qwen_vit_G.safetensors", "visual_tokenizer/qwen_vit_G.pt",
                 "visual_tokenizer/qwen_vit_G.bin", "QwenViT/qwen_vit_G.pt", "pretrained/qwen_vit_G.pt",
                 "Qwen-VL-Chat/pytorch_model.bin.index.json", "Qwen-VL-Chat/model.safetensors.index.json"},
                "--vit");
    model.vit = open_vit(file);
    read_vit_sizes(*model.vit, c.vit);
  });
  Source base_unet;
  run("unet", [&](fs::path& file) {
    file = pick(paths.unet, dir, diffusers("unet"), "--unet");
    model.unet = base_unet = open_sharded(file);
  });
  run("detokenizer", [&](fs::path& file) {
    file = pick(paths.detokenizer, dir,
                {"detokenizer/detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin",
                 "detokenizer_george_adapted/checkpoint-4000/pytorch_model.bin"},
                "--detokenizer");
    split_detokenizer(open_sharded(file), base_unet, file, model);
    read_adapter_sizes(*model.adapter, c.adapter);
  });
  run("vae", [&](fs::path& file) {
    file = pick(paths.vae, dir, diffusers("vae"), "--vae");
    model.vae = open_sharded(file);
  });
  run("tokenizer", [&](fs::path& file) {
    file = pick(paths.tokenizer, dir, {"cvlm_llama2_tokenizer/tokenizer.model"}, "--tokenizer");
    model.tokenizer_model = file;
    model.added_tokens = file.parent_path() / "added_tokens.json";
    if (const fs::path flags = file.parent_path() / "tokenizer_config.json"; fs::exists(flags))
      JsonFields::read(flags).get("legacy", model.legacy);
  });
  run("settings", [&](fs::path& file) {
    file = dir;
    read_published_config(dir, model);
    // Of a part that could not be opened the sizes are not known.
    if (model.vit && model.llm && model.adapter) check_config(c, dir.string());
  });
  return model;
}

}  // namespace

std::vector<std::string> diffusers_files(const std::string& part) {
  std::vector<std::string> files;
  for (const char* type : {"safetensors", "bin"})
    for (const char* form : {".{}", ".{}.index.json", ".fp16.{}"})
      files.push_back(part + "/diffusion_pytorch_model" + fmt::format(fmt::runtime(form), type));
  return files;
}

ModelDir open_model(const ModelPaths& paths, const RunPart& run) {
  if (!fs::is_directory(paths.dir) && !paths.may_be_absent)
    fail_input(fmt::format("{}: no such model directory", paths.dir.string()));
  return fs::exists(paths.dir / "model.json") ? open_ours(paths, run) : open_published(paths, run);
}

ModelDir open_model(const ModelPaths& paths) {
  return open_model(paths, [](const char*, const OpenPart& open) {
    fs::path file;
    open(file);
  });
}

}  // namespace seedstory
