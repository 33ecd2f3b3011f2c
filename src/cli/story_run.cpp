#include "cli/story_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
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
#include "output/story_folder.h"
#include "seedstory/error.h"
#include "story/plan.h"
#include "story/trace_file.h"
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

// The whole of one run, in the order in which things can go wrong.
class StoryRun {
 public:
  StoryRun(const StoryFlags& flags, const StoryTexts& texts, const Backends& backends, Terminal& terminal)
      : flags_(flags),
        backends_(backends),
        terminal_(terminal),
        device_(parse_device(flags.device)),
        text_first_(parse_order(flags.order)),
        type_(parse_type(flags.type, backends.cpu_type(flags.cpu))),
        is_stream_(flags.output == "-"),
        show_(!is_stream_ && !flags.json && shows_pictures(flags.show)) {
    request_.prompt = texts.prompt;
    request_.captions = texts.captions;
    record_.command = texts.command;
    check_output();
  }

  int run() {
    listen_for_stop();
    if (!is_stream_) outlive_reader();  // a stream has no page to finish
    const ModelPaths paths = find_model(flags_);
    if (!paths.note.empty()) terminal_.say(paths.note);
    model_ = open_model(paths);
    request_ = make_request(flags_, model_.config, std::move(request_));
    read_start();
    make_record(paths.dir);
    std::optional<StoryFolder> claimed;
    claim_folder(claimed);
    StoryFolder& book = *claimed;
    hold_sheet(book);
    if (const std::string fewer = fewer_frames(flags_, request_); !fewer.empty()) terminal_.say(fewer);
    if (!flags_.trace && !flags_.force)
      if (const auto frames = book.finished()) return reprint(book, *frames);
    warn_of_request();
    hold_trace(book);
    if (!flags_.force)
      for (const std::string& what : book.damage()) terminal_.warn(what + "; it is made again");
    book.begin(flags_.force);
    if (is_stream_) stream_ = open_stream(flags_.stream.value_or("multipart"), terminal_);
    return make(book);
  }

 private:
  void check_output() const {
    if (flags_.stream && !is_stream_) fail_usage("--stream: is for -o -");
    const char* other = flags_.json ? "--json" : flags_.show == "on" ? "--show on" : flags_.sheet ? "--sheet" : nullptr;
    if (is_stream_ && other) fail_usage(fmt::format("{}: not with -o -, whose stdout is a stream (--stream)", other));
    if (is_stream_ && flags_.force && !flags_.trace)
      fail_usage("--force: not with -o -, which writes nothing that could be in its way");
    if (flags_.json && flags_.show == "on") fail_usage("--show on: not with --json");
  }

  void read_start() {
    if (!flags_.image) return;
    // The published script takes the pixels as the file has them.
    const bool as_stored = request_.policy == Policy::compat_vis;
    Picture picture = read_user_picture(*flags_.image, as_stored ? Pixels::stored : Pixels::shown);
    const std::string& name = *flags_.image;
    if (picture.facts.transparent) terminal_.warn(fmt::format("{}: its transparent pixels are put on white", name));
    if (as_stored && picture.facts.orientation != 1)
      terminal_.warn(
          fmt::format("{}: is not turned as its EXIF orientation {} says: --policy compat_vis takes it as stored", name,
                      picture.facts.orientation));
    request_.start = std::make_shared<Image>(std::move(picture.image));
    const Image& start = *request_.start;
    Fingerprint print;
    print.add(fmt::format("{}x{}", start.width, start.height));
    print.add(start.rgb.data(), start.rgb.size());
    record_.start_fingerprint = print.hex();
  }

  void make_record(const fs::path& model_dir) {
    record_.version = kBuildInfo.version;
    record_.model = model_.config.name;
    record_.weights = fingerprints(model_, model_dir);
    record_.model_flags = given_model_flags(flags_);
    record_.type = name_of(type_);
    record_.backend = device_.cuda ? "cuda" : "cpu";
    record_.request = request_;
    record_.counts_frames =
        request_.policy == Policy::compat_vis || model_.config.call_prefix.find("{left}") != std::string::npos;
    // The page goes to other machines.
    nlohmann::ordered_json head = story_head(record_);
    const std::string model = "MODEL", model_flag = " --model " + model;
    head["model"]["flags"] = {{"--model", model}};
    std::string& line = record_.command_line = command_line(head, "", "again");
    if (record_.model_flags.empty()) line.erase(line.rfind(model_flag), model_flag.size());  // the one that ships
  }

