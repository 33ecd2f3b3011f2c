#include "story/book.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>

#include "io/file.h"
#include "io/json.h"
#include "seedstory/error.h"
#include "story/page.h"
#include "story/sheet.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kStory = "story.json";
constexpr const char* kPage = "story.html";
constexpr const char* kPngKey = "seedstory";

std::string frame_file(int64_t index) {
  return fmt::format("{:03}.png", index);
}

// NNN.png, as this program names frames; nothing else in a folder is ever removed.
bool is_frame_file(const std::string& name) {
  return name.size() >= 7 && name.substr(name.size() - 4) == ".png" &&
         std::all_of(name.begin(), name.end() - 4, [](char c) { return c >= '0' && c <= '9'; });
}

// The double that prints as the float does: 0.95, not 0.949999988.
double shortest(float value) {
  return std::stod(fmt::format("{}", value));
}

Json object(const StoryRecord::Names& names) {
  Json json = Json::object();
  for (const auto& [name, value] : names) json[name] = value;
  return json;
}

Json sampling_json(const SamplingParams& s) {
  return {{"temp", shortest(s.temperature)},
          {"top_k", s.top_k},
          {"top_p", shortest(s.top_p)},
          {"min_p", shortest(s.min_p)},
          {"repeat_penalty", shortest(s.repeat_penalty)}};
}

Json request_json(const StoryRecord& record) {
  const StoryRequest& r = record.request;
  Json json = Json::object();
  if (record.command == "generate")
    json["prompt"] = r.prompt;
  else
    json["captions"] = r.captions;
  json["image"] = record.start_print.empty() ? Json(nullptr) : Json(record.start_print);
  json["frames"] = r.frames;
  json["seed"] = r.seed;
  json["seed_per_frame"] = r.seed_per_frame;
  json["rng"] = noise_name(r.rng);
  json["steps"] = r.steps;
  json["cfg_scale"] = r.cfg;
  json["width"] = r.width;
  json["height"] = r.height;
  json["policy"] = policy_name(r.policy);
  json["window"] = r.window;
  json["max_tokens"] = r.max_tokens;
  json["sampling"] = sampling_json(r.sampling);
  json["type"] = record.type;
  json["backend"] = record.backend;
  return json;
}

Json head_json(const StoryRecord& record) {
  return {
      {"seedstory", record.version},
      {"command", record.command},
      {"model", {{"name", record.model}, {"weights", object(record.weights)}, {"flags", object(record.model_flags)}}},
      {"request", request_json(record)}};
}

Json frame_json(const StoredFrame& frame) {
  return {{"index", frame.index}, {"file", frame.file}, {"text", frame.text}, {"seed", frame.seed}};
}

// The line that AUTOMATIC1111's web UI writes, and many viewers show.
std::string a1111_parameters(const StoryRecord& record, const StoredFrame& frame) {
  const StoryRequest& r = record.request;
  std::string model_hash;
  for (const auto& [part, print] : record.weights)
    if (part == "unet") model_hash = print;
  return fmt::format(
      "{}\nSteps: {}, Sampler: Euler, CFG scale: {}, Seed: {}, Size: {}x{}, Model hash: {}, Model: {}, Version: "
      "seedstory {}",
      frame.text, r.steps, r.cfg, frame.seed, r.width, r.height, model_hash, record.model, record.version);
}

// What differs between the story asked for and the one in the folder, for a person; empty: nothing.
std::string difference(const StoryRecord& record, const nlohmann::json& stored) {
  using Json = nlohmann::json;  // the order of fields says nothing
  const Json asked = Json::parse(head_json(record).dump());
  if (asked["seedstory"] != stored.value("seedstory", Json())) return "program version";
  if (asked["command"] != stored.value("command", Json())) return "command";
  const Json model = stored.value("model", Json::object());
  if (asked["model"]["name"] != model.value("name", Json())) return "model";
  if (asked["model"]["weights"] != model.value("weights", Json())) return "model's weights";
  const Json request = stored.value("request", Json::object());
  for (const auto& [key, value] : asked["request"].items())
    if (value != request.value(key, Json("absent"))) return key;
  return "";
}

// The story.json of a folder; nothing if there is none or it is not one of ours.
std::optional<nlohmann::json> stored_story(const fs::path& dir) {
  std::error_code none;
  if (!fs::is_regular_file(dir / kStory, none)) return std::nullopt;
  nlohmann::json json;
  try {
    json = parse_json(read_text_file(dir / kStory), kStory, 8);
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!json.is_object() || !json.contains("seedstory") || !json.contains("frames")) return std::nullopt;
  return json;
}

StoredFrame stored_frame(const nlohmann::json& json) {
  return {.index = json.at("index"), .file = json.at("file"), .text = json.at("text"), .seed = json.at("seed")};
}

void remove_story(const fs::path& dir) {
  std::error_code ignored;  // what stays is overwritten, or write_json says why not
  for (const char* name : {kStory, kPage, "sheet.png"}) fs::remove(dir / name, ignored);
  for (const auto& entry : fs::directory_iterator(dir, ignored))
    if (is_frame_file(entry.path().filename().string())) fs::remove(entry.path(), ignored);
}

}  // namespace

void Fingerprint::add(const void* data, size_t bytes) {
  const auto* byte = static_cast<const uint8_t*>(data);
  for (size_t i = 0; i < bytes; ++i) hash_ = (hash_ ^ byte[i]) * 0x100000001b3;
}

std::string Fingerprint::hex() const {
  return fmt::format("{:016x}", hash_);
}

Book::Book(fs::path dir, StoryRecord record) : dir_(std::move(dir)), record_(std::move(record)) {}

