// A story on the command line: flags to a run, and the run's events to the terminal.
#include "cli/story_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "cli/build_info.h"
#include "cli/command_line.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/outputs.h"
#include "cli/paths.h"
#include "cli/progress.h"
#include "cli/request.h"
#include "cli/stream.h"
#include "io/fingerprint.h"
#include "load/model_fingerprint.h"
#include "seedstory/error.h"
#include "story/story_run.h"
#include "text/normal_text.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

// A word may be as long as a prompt.
std::string shortened(const std::string& word) {
  constexpr size_t kMost = 40;
  if (word.size() <= kMost) return word;
  size_t end = kMost;
  while ((uint8_t(word[end]) & 0xc0) == 0x80) --end;  // not inside a character
  return word.substr(0, end) + "...";
}

// The run's events on the terminal: with -o - as a stream, else as words and perhaps pictures, or JSON.
class Narrator final : public Progress {
 public:
  Narrator(Terminal& terminal, const StoryFlags& flags, const StoryRecord& record, const ModelDir& model, bool show)
      : Progress(terminal, record, !flags.json && flags.output != "-"),
        terminal_(terminal),
        flags_(flags),
        record_(record),
        model_(model),
        show_(show) {}

  void end_stream() {
    if (stream_) stream_->end();
  }

  void on_folder(const fs::path& dir) override { need_distinct_files(flags_, std::nullopt, dir); }

  void on_kept(const StoryFolder& folder, const std::vector<StoredFrame>& frames, bool mended) override {
    say_where(fmt::format("{} holds this story already; nothing is computed", folder.dir().string()));
    if (mended)
      warn(fmt::format("{} was missing or damaged; it is written again", (folder.dir() / "story.html").string()));
    bool first = true;
    for (const StoredFrame& frame : frames) {
      if (!flags_.json) terminal_.story((std::exchange(first, false) ? "" : "\n") + frame.text + "\n");
      print(folder, frame);
    }
  }

  void on_begin() override { warn_of_request(); }

  void on_start(const StoryFolder& folder, const std::string& backend) override {
    if (flags_.output == "-") stream_ = open_stream(flags_.stream.value_or(StreamFormat::multipart), terminal_);
    Progress::on_start(folder, backend);
  }

  void on_loaded() override {
    detail("model loaded");
    finish_frames_before_stop();
  }

  void on_told(const Frame& frame) override {
    Progress::on_told(frame);
    if (stream_) stream_->text(frame.index, frame.text);
  }

  void on_all_told() override { detail("told"); }

  void on_picture(const StoryFolder& folder, const StoredFrame& frame, bool was_there) override {
    Progress::on_picture(folder, frame, was_there);
    const bool is_start = record_.request.start && frame.index == 0;  // nobody told it
    if (stream_ && is_start) stream_->text(frame.index, frame.text);
    if (stream_) stream_->picture(frame, folder.png(frame));
    print(folder, frame);
    if (!is_start && !was_there) detail(fmt::format("frame {:03} done", frame.index));
  }

  // A folder that the program named itself is not known otherwise.
  void say_where(const std::string& line) { flags_.output ? terminal_.say(line) : terminal_.tell(line); }

 private:
  void warn(const std::string& line) { terminal_.warn(line); }

  void print(const StoryFolder& folder, const StoredFrame& frame) {
    if (flags_.json) terminal_.story(frame_line(frame, folder.dir()) + "\n");
    if (show_) terminal_.bytes(kitty_picture(folder.png(frame)));
  }

  void warn_of_request() {
    const StoryRequest& request = record_.request;
    if (const std::string size = other_size(model_.config, request); !size.empty()) warn(size);
    if (request.sampling.temperature == 0 && (flags_.top_k || flags_.top_p || flags_.min_p))
      warn("--top-k, --top-p and --min-p change nothing at --temp 0: decoding is greedy");
    if (model_.words.empty()) return;
    std::string text = request.prompt;
    for (const std::string& caption : request.captions) text += "\n" + caption;
    const std::vector<std::string> unknown = unknown_words(normal_text(text), model_.words);
    constexpr size_t kMost = 12;
    if (unknown.empty()) return;
    std::vector<std::string> shown(unknown.begin(), unknown.begin() + std::min(unknown.size(), kMost));
    std::transform(shown.begin(), shown.end(), shown.begin(), shortened);
    const size_t more = unknown.size() - shown.size();
    warn(fmt::format("not in this model's world: {}{}", fmt::join(shown, ", "),
                     more ? fmt::format(" and {} more", more) : ""));
  }