  // The story's folder, made and locked. One that the program names itself is numbered where another story has the
  // name.
  void claim_folder(std::optional<StoryFolder>& book) {
    const bool is_given = is_stream_ || flags_.output || flags_.force;
    constexpr int kMostWaits = 20;  // for the story.json that says whose story a locked folder holds
    for (int number = 1, waits = 0;; ++number) {
      book.emplace(is_stream_ ? "" : flags_.output ? fs::path(*flags_.output) : own_folder(number), record_);
      if (!is_given && !book->suits()) continue;
      need_distinct_files(flags_, std::nullopt, book->dir());
      if (!book->claim()) {
        if (is_given || ++waits > kMostWaits)
          fail_input(fmt::format("{}: another seedstory is writing its story here", book->dir().string()));
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        --number;
        continue;
      }
      if (is_given || book->suits()) break;
    }
    if (!book->missing_lock().empty())
      terminal_.warn(fmt::format("{}: cannot be locked ({}); two runs at once would mix their stories",
                                 book->dir().string(), book->missing_lock()));
  }

  fs::path own_folder(int number) const {
    std::string name = story_folder(normal_text(request_.captions.empty() ? request_.prompt : request_.captions[0]));
    if (request_.seed != StoryRequest().seed) name += fmt::format("-seed-{}", request_.seed);
    return number == 1 ? name : fmt::format("{}-{}", name, number);
  }

  // Shows that the sheet can be written before anything is computed for it.
  void hold_sheet(StoryFolder& book) {
    if (!flags_.sheet) return;
    const fs::path file = sheet_file(*flags_.sheet, book.dir());
    if (const auto name = name_in(file, book.dir()))
      book.take_sheet(*name, flags_.force);
    else if (!flags_.force && has_content(file) && !book.is_sheet(file))
      refuse_other(file, "--sheet");
    sheet_.emplace(file);
    sheet_before_ = file_state(file);
  }

  [[noreturn]] static void refuse_other(const fs::path& file, const char* flag) {
    fail_input(
        fmt::format("{}: is there already, and is not of this story; --force replaces it, {} FILE goes elsewhere",
                    file.string(), flag));
  }

  static bool is_own_trace(const StoryFolder& book, const std::string& file) {
    const auto mark = trace_mark(file);
    return mark && book.is_of_this_story(*mark);
  }

  void hold_trace(const StoryFolder& book) {
    if (!flags_.trace) return;
    std::error_code none;
    for (const std::string& file : {*flags_.trace, *flags_.trace + ".json"}) {
      if (fs::exists(file, none) && !fs::is_regular_file(file, none) && !fs::is_directory(file, none))
        fail_input(fmt::format("{}: is not a regular file; --trace makes two, FILE and FILE.json", file));
      const WritablePlace shown(file);
      if (!flags_.force && has_content(file) && !is_own_trace(book, file)) refuse_other(file, "--trace");
    }
    trace_.emplace(*flags_.trace);
  }

  void warn_of_request() {
    if (const std::string size = other_size(model_.config, request_); !size.empty()) terminal_.warn(size);
    if (request_.sampling.temperature == 0 && (flags_.top_k || flags_.top_p || flags_.min_p))
      terminal_.warn("--top-k, --top-p and --min-p change nothing at --temp 0: the likeliest word is taken");
    if (model_.words.empty()) return;
    std::string text = request_.prompt;
    for (const std::string& caption : request_.captions) text += "\n" + caption;
    const std::vector<std::string> unknown = unknown_words(normal_text(text), model_.words);
    constexpr size_t kMost = 12;
    if (unknown.empty()) return;
    std::vector<std::string> shown(unknown.begin(), unknown.begin() + std::min(unknown.size(), kMost));
    std::transform(shown.begin(), shown.end(), shown.begin(), shortened);
    const size_t more = unknown.size() - shown.size();
    terminal_.warn(fmt::format("not in this model's world: {}{}", fmt::join(shown, ", "),
                               more ? fmt::format(" and {} more", more) : ""));
  }