std::optional<std::vector<StoredFrame>> Book::finished() const {
  if (dir_.empty()) return std::nullopt;
  try {
    const auto stored = stored_story(dir_);
    if (!stored || !stored->value("complete", false) || !difference(record_, *stored).empty()) return std::nullopt;
    std::vector<StoredFrame> frames;
    for (const nlohmann::json& json : stored->at("frames")) frames.push_back(stored_frame(json));
    for (const StoredFrame& frame : frames)
      if (!is_frame_file(frame.file) || !fs::exists(dir_ / frame.file)) return std::nullopt;
    return fs::exists(dir_ / kPage) ? std::optional(frames) : std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;  // a story.json that somebody edited: the story is told again
  }
}

void Book::begin(bool force) {
  if (dir_.empty()) return;
  std::error_code error;
  fs::create_directories(dir_, error);
  if (error) fail_input(fmt::format("{}: cannot be made: {}", dir_.string(), error.message()));
  if (!fs::is_directory(dir_)) fail_input(fmt::format("{}: is not a folder", dir_.string()));

  if (!force) {
    std::string why;
    try {
      if (const auto stored = stored_story(dir_))
        why = difference(record_, *stored);
      else if (fs::exists(dir_ / kStory) || fs::exists(dir_ / frame_file(0)))
        why = "files";
    } catch (const Json::exception&) {
      why = "story.json";
    }
    if (!why.empty())
      fail_input(fmt::format("{}: holds another story (its {} differs); --force replaces it, -o DIR goes elsewhere",
                             dir_.string(), why));
  } else {
    remove_story(dir_);
  }
  write_json(false);
}

StoredFrame Book::describe(const Frame& frame) const {
  const StoryRequest& r = record_.request;
  return {.index = frame.index,
          .file = frame_file(frame.index),
          .text = frame.text,
          .seed = r.seed + (r.seed_per_frame ? uint64_t(frame.index) : 0)};
}

// What stands in a frame's file: all that its pixels follow from.
std::string Book::frame_text(const StoredFrame& frame, bool is_start) const {
  Json json = head_json(record_);
  json["frame"] = frame_json(frame);
  if (is_start) json["frame"]["start"] = true;  // nothing here was drawn with these parameters
  return json.dump(-1, ' ', true);
}

StoredFrame Book::add(const Frame& frame, const Image& picture, bool is_start) {
  const StoredFrame stored = describe(frame);
  PngText text;
  if (!is_start) text.emplace_back("parameters", a1111_parameters(record_, stored));
  text.emplace_back(kPngKey, frame_text(stored, is_start));
  last_png_ = encode_png(picture, text);
  if (!dir_.empty()) write_file_atomically(dir_ / stored.file, last_png_);
  frames_.push_back(stored);
  write_json(false);
  return stored;
}

std::optional<StoredFrame> Book::keep(const Frame& frame) {
  if (dir_.empty()) return std::nullopt;
  const StoredFrame stored = describe(frame);
  try {
    if (read_frame_json(dir_ / stored.file) != frame_text(stored, false)) return std::nullopt;
    read_image(dir_ / stored.file);
  } catch (const Error&) {
    return std::nullopt;
  }
  frames_.push_back(stored);
  write_json(false);
  return stored;
}

void Book::finish(bool complete) {
  if (dir_.empty()) return;
  const StoryRequest& r = record_.request;
  const std::string title = story_title(record_.command == "generate" ? r.prompt : r.captions.at(0));
  const std::string colophon =
      fmt::format("Told and painted by {} with seedstory {}, seed {}.", record_.model, record_.version, r.seed);
  std::vector<Page> pages;
  for (const StoredFrame& frame : frames_) pages.push_back({.text = frame.text, .png = png(frame)});
  write_file_atomically(dir_ / kPage, story_page(title, colophon, pages));
  write_json(complete);
}

std::string Book::png(const StoredFrame& frame) const {
  if (dir_.empty()) return last_png_;
  const MappedFile file(dir_ / frame.file);
  return {file.bytes().begin(), file.bytes().end()};
}

void Book::write_sheet(const fs::path& file, const std::vector<StoredFrame>& frames) const {
  std::vector<SheetFrame> sheet;
  sheet.reserve(frames.size());
  for (const StoredFrame& frame : frames)
    sheet.push_back({.text = frame.text, .picture = read_image(dir_ / frame.file)});
  write_file_atomically(file, encode_png(contact_sheet(sheet)));
}

void Book::write_json(bool complete) const {
  if (dir_.empty()) return;
  Json json = head_json(record_);
  json["complete"] = complete;
  json["frames"] = Json::array();
  for (const StoredFrame& frame : frames_) json["frames"].push_back(frame_json(frame));
  write_file_atomically(dir_ / kStory, json.dump(1) + "\n");
}

std::optional<std::string> read_frame_json(const fs::path& png) {
  for (const auto& [key, text] : read_png_text(png))
    if (key == kPngKey) return text;
  return std::nullopt;
}

std::string read_story_json(const fs::path& file_or_dir) {
  return read_text_file(fs::is_directory(file_or_dir) ? file_or_dir / kStory : file_or_dir);
}

std::string policy_name(Policy policy) {
  switch (policy) {
    case Policy::window:
      return "window";
    case Policy::dense:
      return "dense";
    case Policy::sink:
      return "sink";
    case Policy::mm_sink:
      return "mm_sink";
    case Policy::compat_vis:
      return "compat_vis";
  }
  fail("policy_name: no such policy");
}

std::string noise_name(NoiseSource source) {
  return source == NoiseSource::torch_cuda ? "torch-cuda" : "torch-cpu";
}

}  // namespace seedstory
