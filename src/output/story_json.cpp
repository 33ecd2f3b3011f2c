// A story is compared as it was asked for and as the model reads it, not as its bytes stand in the file.
#include "output/story_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <system_error>

#include "output/output_paths.h"
#include "seedstory/error.h"
#include "text/normal_text.h"

namespace seedstory {
namespace {

// The double that prints as the float does: 0.95, not 0.949999988.
double shortest(float value) {
  return std::stod(fmt::format("{}", value));
}

Json object(const StoryRecord::Names& names) {
  Json json = Json::object();
  for (const auto& [name, value] : names) json[name] = value;
  return json;
}

// Stories from before there was a choice have no word of it.
void add_what_was_no_choice(Json& story) {
  if (!story.is_object() || !story.contains("request") || !story["request"].is_object()) return;
  for (const auto& [key, value] : {std::pair{"sampling_method", "euler"}, std::pair{"scheduler", "discrete"}})
    if (!story["request"].contains(key)) story["request"][key] = value;
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
  json["image"] = record.start_fingerprint.empty() ? Json(nullptr) : Json(record.start_fingerprint);
  json["frames"] = r.frames;
  json["seed"] = r.seed;
  json["seed_per_frame"] = r.seed_per_frame;
  json["rng"] = name_of(kNoiseSources, r.rng);
  json["steps"] = r.steps;
  json["sampling_method"] = name_of(kSamplingMethods, r.sampling_method);
  json["scheduler"] = name_of(kSigmaSchedules, r.scheduler);
  json["cfg_scale"] = r.cfg;
  json["width"] = r.width;
  json["height"] = r.height;
  json["policy"] = name_of(kPolicies, r.policy);
  json["window"] = r.window;
  json["max_tokens"] = r.max_tokens;
  json["sampling"] = sampling_json(r.sampling);
  json["type"] = record.type;
  json["backend"] = record.backend;
  if (!record.products.empty()) json["products"] = record.products;
  if (!record.cache_k.empty()) json["cache_type_k"] = record.cache_k;
  if (!record.cache_v.empty()) json["cache_type_v"] = record.cache_v;
  if (!record.kernels.empty()) json["kernels"] = record.kernels;
  return json;
}

Json digest_json(const FileDigest& digest) {
  return {{"bytes", digest.bytes}, {"crc32", fmt::format("{:08x}", digest.crc32)}};
}

// Nothing: there is none, as in stories of before there were any.
std::optional<FileDigest> stored_digest(const Json& json) {
  if (!json.contains("crc32")) return std::nullopt;
  const auto text = json.at("crc32").get<std::string>();
  FileDigest digest{.bytes = json.at("bytes").get<uint64_t>(), .crc32 = 0};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), digest.crc32, 16);
  if (error != std::errc() || end != text.data() + text.size())
    fail_input(fmt::format("{}: crc32 is none", kStoryJson));
  return digest;
}

Json frame_json(const StoredFrame& frame) {
  return {{"index", frame.index}, {"file", frame.file}, {"text", frame.text}, {"seed", frame.seed}};
}

// Somebody's 1.5 is no frame's number, though the library would make 1 of it.
StoredFrame stored_frame(const Json& json) {
  for (const char* key : {"index", "seed"})
    if (!json.at(key).is_number_unsigned()) fail_input(fmt::format("{}: {} is no whole number", kStoryJson, key));
  return {.index = json.at("index").get<int64_t>(),
          .file = json.at("file").get<std::string>(),
          .text = json.at("text").get<std::string>(),
          .seed = json.at("seed").get<uint64_t>(),
          .digest = stored_digest(json)};
}

// As it comes back from a file: what is not UTF-8 is U+FFFD there.
Json as_stored(const Json& json) {
  return parse_json(json.dump_replacing(), "", 8);
}

// A text as the model reads it: stories that differ in no more than how it was typed are one.
Json as_read(const StoryRecord& record, const Json& text) {
  if (record.request.policy == Policy::compat_vis) return text;
  if (text.is_string()) return or_nothing([&] { return normal_text(text.get<std::string>()); });
  if (!text.is_array()) return text;
  Json texts = Json::array();
  for (const Json& one : text) texts.push_back(as_read(record, one));
  return texts;
}

}  // namespace

Json story_head(const StoryRecord& record) {
  return {
      {"seedstory", record.version},
      {"command", record.command},
      {"model", {{"name", record.model}, {"weights", object(record.weights)}, {"flags", object(record.model_flags)}}},
      {"request", request_json(record)}};
}

std::string story_mark(const StoryRecord& record) {
  return story_head(record).dump_replacing(-1, true);
}

std::string story_json(const StoryRecord& record, bool complete, const std::set<std::string>& sheets,
                       const std::optional<FileDigest>& page, const std::vector<StoredFrame>& frames) {
  Json json = story_head(record);
  json["complete"] = complete;
  if (!sheets.empty()) json["sheets"] = sheets;
  if (page) json["page"] = digest_json(*page);
  json["frames"] = Json::array();
  for (const StoredFrame& frame : frames) {
    json["frames"].push_back(frame_json(frame));
    if (frame.digest) json["frames"].back().update(digest_json(*frame.digest));
  }
  return json.dump_replacing(1) + "\n";
}

std::string frame_mark(const StoryRecord& record, const StoredFrame& frame, bool is_start) {
  Json json = story_head(record);
  json["frame"] = frame_json(frame);
  if (is_start) json["frame"]["start"] = true;
  return json.dump_replacing(-1, true);
}

