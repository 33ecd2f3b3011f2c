// inspect: what is in a model, a weight file, a frame or a story.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "cli/command_line.h"
#include "cli/flags.h"
#include "cli/hf_cache.h"
#include "cli/number.h"
#include "cli/paths.h"
#include "cli/terminal.h"
#include "io/file.h"
#include "io/image.h"
#include "io/json.h"
#include "io/picture_kind.h"
#include "io/png.h"
#include "io/weights_file.h"
#include "load/model_dir.h"
#include "load/model_json.h"
#include "output/story_folder.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

void print(const std::string& text) {
  fmt::print("{}\n", printable(text));
}
void print(const Json& json) {
  fmt::print("{}\n", json_text(json, 1));
}

// 1234567 -> "1,234,567"
std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  for (int at = int(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), ",");
  return digits;
}

// Text from a file, shortened for a table.
std::string first_line(std::string_view text) {
  constexpr size_t kMost = 100;
  const size_t end = std::min(text.find('\n'), text.size());
  return end <= kMost ? std::string(text.substr(0, end)) : std::string(text.substr(0, kMost)) + "...";
}

std::string type_name(const StoredTensor& t) {
  if (t.has_blocks()) return name_of(t.weight().format());
  return std::string(name_of(t.values.dtype)) + (t.scale.data ? " + f16 scale" : "");
}

// A number, with its share of the scales.
double bits_of(const StoredTensor& t) {
  const int64_t bytes = t.values.bytes() + (t.scale.data ? t.scale.bytes() : 0), numel = t.values.numel();
  return numel == 0 ? double(bits_of(t.values.dtype)) : 8 * double(bytes) / double(numel);
}

std::vector<int64_t> shape(const Tensor& t) {
  return {t.dim, t.dim + t.rank};
}

struct Totals {
  int64_t tensors = 0, unread = 0, parameters = 0, bytes = 0;
  std::map<std::string, int64_t> types;  // tensors of each
  void add(const StoredTensor& t) {
    ++tensors;
    parameters += t.values.numel();
    bytes += t.values.bytes() + (t.scale.data ? t.scale.bytes() : 0);
    ++types[type_name(t)];
  }
  void add(const UnreadTensor& t) {
    int64_t numel = 1;
    for (const int64_t length : t.shape) numel *= length;
    ++tensors;
    ++unread;
    parameters += numel;
    bytes += t.bytes;
    ++types[t.type];
  }
  std::string type_list() const {
    std::vector<std::string> names;
    for (const auto& [name, count] : types) names.push_back(name);
    return fmt::format("{}", fmt::join(names, ", "));
  }
  Json json() const {
    return {{"tensors", tensors}, {"unread", unread}, {"parameters", parameters}, {"bytes", bytes}, {"types", types}};
  }
};

struct Row {
  std::string type;
  std::vector<int64_t> shape;
  std::optional<double> bits = {}, rms_error = {};  // of a number; no bits: cannot be a weight
};

int inspect_weights(const fs::path& path, bool as_json) {
  const auto source = open_sharded(path);
  Totals totals;
  std::map<std::string, Row> rows;
  for (const std::string& name : source->names()) {
    const StoredTensor& t = *source->find(name);
    totals.add(t);
    rows[name] = {type_name(t), shape(t.values), bits_of(t), t.rms_error};
  }
  for (const auto& [name, t] : source->unread()) {
    totals.add(t);
    rows[name] = {t.type, t.shape};
  }
  if (as_json) {
    Json json = {{"file", path.string()}};
    json.update(totals.json());
    json["list"] = Json::array();
    for (const auto& [name, row] : rows) {
      json["list"].push_back({{"name", name}, {"type", row.type}, {"shape", row.shape}});
      Json& last = json["list"].back();
      if (row.bits) last["bits"] = *row.bits;
      if (!row.bits) last["unread"] = true;
      if (row.rms_error) last["rms_error"] = *row.rms_error;
    }
    print(json);
    return 0;
  }
  print(fmt::format("{:<11} {:>5} {:>9} {:<20} {}", "type", "bits", "rms error", "shape", "tensor"));
  for (const auto& [name, row] : rows)
    print(fmt::format("{:<11} {:>5} {:>9} {:<20} {}", row.type, row.bits ? fmt::format("{:.4g}", *row.bits) : "",
                      row.rms_error ? fmt::format("{:.3e}", *row.rms_error) : "",
                      fmt::format("[{}]", fmt::join(row.shape, ", ")), one_line(name)));
  print(fmt::format("{}, {} {}, {} {}", counted(totals.tensors, "tensor"), grouped(totals.parameters),
                    plural(totals.parameters, "parameter"), grouped(totals.bytes), plural(totals.bytes, "byte")));
  if (totals.unread > 0)
    print(fmt::format("{} of them cannot be weights, which are f32, f16, bf16 or i8 with scales, of at most {} axes",
                      totals.unread, Tensor::kMaxRank));
  return 0;
}