  void detail(std::string_view what) {
    const auto since = std::chrono::steady_clock::now() - started_;
    terminal_.detail(fmt::format("{:8.3f} s  {}", std::chrono::duration<double>(since).count(), what));
  }

  Terminal& terminal_;
  const StoryFlags& flags_;
  const StoryRecord& record_;
  const ModelDir& model_;
  const bool show_;
  std::unique_ptr<StoryStream> stream_;  // with -o -
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

void check_output(const StoryFlags& f) {
  const bool is_stream = f.output == "-";
  if (f.stream && !is_stream) fail_usage("--stream: is for -o -");
  const char* other = f.json ? "--json" : f.show == When::always ? "--show on" : f.sheet ? "--sheet" : nullptr;
  if (is_stream && other) fail_usage(fmt::format("{}: not with -o -, whose stdout is a stream (--stream)", other));
  if (is_stream && f.force && !f.trace)
    fail_usage("--force: not with -o -, which writes nothing that could be in its way");
  if (f.json && f.show == When::always) fail_usage("--show on: not with --json");
}

// The user's picture, and its fingerprint.
std::string read_start(const std::string& name, StoryRequest& request, Terminal& terminal) {
  // The published script takes the pixels as the file has them.
  const bool as_stored = request.policy == Policy::compat_vis;
  Picture picture = read_user_picture(name, as_stored ? Pixels::stored : Pixels::shown);
  const std::string shown = user_text_name(name);
  if (picture.facts.transparent) terminal.warn(fmt::format("{}: its transparent pixels are put on white", shown));
  if (as_stored && picture.facts.orientation != 1)
    terminal.warn(
        fmt::format("{}: is not turned as its EXIF orientation {} says: --policy compat_vis takes it as stored", shown,
                    picture.facts.orientation));
  request.start = std::make_shared<Image>(std::move(picture.image));
  const Image& start = *request.start;
  Fingerprint print;
  print.add(fmt::format("{}x{}", start.width, start.height));
  print.add(start.rgb.data(), start.rgb.size());
  return print.hex();
}

StoryRecord make_record(const StoryFlags& flags, const std::string& command, StoryRequest request,
                        const ModelDir& model, const fs::path& model_dir, const StageTypes& types, Terminal& terminal) {
  StoryRecord record;
  if (flags.image) record.start_fingerprint = read_start(*flags.image, request, terminal);
  record.command = command;
  record.version = kBuildInfo.version;
  record.model = model.config.name;
  record.weights = fingerprints(model, model_dir);
  record.model_flags = given_model_flags(flags);
  const NumberTypes& language = types.language;
  record.type = name_of(language.weights);
  record.backend = name_of(kDevices, parse_device(flags.device).kind);
  if (record.backend == name_of(kDevices, DeviceKind::cpu) && row_of(language.weights).block > 0)
    record.products = name_of(kProducts, flags.products);
  if (types.cache.k != language.activations) record.cache_k = name_of(types.cache.k);
  if (types.cache.v != language.activations) record.cache_v = name_of(types.cache.v);
  if (flags.kernels == Kernels::library) record.kernels = name_of(kKernels, flags.kernels);
  record.request = std::move(request);
  record.counts_frames =
      record.request.policy == Policy::compat_vis || model.config.call_prefix.find("{left}") != std::string::npos;
  // The page goes to other machines.
  Json head = story_head(record);
  const std::string place = "MODEL", model_flag = " --model " + place;
  head["model"]["flags"] = {{"--model", place}};
  std::string& line = record.command_line = command_line(head, "", "again");
  if (record.model_flags.empty()) line.erase(line.rfind(model_flag), model_flag.size());  // the one that ships
  return record;
}

// The folder that a story without --output is named for.
fs::path own_folder(const StoryRequest& request) {
  std::string name = story_folder(normal_text(request.captions.empty() ? request.prompt : request.captions[0]));
  if (request.seed != StoryRequest().seed) name += fmt::format("-seed-{}", request.seed);
  return name;
}

RunOptions run_options(const StoryFlags& flags, const StoryRequest& request, const StageTypes& types) {
  const bool is_stream = flags.output == "-";
  RunOptions options{.folder = is_stream      ? fs::path()
                               : flags.output ? fs::path(*flags.output)
                                              : own_folder(request),
                     .numbered = !flags.output && !flags.force,
                     .sheet = flags.sheet,
                     .trace = flags.trace,
                     .force = flags.force,
                     .text_first = flags.text_first,
                     .may_stage = flags.may_stage,
                     .types = types};
  return options;
}

// The last lines, and the exit code.
int report_end(const StoryRun& run, StoryRun::End end, Narrator& narrator, const StoryFlags& flags,
               const StoryRecord& record, Terminal& terminal) {
  const bool is_stream = flags.output == "-";
  // A signal that came in the last frame of a whole story stopped nothing, where all of it was read.
  int code = run.is_sheet_cut() || terminal.is_cut() ? stop_asked() : 0;
  const std::string page = fmt::format("story -> {}", (run.folder().dir() / "story.html").string());
  if (end == StoryRun::End::whole) {
    narrator.end_stream();
    if (!is_stream) narrator.say_where(page);
  }
  if (end == StoryRun::End::stopped) {
    code = stop_asked();
    if (run.frames() > 0 && !flags.output) terminal.tell(page);
    if (code != kStoppedByReader)  // who wants to hear no more
      terminal.warn(fmt::format("stopped after {} of {} frames{}", run.frames_made(), record.request.frames,
                                is_stream ? "" : "; the same command goes on from there"));
  }
  terminal.event("done", {{"story", run.folder().dir().string()}, {"frames", run.frames()}, {"code", code}});
  return code;
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || uint8_t(c) >= 0x80;
}

bool knows(const std::vector<std::string>& words, std::string word) {
  const auto has = [&](const std::string& w) { return std::binary_search(words.begin(), words.end(), w); };
  if (has(word)) return true;
  if (word.ends_with("'s")) word.resize(word.size() - 2);
  if (has(word)) return true;
  return (word.ends_with("s") && has(word.substr(0, word.size() - 1))) ||
         (word.ends_with("es") && has(word.substr(0, word.size() - 2)));
}

}  // namespace