std::string a1111_parameters(const StoryRecord& record, const StoredFrame& frame) {
  const StoryRequest& r = record.request;
  std::string model_hash;
  for (const auto& [part, print] : record.weights)
    if (part == "unet") model_hash = print;
  std::string sampler = row_of(kSamplingMethods, r.sampling_method).title;
  if (r.scheduler != SigmaSchedule::discrete)
    sampler += fmt::format(", Schedule type: {}", row_of(kSigmaSchedules, r.scheduler).title);
  return fmt::format(
      "{}\nSteps: {}, Sampler: {}, CFG scale: {}, Seed: {}, Size: {}x{}, Model hash: {}, Model: {}, Version: "
      "seedstory {}",
      frame.text, r.steps, sampler, r.cfg, frame.seed, r.width, r.height, model_hash, record.model, record.version);
}

Json parse_stored(const std::string& text, const std::string& what) {
  Json story = parse_json(text, what, 8);
  add_what_was_no_choice(story);
  return story;
}

StoredStory stored_story(const std::string& text) {
  StoredStory stored{.json = parse_stored(text, kStoryJson)};
  stored.json.at("seedstory");
  for (const Json& json : stored.json.at("frames")) {
    const StoredFrame frame = stored_frame(json);
    const int64_t next = stored.frames.empty() ? 0 : stored.frames.back().index + 1;
    if (frame.file != frame_file(frame.index))
      stored.changed.push_back(fmt::format("frame {} has the file \"{}\", expected \"{}\"", frame.index, frame.file,
                                           frame_file(frame.index)));
    else if (frame.index < next)
      stored.changed.push_back(fmt::format("frame {} stands behind frame {}", frame.index, next - 1));
    else
      stored.frames.push_back(frame);
  }
  if (stored.json.contains("page")) stored.page = stored_digest(stored.json["page"]);
  const Json sheets = stored.json.value("sheets", Json::array());
  for (const Json& name : sheets)
    if (const auto sheet = name.get<std::string>();
        !sheet.empty() && sheet == std::filesystem::path(sheet).filename() && !is_story_file(sheet))
      stored.sheets.insert(sheet);
  return stored;
}

std::string difference(const StoryRecord& record, const Json& stored) {
  const Json asked = as_stored(story_head(record));
  if (asked["seedstory"] != stored.value("seedstory", Json())) return "program version differs";
  if (asked["command"] != stored.value("command", Json())) return "command differs";
  const Json model = stored.value("model", Json::object());
  if (asked["model"]["name"] != model.value("name", Json())) return "model differs";
  if (asked["model"]["weights"] != model.value("weights", Json())) return "model's weights differ";
  const Json request = stored.value("request", Json::object());
  const auto differs = [](const std::string& key) { return key + (key.ends_with("s") ? " differ" : " differs"); };
  // Written where they are not what they mostly are.
  for (const char* key : {"kernels", "cache_type_k", "cache_type_v"})
    if (asked["request"].value(key, Json()) != request.value(key, Json())) return differs(key);
  // What the story is about comes first: with another prompt nobody asks for its number of frames.
  std::vector<std::pair<std::string, Json>> fields;
  for (const auto& [key, given] : asked["request"].items()) fields.emplace_back(key, given);
  const auto is_text_of = [](const std::string& key) { return key == "prompt" || key == "captions"; };
  std::sort(fields.begin(), fields.end(), [&](const auto& a, const auto& b) {
    return std::pair(!is_text_of(a.first), a.first) < std::pair(!is_text_of(b.first), b.first);
  });
  for (const auto& [key, given] : fields) {
    const bool is_text = is_text_of(key);
    const Json stored_value = request.value(key, Json("absent"));
    const Json value = is_text ? as_read(record, given) : given;
    const Json there = is_text ? as_read(record, stored_value) : stored_value;
    if (value == there) continue;
    const bool is_longer = key == "frames" && there.is_number_integer() && there.get<double>() < value.get<double>();
    const bool goes_on = key == "captions" && there.is_array() && there.size() < value.size() &&
                         std::equal(there.begin(), there.end(), value.begin());
    if (!is_longer && !goes_on) return differs(key);
    if (record.counts_frames)
      return fmt::format(
          "{}, {} there and {} asked for; this model is told how many are left, and a longer story begins "
          "otherwise",
          differs(key), is_longer ? there.dump() : std::to_string(there.size()),
          is_longer ? value.dump() : std::to_string(value.size()));
  }
  return "";
}

bool is_whole_request(const StoryRecord& record, Json stored) {
  Json asked = as_stored(request_json(record));
  for (Json* request : {&asked, &stored})
    for (const char* key : {"prompt", "captions"})
      if (request->contains(key)) (*request)[key] = as_read(record, (*request)[key]);
  return asked == stored;
}

bool is_part_of(const Json& story, const Json& whole) {
  if (story.at("model").at("weights") != whole.at("model").at("weights")) return false;
  Json one = story.at("request"), all = whole.at("request");
  // A story that went on has pictures of when it was shorter.
  for (Json* request : {&one, &all}) request->erase("frames");
  if (one.contains("captions") && all.contains("captions") && one["captions"].size() < all["captions"].size()) {
    Json first = Json::array();
    for (size_t i = 0; i < one["captions"].size(); ++i) first.push_back(all["captions"].at(i));
    all["captions"] = first;
  }
  return one == all;
}

bool is_frame_of(const StoryRecord& record, const Json& story, const StoredFrame& frame) {
  Json own = as_stored(frame_json(frame)), there = story.at("frame");
  if (frame.index == 0 && !record.start_fingerprint.empty()) own["start"] = true;
  for (Json* json : {&own, &there}) json->at("text") = as_read(record, json->at("text"));
  return difference(record, story).empty() && there == own;
}

}  // namespace seedstory