int inspect_model(const ModelPaths& paths, bool as_json) {
  const ModelDir model = open_model(paths);
  const std::pair<const char*, const TensorSource*> parts[] = {
      {"vit", model.vit.get()},         {"input resampler", model.input_resampler.get()},
      {"llm", model.llm.get()},         {"output resampler", model.output_resampler.get()},
      {"adapter", model.adapter.get()}, {"unet", model.unet.get()},
      {"vae", model.vae.get()},
  };
  std::vector<std::pair<std::string, Totals>> rows;
  Totals all;
  for (const auto& [name, source] : parts) {
    Totals part;
    for (const std::string& tensor : source->names()) {
      part.add(*source->find(tensor));
      all.add(*source->find(tensor));
    }
    for (const auto& [name_in_file, tensor] : source->unread()) {
      part.add(tensor);
      all.add(tensor);
    }
    rows.emplace_back(name, part);
  }
  const char* layout = model.published ? "published" : "seedstory";
  const Defaults& d = model.config.defaults;
  if (as_json) {
    Json json = {{"model", model.config.name},
                 {"layout", layout},
                 {"licence", model.licence},
                 {"training_data", model.training_data},
                 {"words", model.words.size()},
                 {"vocabulary", model.config.llm.vocab},
                 {"defaults", defaults_json(d, "cfg_scale")},
                 {"total", all.json()}};
    if (model.weights) json["weights"] = weights_json(model);
    for (const auto& [name, totals] : rows) json["parts"][name] = totals.json();
    print(json);
    return 0;
  }
  print(fmt::format("{} ({} layout)", model.config.name, layout));
  if (!model.licence.empty()) print("licence        " + model.licence);
  if (!model.training_data.empty()) print("training data  " + model.training_data);
  print(fmt::format("defaults       policy {}, window {}, {}, cfg scale {}, {}x{}, temp {}{}",
                    name_of(kPolicies, d.policy), d.window, counted(d.steps, "step"), d.cfg, d.width, d.height,
                    d.temperature,
                    d.temperature > 0 ? fmt::format(", top k {}, top p {}, min p {}", d.top_k, d.top_p, d.min_p) : ""));
  print(fmt::format("vocabulary     {} tokens{}", model.config.llm.vocab,
                    model.words.empty() ? "" : fmt::format(", {} words of its world", model.words.size())));
  if (model.weights)
    print(fmt::format("weights        {}{}{}", name_of(*model.weights), model.keep.empty() ? "" : ", but for ",
                      fmt::join(strings_of(model.keep), ", ")));
  print(fmt::format("\n{:<16} {:>8} {:>15} {:>17}  {}", "part", "tensors", "parameters", "bytes", "types"));
  rows.emplace_back("all", all);
  for (const auto& [name, t] : rows)
    print(fmt::format("{:<16} {:>8} {:>15} {:>17}  {}", name, t.tensors, grouped(t.parameters), grouped(t.bytes),
                      t.type_list()));
  return 0;
}

// The fields in the order in which they were written.
Json parse_story(const std::string& text, const fs::path& path) {
  Json story = parse_json(text, path.string(), 8);
  if (!story.is_object() || !story.contains("seedstory"))
    fail_input(fmt::format("{}: is not a story of this program", path.string()));
  const auto need_texts = [&](const Json& frame) {
    for (const char* key : {"file", "text"})
      if (frame.is_object() && frame.contains(key) && !frame[key].is_string())
        fail_input(fmt::format("{}: a frame's {} is {}, expected a text", path.string(), key, json_text(frame[key])));
  };
  if (story.contains("frame")) need_texts(story["frame"]);
  if (story.contains("frames"))
    for (const Json& frame : story["frames"]) need_texts(frame);
  return story;
}

