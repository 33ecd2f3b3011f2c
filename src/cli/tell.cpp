#include "cli/tell.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <set>

#include "cli/model_print.h"
#include "cli/places.h"
#include "cli/request.h"
#include "cli/terminal.h"
#include "seedstory/error.h"
#include "story/book.h"
#include "story/plan.h"

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

// Words to stdout as they come, progress to stderr.
class Narrator : public StoryListener {
 public:
  Narrator(Terminal& terminal, bool show_words) : terminal_(terminal), show_words_(show_words) {}

  void on_text(int64_t index, std::string_view piece) override { print(index, piece); }
  void on_text_end(int64_t index) override { print(index, "\n"); }
  void on_step(int64_t index, int64_t step, int64_t steps) override {
    terminal_.live(fmt::format("frame {:03}: painting, step {} of {}", index, step, steps));
  }
  void on_decode(int64_t index) override { terminal_.live(fmt::format("frame {:03}: decoding", index)); }
  void on_warning(std::string_view message) override { terminal_.warn(message); }

 private:
  void print(int64_t index, std::string_view piece) {
    if (!show_words_) return;
    const bool next_frame = index_ >= 0 && index != index_;
    index_ = index;
    terminal_.story(next_frame ? "\n" + std::string(piece) : std::string(piece));
  }

  Terminal& terminal_;
  bool show_words_;
  int64_t index_ = -1;
};

// Ctrl-C. Frames that are done are whole files; there is nothing to put in order.
void stop_at_interrupt(int) {
  ::_exit(130);
}

// The whole of one run, in the order in which things can go wrong.
class Telling {
 public:
  Telling(const StoryFlags& flags, const StoryTexts& texts, const Backends& backends)
      : flags_(flags),
        backends_(backends),
        terminal_(loudness(flags), flags.color),
        device_(parse_device(flags.device)),
        text_first_(parse_order(flags.order)),
        type_(parse_type(flags.type)) {
    need_range("--threads", flags.threads, 0, 1024);
    request_.prompt = texts.prompt;
    request_.captions = texts.captions;
    record_.command = texts.command;
  }

  int run() {
    const ModelPaths paths = find_model(flags_);
    model_ = open_model(paths);
    request_ = make_request(flags_, model_.config, std::move(request_));
    read_start();
    make_record(paths.dir);
    Book book(folder(), record_);
    if (!flags_.trace && !flags_.force)
      if (const auto frames = book.finished()) return reprint(book, *frames);
    warn_of_request();
    if (flags_.trace) need_writable(*flags_.trace);
    book.begin(flags_.force);
    make(book);
    return 0;
  }

 private:
  static Terminal::Loudness loudness(const StoryFlags& f) {
    if (f.quiet && f.verbose) fail_usage("--quiet and --verbose exclude each other");
    return f.quiet ? Terminal::Loudness::quiet : f.verbose ? Terminal::Loudness::verbose : Terminal::Loudness::normal;
  }

  void read_start() {
    if (!flags_.image) return;
    request_.start = read_image(*flags_.image);
    const Image& start = *request_.start;
    Fingerprint print;
    print.add(fmt::format("{}x{}", start.width, start.height));
    print.add(start.rgb.data(), start.rgb.size());
    record_.start_print = print.hex();
  }

  void make_record(const fs::path& model_dir) {
    record_.version = SEEDSTORY_VERSION;
    record_.model = model_.config.name;
    record_.weights = model_prints(model_, model_dir);
    record_.model_flags = given_model_flags(flags_);
    record_.type = name_of(type_);
    record_.backend = device_.cuda ? "cuda" : "cpu";
    record_.request = request_;
  }

  fs::path folder() const {
    if (flags_.output) return *flags_.output;
    const std::string name = story_folder(request_.captions.empty() ? request_.prompt : request_.captions[0]);
    return request_.seed == StoryRequest().seed ? name : fmt::format("{}-seed-{}", name, request_.seed);
  }

  void warn_of_request() {
    if (request_.sampling.temperature == 0 && (flags_.top_k || flags_.top_p || flags_.min_p))
      terminal_.warn("--top-k, --top-p and --min-p change nothing without --temp: the likeliest word is taken");
    if (model_.words.empty()) return;
    std::string text = request_.prompt;
    for (const std::string& caption : request_.captions) text += "\n" + caption;
    const std::vector<std::string> unknown = unknown_words(text, model_.words);
    constexpr size_t kMost = 12;
    if (unknown.empty()) return;
    std::vector<std::string> shown(unknown.begin(), unknown.begin() + std::min(unknown.size(), kMost));
    std::transform(shown.begin(), shown.end(), shown.begin(), shortened);
    const size_t more = unknown.size() - shown.size();
    terminal_.warn(fmt::format("not in this model's world: {}{}", fmt::join(shown, ", "),
                               more ? fmt::format(" and {} more", more) : ""));
  }