std::vector<std::string> unknown_words(std::string_view text, const std::vector<std::string>& words) {
  std::vector<std::string> unknown;
  std::set<std::string> seen;  // a prompt of a megabyte may have 200,000
  std::string word;
  const auto end_word = [&] {
    while (word.ends_with('\'')) word.pop_back();
    if (!word.empty() && !knows(words, word) && seen.insert(word).second) unknown.push_back(word);
    word.clear();
  };
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
    if (is_letter(c) || (c == '\'' && !word.empty()))
      word += c;
    else
      end_word();
  }
  end_word();
  return unknown;
}

int tell(const StoryFlags& flags, const StoryTexts& texts, const Backends& backends, Terminal& terminal) {
  const Device device = parse_device(flags.device);
  need_card_for(flags.kernels, device);
  need_cpu_for(flags.products, device);
  const bool is_stream = flags.output == "-";
  const bool show = !is_stream && !flags.json && shows_pictures(flags.show);
  check_output(flags);
  listen_for_stop();
  if (!is_stream) outlive_reader();  // a stream has no page to finish

  const ModelPaths paths = find_model(flags);
  if (!paths.note.empty()) terminal.say(paths.note);
  const ModelDir model = open_model(paths);
  const auto& [type, why] = choose_type(flags, device, backends, model);
  if (!why.empty()) terminal.detail(fmt::format("--type auto is {}: {}", name_of(type), why));
  StoryRequest request = make_request(flags, model.config, {.prompt = texts.prompt, .captions = texts.captions});
  if (const std::string fewer = fewer_frames(flags, request); !fewer.empty()) terminal.say(fewer);
  const StageTypes types = stage_types(device, type, flags);
  const StoryRecord record = make_record(flags, texts.command, std::move(request), model, paths.dir, types, terminal);

  Narrator narrator(terminal, flags, record, model, show);
  StoryRun run(model, record, run_options(flags, record.request, types), narrator);
  const StoryRun::End end = run.run([&] { return make_backend(device, flags, backends); });
  return report_end(run, end, narrator, flags, record, terminal);
}

}  // namespace seedstory