// Shared by frames and whole stories: what they were made with.
void print_request(const Json& story) {
  const Json& r = story.at("request");
  const auto text = [](const Json& value) { return value.is_string() ? value.get<std::string>() : json_text(value); };
  print(fmt::format("made by    seedstory {}, {}, model {}", text(story.at("seedstory")), text(story.at("command")),
                    text(story.at("model").at("name"))));
  print(fmt::format("pictures   {}x{}, {} of {} on the {} scheduler, cfg scale {}, rng {}", text(r.at("width")),
                    text(r.at("height")), text(r.at("steps")) + (r.at("steps") == 1 ? " step" : " steps"),
                    text(r.value("sampling_method", Json("euler"))), text(r.value("scheduler", Json("discrete"))),
                    text(r.at("cfg_scale")), text(r.at("rng"))));
  print(fmt::format("memory     policy {}, window {}", text(r.at("policy")), text(r.at("window"))));
}

// EXIF's, of a picture that is not upright as it is stored.
const char* turned(int orientation) {
  constexpr const char* kTurned[] = {"mirrored",
                                     "turned by 180 degrees",
                                     "mirrored, turned by 180 degrees",
                                     "mirrored, turned right by 270 degrees",
                                     "turned right by 90 degrees",
                                     "mirrored, turned right by 90 degrees",
                                     "turned left by 90 degrees"};
  return kTurned[orientation - 2];
}

// A picture that is no frame, and what `generate --image` makes of it.
int inspect_picture(const fs::path& path, const InspectFlags& flags) {
  if (flags.command) fail_input(fmt::format("{}: holds no story data", path.string()));
  const MappedFile file(path);
  const Picture picture = read_picture(file.bytes(), path.string());
  const auto& [image, facts] = picture;
  if (flags.json) {
    print(Json{{"kind", facts.kind},
               {"width", facts.width},
               {"height", facts.height},
               {"orientation", facts.orientation},
               {"transparent", facts.transparent},
               {"start", {{"width", image.width}, {"height", image.height}}},
               {"story", nullptr}});
    return 0;
  }
  print(fmt::format("{}: {}, {}x{} pixels, no story data", one_line(path.string()), facts.kind, facts.width,
                    facts.height));
  std::string made = fmt::format("a 000.png of {}x{} pixels", image.width, image.height);
  if (facts.orientation != 1) {
    print(fmt::format("orientation       {}: it is shown {}", facts.orientation, turned(facts.orientation)));
    made += ", turned so";
  }
  if (facts.transparent) made += ", its transparent pixels on white";
  print("generate --image makes " + made);
  return 0;
}

// Of what the command names, what is not where it says: the frame may have been moved, the model as well.
std::string remake_command(const Json& story, const fs::path& folder) {
  std::string command = command_line(story, folder);
  std::error_code none;
  if (const fs::path start = folder / "000.png"; !story.at("request").at("image").is_null() && !fs::exists(start, none))
    say_on_stderr(fmt::format("{}: is not there; the command starts from it", start.string()));
  for (const auto& [flag, value] : story.at("model").at("flags").items())
    if (const fs::path file = value.get<std::string>(); flag != "--hf-repo" && !fs::exists(file, none))
      say_on_stderr(fmt::format("{} {}: is not here; the story was told with it", flag, file.string()));
  return command;
}

bool print_for_program(const Json& story, const std::string& command, const InspectFlags& flags) {
  if (flags.command)
    fmt::print("{}\n", command);
  else if (flags.json)
    print(Json{{"story", story}, {"remake", command}});
  return flags.command || flags.json;
}

// A contact sheet says which story it is of, not which of its frames.
int inspect_sheet(const std::string& text, const fs::path& path, const InspectFlags& flags) {
  const Json story = parse_story(text, path);
  const std::string command = remake_command(story, path.parent_path());
  if (print_for_program(story, command, flags)) return 0;
  const Json& request = story.at("request");
  const Json& begin = request.contains("prompt") ? request["prompt"] : request.at("captions").at(0);
  print(fmt::format("{}: the contact sheet of a story", one_line(path.string())));
  print("text       " + first_line(begin.get<std::string>()));
  print("seed       " + request.at("seed").dump());
  print_request(story);
  fmt::print("\nThe same story again, the same frames, in {}/:\n\n{}\n", new_folder(), command);
  return 0;
}