  int reprint(StoryFolder& book, const std::vector<StoredFrame>& frames) {
    const bool is_mended = book.mend(frames);
    say_where(fmt::format("{} holds this story already; nothing is computed", book.dir().string()));
    if (is_mended)
      terminal_.warn(
          fmt::format("{} was missing or damaged; it is written again", (book.dir() / "story.html").string()));
    bool first = true;
    for (const StoredFrame& frame : frames) {
      if (flags_.json) {
        print_json(book, frame);
      } else {
        terminal_.story((first ? "" : "\n") + frame.text + "\n");
        first = false;
      }
      if (show_) terminal_.bytes(kitty_picture(book.png(frame)));
    }
    write_sheet(book, frames);
    return ended(book, int64_t(frames.size()), unread());
  }

  int make(StoryFolder& book) {
    const std::unique_ptr<Backend> backend =
        device_.cuda ? backends_.cuda(device_.index) : backends_.cpu(int(flags_.threads), flags_.cpu);
    Progress narrator(terminal_, request_, book.dir().string(), !flags_.json && !stream_);
    narrator.started(record_, backend->name());
    const bool staged = needs_stages(*backend);
    Engine engine(*backend, model_, {.weight_type = type_, .staged = staged});
    detail("model loaded");

    Trace trace;
    Trace* const traced = flags_.trace ? &trace : nullptr;
    check_size(engine.config, request_);
    finish_frames_before_stop();
    if (request_.start) add_start(book, narrator);
    if (text_first_ || staged)
      tell_then_paint(book, engine, narrator, traced);
    else
      tell_and_paint(book, engine, narrator, traced);
    if (!is_whole()) return stopped(book);
    if (made_ == 0) fail("the model made no picture of this story");
    book.finish();
    if (stream_) stream_->end();
    if (traced) trace_->write(trace, story_mark(record_));
    write_sheet(book, book.frames());  // last, as the same command makes it again in no time
    if (!stream_) say_where(fmt::format("story -> {}", (book.dir() / "story.html").string()));
    return ended(book, int64_t(book.frames().size()), unread());
  }

  // A folder that the program named itself is not known otherwise.
  void say_where(const std::string& line) { flags_.output ? terminal_.say(line) : terminal_.tell(line); }

  // Says so where the model's parts do not fit into memory together. ErrorKind::resource where even one stage's do not.
  bool needs_stages(const Backend& backend) {
    if (!parse_fit(flags_.fit)) return false;
    const Plan plan = make_plan(model_, request_, type_);
    const Fit fit = fit_into(plan, backend.free_bytes());
    if (fit == Fit::none) fail_resource(too_large(plan, backend.free_bytes(), type_));
    if (fit == Fit::in_stages)
      terminal_.warn(fmt::format("all parts take {:.1f} GiB, {:.1f} are free: one stage at a time, text first",
                                 gib(plan.bytes_at_once()), gib(backend.free_bytes())));
    return fit == Fit::in_stages;
  }

  void tell_and_paint(StoryFolder& book, Engine& engine, Progress& narrator, Trace* traced) {
    Storyteller teller = make_storyteller(engine, request_, narrator, traced);
    Painter painter = make_painter(engine, request_, narrator, traced);
    while (const auto frame = tell_next(teller, narrator)) add(book, *frame, painter, narrator);
  }

  // The same files. In stages the teller's memory must be gone before the painter's comes.
  void tell_then_paint(StoryFolder& book, Engine& engine, Progress& narrator, Trace* traced) {
    std::vector<Frame> frames;
    {
      Storyteller teller = make_storyteller(engine, request_, narrator, traced);
      while (auto frame = tell_next(teller, narrator)) frames.push_back(std::move(*frame));
    }
    detail("told");
    if (stop_asked()) return;
    Painter painter = make_painter(engine, request_, narrator, traced);
    for (const Frame& frame : frames)
      if (!stop_asked()) add(book, frame, painter, narrator);
  }