  int reprint(const Book& book, const std::vector<StoredFrame>& frames) {
    terminal_.say(fmt::format("{} holds this story already; nothing is computed", book.dir().string()));
    bool first = true;
    for (const StoredFrame& frame : frames) {
      if (flags_.json) {
        print_json(book, frame);
      } else if (!(request_.start && frame.index == 0)) {
        terminal_.story((first ? "" : "\n") + frame.text + "\n");
        first = false;
      }
    }
    return 0;
  }

  void make(Book& book) {
    std::signal(SIGINT, stop_at_interrupt);
    const std::unique_ptr<Backend> backend =
        device_.cuda ? backends_.cuda(device_.index) : backends_.cpu(int(flags_.threads));
    terminal_.say(fmt::format("{} on {}; seed {}, {} frames of {}x{}, {} steps", model_.config.name, backend->name(),
                              request_.seed, request_.frames, request_.width, request_.height, request_.steps));
    const bool staged = needs_stages(*backend);
    Engine engine(*backend, model_, {.products = type_, .staged = staged});
    detail("model loaded");

    Trace trace;
    Trace* const traced = flags_.trace ? &trace : nullptr;
    Narrator narrator(terminal_, !flags_.json);
    check_size(engine.config, request_);
    if (request_.start) add_start(book);
    if (text_first_ || staged)
      tell_then_paint(book, engine, narrator, traced);
    else
      tell_and_paint(book, engine, narrator, traced);
    if (made_ == 0) fail("the model made no picture of this story");
    book.finish();
    if (traced) trace.write(*flags_.trace);
    terminal_.say(fmt::format("story -> {}", (book.dir() / "story.html").string()));
  }

  // Says so where the model's parts do not fit into memory together. ErrorKind::resource where even one stage's do not.
  bool needs_stages(const Backend& backend) {
    if (!parse_fit(flags_.fit)) return false;
    const Plan plan = make_plan(model_, request_, type_);
    const Fit fit = fit_into(plan, backend.free_bytes());
    if (fit == Fit::none) fail_resource(too_large(plan, backend.free_bytes(), type_));
    if (fit == Fit::in_stages)
      terminal_.warn(fmt::format("all parts take {:.1f} GiB, {:.1f} are free: one stage at a time, text first",
                                 double(plan.bytes_at_once()) / (1 << 30), double(backend.free_bytes()) / (1 << 30)));
    return fit == Fit::in_stages;
  }

  void tell_and_paint(Book& book, Engine& engine, Narrator& narrator, Trace* traced) {
    Storyteller teller(engine, request_, narrator, traced);
    Painter painter(engine, request_, narrator, traced);
    while (auto frame = teller.next()) add(book, *frame, painter);
  }

  // The same files. In stages the teller's memory must be gone before the painter's comes.
  void tell_then_paint(Book& book, Engine& engine, Narrator& narrator, Trace* traced) {
    std::vector<Frame> frames;
    {
      Storyteller teller(engine, request_, narrator, traced);
      while (auto frame = teller.next()) frames.push_back(std::move(*frame));
    }
    detail("told");
    Painter painter(engine, request_, narrator, traced);
    for (const Frame& frame : frames) add(book, frame, painter);
  }

  void add_start(Book& book) {
    const std::string& text = request_.captions.empty() ? request_.prompt : request_.captions[0];
    show(book, book.add({.index = 0, .text = text, .feature = {}}, *request_.start, true));
  }

  void add(Book& book, const Frame& frame, Painter& painter) {
    show(book, book.add(frame, painter.paint(frame)));
    ++made_;
    detail(fmt::format("frame {:03} done", frame.index));
  }

  void show(const Book& book, const StoredFrame& frame) {
    terminal_.say(fmt::format("frame {:03} -> {}", frame.index, (book.dir() / frame.file).string()));
    if (flags_.json) print_json(book, frame);
  }

  void print_json(const Book& book, const StoredFrame& frame) { terminal_.story(frame_line(frame, book.dir()) + "\n"); }

  void detail(std::string_view what) {
    const auto since = std::chrono::steady_clock::now() - started_;
    terminal_.detail(fmt::format("{:8.3f} s  {}", std::chrono::duration<double>(since).count(), what));
  }

  const StoryFlags& flags_;
  const Backends& backends_;
  Terminal terminal_;
  Device device_;
  bool text_first_;
  DType type_;
  ModelDir model_;
  StoryRequest request_;
  StoryRecord record_;
  int64_t made_ = 0;
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

int tell(const StoryFlags& flags, const StoryTexts& texts, const Backends& backends) {
  return Telling(flags, texts, backends).run();
}

}  // namespace seedstory