int inspect_png(const fs::path& path, const InspectFlags& flags) {
  const auto text = read_frame_json(path);
  const auto sheet = text ? std::nullopt : read_sheet_json(path);
  if (sheet) return inspect_sheet(*sheet, path, flags);
  if (!text) return inspect_picture(path, flags);
  const Json story = parse_story(*text, path);
  const std::string command = remake_command(story, path.parent_path());
  if (print_for_program(story, command, flags)) return 0;
  const Json& frame = story.at("frame");
  print(fmt::format("{}: frame {} of a story{}", one_line(path.string()), frame.at("index").dump(),
                    frame.value("start", false).get<bool>() ? ", its start picture" : ""));
  print("text       " + first_line(frame.at("text").get<std::string>()));
  print("seed       " + frame.at("seed").dump());
  print_request(story);
  fmt::print("\nThe same frame again, the same bytes, in {}/{}:\n\n{}\n", new_folder(),
             one_line(path.filename().string()), command);
  return 0;
}

int inspect_story(const fs::path& path, const InspectFlags& flags) {
  const Json story = parse_story(read_story_json(path), path);
  const std::string command = remake_command(story, fs::is_directory(path) ? path : path.parent_path());
  if (print_for_program(story, command, flags)) return 0;
  const Json& frames = story.at("frames");
  print(fmt::format("{}: a story, {}{}", one_line(path.string()), counted(int64_t(frames.size()), "frame"),
                    story.value("complete", false).get<bool>() ? "" : ", not finished"));
  print_request(story);
  for (const Json& frame : frames)
    print(fmt::format("{}    {}", one_line(frame.at("file").get<std::string>()),
                      first_line(frame.at("text").get<std::string>())));
  fmt::print("\nThe same story again, the same bytes, in {}/:\n\n{}\n", new_folder(), command);
  return 0;
}

int inspect_kind(const fs::path& path, const InspectFlags& flags) {
  const std::string name = path.filename().string();
  if (fs::is_directory(path)) {
    if (fs::exists(path / "story.json")) return inspect_story(path, flags);
    if (flags.command) fail_input(fmt::format("{}: holds no story data", path.string()));
    if (!is_model_folder(path))
      fail_input(fmt::format("{}: holds neither a model (model.json) nor a story (story.json)", path.string()));
    return inspect_model({.dir = path}, flags.json);
  }
  const MappedFile file(path);
  if (file.bytes().empty()) fail_input(fmt::format("{}: is empty", path.string()));
  if (is_png(file.bytes())) return inspect_png(path, flags);
  if (is_picture(file.bytes())) return inspect_picture(path, flags);
  if (name == "model.json" || name == "seedstory.json")
    return inspect_model({.dir = path.has_parent_path() ? path.parent_path() : fs::path(".")}, flags.json);
  if (path.extension() == ".json" && !name.ends_with(".index.json")) return inspect_story(path, flags);
  if (flags.command) fail_input(fmt::format("{}: holds no story data", path.string()));
  if (path.extension() == ".html") {
    const fs::path story = path.parent_path() / "story.json";
    fail_input(fmt::format("{}: is a page to be read in a browser{}", path.string(),
                           fs::exists(story) ? "; the story is in " + story.string() : ""));
  }
  if (!is_weights(file.bytes()))
    if (const std::string kind = unread_picture(file.bytes()); !kind.empty())
      fail_input(fmt::format("{}: {}", path.string(), kind));
  return inspect_weights(path, flags.json);
}

}  // namespace

int inspect(const InspectFlags& flags) {
  if (flags.json && flags.command) fail_usage("--json and --command exclude each other");
  if (flags.hf_repo) {
    if (flags.command) fail_input(fmt::format("--hf-repo {}: holds no story data", *flags.hf_repo));
    const ModelPaths paths = find_hf_model(*flags.hf_repo);
    say_on_stderr(paths.note);
    return inspect_model(paths, flags.json);
  }
  if (!flags.path) fail_usage("path is required (see seedstory inspect --help)");
  std::error_code none;
  if (*flags.path == "-" && !fs::exists("-", none))
    fail_usage("inspect -: looks into files, not into standard input; expected a PATH");
  try {
    return inspect_kind(*flags.path, flags);
  } catch (const JsonError& error) {
    fail_input(fmt::format("{}: is not the whole of a story's data: {}", *flags.path, error.what()));
  }
}

}  // namespace seedstory