  // The words of the next frame; nothing: the story is over, or a signal asked to stop.
  std::optional<Frame> tell_next(Storyteller& teller, Progress& narrator) {
    is_told_ = is_told_ || told_ == request_.frames;
    if (is_told_ || stop_asked()) return std::nullopt;
    narrator.telling(told_ + (request_.start ? 1 : 0));
    auto frame = teller.next();
    is_told_ = !frame;
    if (!frame) return std::nullopt;
    narrator.told(*frame);
    if (stream_) stream_->text(frame->index, frame->text);
    ++told_;
    return frame;
  }

  bool is_whole() const { return is_told_ && made_ == told_; }

  void add_start(StoryFolder& book, Progress& narrator) {
    const std::string& text = request_.captions.empty() ? request_.prompt : request_.captions[0];
    narrator.on_text(0, text);
    narrator.on_text_end(0);
    if (stream_) stream_->text(0, text);
    show(book, narrator, book.add({.index = 0, .text = text, .feature = {}}, *request_.start, true), false);
  }

  // A trace wants every stage, so that nothing is kept for it.
  void add(StoryFolder& book, const Frame& frame, Painter& painter, Progress& narrator) {
    ++made_;
    if (const auto kept = flags_.trace ? std::nullopt : book.keep(frame)) return show(book, narrator, *kept, true);
    narrator.painting(frame.index);
    show(book, narrator, book.add(frame, painter.paint(frame)), false);
    detail(fmt::format("frame {:03} done", frame.index));
  }

  void show(const StoryFolder& book, Progress& narrator, const StoredFrame& frame, bool was_there) {
    narrator.painted(frame, was_there);
    if (stream_) stream_->picture(frame, book.png(frame));
    if (show_) terminal_.bytes(kitty_picture(book.png(frame)));
    if (flags_.json) print_json(book, frame);
  }

  void write_sheet(const StoryFolder& book, const std::vector<StoredFrame>& frames) {
    if (!flags_.sheet) return;
    const fs::path place = sheet_file(*flags_.sheet, book.dir());
    try {
      const std::string lacks = book.write_sheet(place, sheet_before_, frames, [] { return stop_asked() != 0; });
      if (!lacks.empty()) terminal_.warn(lacks);
      terminal_.say(fmt::format("sheet -> {}", place.string()));
    } catch (const Error& error) {
      if (!stop_asked()) throw;
      is_cut_ = true;
      terminal_.warn(error.what());
    }
  }

  int stopped(StoryFolder& book) {
    if (!book.frames().empty()) {
      book.finish(false);
      if (!stream_ && !flags_.output) terminal_.tell(fmt::format("story -> {}", (book.dir() / "story.html").string()));
    }
    if (stop_asked() != kStoppedByReader)  // who wants to hear no more
      terminal_.warn(fmt::format("stopped after {} of {} frames{}", made_, request_.frames,
                                 stream_ ? "" : "; the same command goes on from there"));
    return ended(book, int64_t(book.frames().size()), stop_asked());
  }

  // The exit code of a whole story: a signal that came in its last frame stopped nothing, where all of it was read.
  int unread() const { return is_cut_ || terminal_.is_cut() ? stop_asked() : 0; }

  int ended(const StoryFolder& book, int64_t frames, int code) {
    terminal_.event("done", {{"story", book.dir().string()}, {"frames", frames}, {"code", code}});
    return code;
  }

  void print_json(const StoryFolder& book, const StoredFrame& frame) {
    terminal_.story(frame_line(frame, book.dir()) + "\n");
  }

  void detail(std::string_view what) {
    const auto since = std::chrono::steady_clock::now() - started_;
    terminal_.detail(fmt::format("{:8.3f} s  {}", std::chrono::duration<double>(since).count(), what));
  }

  const StoryFlags& flags_;
  const Backends& backends_;
  Terminal& terminal_;
  Device device_;
  bool text_first_;
  DType type_;
  bool is_stream_, show_;
  std::unique_ptr<StoryStream> stream_;  // with -o -
  std::optional<WritablePlace> sheet_;
  FileState sheet_before_;  // what may be replaced
  std::optional<TraceFile> trace_;
  ModelDir model_;
  StoryRequest request_;
  StoryRecord record_;
  int64_t told_ = 0, made_ = 0;  // frames of the model's
  bool is_told_ = false;         // no more words to come
  bool is_cut_ = false;          // the sheet's reader did not take it all
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

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
  return StoryRun(flags, texts, backends, terminal).run();
}

}  // namespace seedstory
