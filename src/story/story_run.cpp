// A run in the order in which things can go wrong: nothing is computed before everything is known to have its place.
#include "story/story_run.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "output/output_paths.h"
#include "seedstory/error.h"
#include "story/plan.h"
#include "story/story.h"

namespace seedstory {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_other(const fs::path& file, const char* flag) {
  fail_input(fmt::format("{}: is there already, and is not of this story; --force replaces it, {} FILE goes elsewhere",
                         file.string(), flag));
}

bool is_own_trace(const StoryFolder& folder, const fs::path& file) {
  const auto mark = trace_mark(file);
  return mark && folder.is_of_this_story(*mark);
}

fs::path numbered(const fs::path& folder, int number) {
  return number == 1 ? folder : fs::path(fmt::format("{}-{}", folder.string(), number));
}

}  // namespace

StoryRun::StoryRun(const ModelDir& model, const StoryRecord& record, RunOptions options, RunListener& listener)
    : model_(model), record_(record), request_(record_.request), options_(std::move(options)), listener_(listener) {}

StoryRun::~StoryRun() = default;

StoryRun::End StoryRun::run(const std::function<std::unique_ptr<Backend>()>& make_backend) {
  claim_folder();
  hold_sheet();
  if (!options_.trace && !options_.force)
    if (const auto frames = folder_->finished()) {
      const bool is_mended = folder_->mend(*frames);
      listener_.on_kept(*folder_, *frames, is_mended);
      write_sheet(*frames);
      return End::kept;
    }
  const std::unique_ptr<Backend> backend = make_backend();
  hold_trace();
  const std::vector<std::string> damage = options_.force ? std::vector<std::string>() : folder_->damage();
  folder_->begin(options_.force);
  listener_.on_begin();
  for (const std::string& what : damage) listener_.on_warning(what + "; it is made again");
  return make(*backend);
}

// Made and locked.
void StoryRun::claim_folder() {
  constexpr int kMostWaits = 20;  // for the story.json that says whose story a locked folder holds
  for (int number = 1, waits = 0;; ++number) {
    folder_.emplace(numbered(options_.folder, number), record_);
    if (options_.numbered && !folder_->suits()) continue;
    listener_.on_folder(folder_->dir());
    if (!folder_->claim()) {
      if (!options_.numbered || ++waits > kMostWaits)
        fail_input(fmt::format("{}: another seedstory is writing its story here", folder_->dir().string()));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      --number;
      continue;
    }
    if (!options_.numbered || folder_->suits()) break;
  }
  if (!folder_->missing_lock().empty())
    listener_.on_warning(fmt::format("{}: cannot be locked ({}); two runs at once would mix their stories",
                                     folder_->dir().string(), folder_->missing_lock()));
}

// Shows that the sheet can be written.
void StoryRun::hold_sheet() {
  if (!options_.sheet) return;
  const fs::path file = sheet_file(*options_.sheet, folder_->dir());
  if (const auto name = name_in(file, folder_->dir()))
    folder_->take_sheet(*name, options_.force);
  else if (!options_.force && has_content(file) && !folder_->is_sheet(file))
    refuse_other(file, "--sheet");
  if (!options_.force) need_unedited_sheet(file);
  sheet_.emplace(file);
  sheet_before_ = file_state(file);
}

void StoryRun::hold_trace() {
  if (!options_.trace) return;
  std::error_code none;
  for (const fs::path& file : {*options_.trace, fs::path(options_.trace->string() + ".json")}) {
    if (fs::exists(file, none) && !fs::is_regular_file(file, none) && !fs::is_directory(file, none))
      fail_input(fmt::format("{}: is not a regular file; --trace makes two, FILE and FILE.json", file.string()));
    const WritablePlace shown(file);
    if (!options_.force && has_content(file) && !is_own_trace(*folder_, file)) refuse_other(file, "--trace");
  }
  trace_.emplace(*options_.trace);
}

StoryRun::End StoryRun::make(Backend& backend) {
  listener_.on_start(*folder_, backend.name());
  const bool staged = needs_stages(backend);
  Engine engine(backend, model_, {.types = options_.types, .staged = staged});
  check_size(engine.config, request_);
  listener_.on_loaded();

  Trace trace;
  Trace* const traced = options_.trace ? &trace : nullptr;
  if (request_.start) {
    check_texts(engine.language, request_);  // the Storyteller would refuse them only after the picture was written
    add_start();
  }
  if (options_.text_first || staged)
    tell_then_paint(engine, traced);
  else
    tell_and_paint(engine, traced);
  const bool is_whole = is_told_ && made_ == told_;
  if (is_whole && made_ == 0) fail("the model made no picture of this story");
  if (frames() > 0) folder_->finish(is_whole);
  if (is_whole && traced) trace_->write(trace, story_mark(record_));
  if (is_whole) write_sheet(folder_->frames());  // last, as the same run makes it again in no time
  return is_whole ? End::whole : End::stopped;
}

// ErrorKind::resource where even one stage's parts do not fit into memory.
bool StoryRun::needs_stages(const Backend& backend) {
  if (!options_.may_stage) return false;
  const Plan plan = make_plan(model_, request_, options_.types, &backend);
  const Fit fit = fit_into(plan, backend.free_bytes());
  if (fit == Fit::none) fail_resource(too_large(plan, backend.free_bytes(), options_.types.language.weights));
  if (fit == Fit::in_stages)
    listener_.on_warning(fmt::format("all parts take {:.1f} GiB, {:.1f} are free: one stage at a time, text first",
                                     gib(plan.bytes_at_once()), gib(backend.free_bytes())));
  return fit == Fit::in_stages;
}

void StoryRun::tell_and_paint(Engine& engine, Trace* traced) {
  Storyteller teller = make_storyteller(engine, request_, listener_, traced);
  Painter painter = make_painter(engine, request_, listener_, traced);
  while (const auto frame = tell_next(teller)) add(*frame, painter);
}

// In stages the teller's memory must be gone before the painter's comes.
void StoryRun::tell_then_paint(Engine& engine, Trace* traced) {
  std::vector<Frame> frames;
  {
    Storyteller teller = make_storyteller(engine, request_, listener_, traced);
    while (auto frame = tell_next(teller)) frames.push_back(std::move(*frame));
  }
  listener_.on_all_told();
  if (listener_.wants_stop()) return;
  Painter painter = make_painter(engine, request_, listener_, traced);
  for (const Frame& frame : frames)
    if (!listener_.wants_stop()) add(frame, painter);
}

// Nothing: the story is over, or is to stop.
std::optional<Frame> StoryRun::tell_next(Storyteller& teller) {
  is_told_ = is_told_ || told_ == request_.frames;
  if (is_told_ || listener_.wants_stop()) return std::nullopt;
  listener_.on_telling(told_ + (request_.start ? 1 : 0));
  auto frame = teller.next();
  is_told_ = !frame;
  if (!frame) return std::nullopt;
  listener_.on_told(*frame);
  ++told_;
  return frame;
}

// The user's own picture, and the text that belongs to it.
void StoryRun::add_start() {
  const Frame frame{
      .index = 0, .text = request_.captions.empty() ? request_.prompt : request_.captions[0], .feature = {}};
  listener_.on_text(0, frame.text);
  listener_.on_text_end(0);
  listener_.on_picture(*folder_, folder_->add(frame, *request_.start, true), false);
}

// A trace wants every stage, so that nothing is kept for it.
void StoryRun::add(const Frame& frame, Painter& painter) {
  ++made_;
  if (const auto kept = options_.trace ? std::nullopt : folder_->keep(frame))
    return listener_.on_picture(*folder_, *kept, true);
  listener_.on_painting(frame.index);
  listener_.on_picture(*folder_, folder_->add(frame, painter.paint(frame)), false);
}

void StoryRun::write_sheet(const std::vector<StoredFrame>& frames) {
  if (!options_.sheet) return;
  const fs::path file = sheet_file(*options_.sheet, folder_->dir());
  try {
    const std::string lacks =
        folder_->write_sheet(file, sheet_before_, frames, [this] { return listener_.wants_stop(); });
    if (!lacks.empty()) listener_.on_warning(lacks);
    listener_.on_sheet(file);
  } catch (const Error& error) {
    if (!listener_.wants_stop()) throw;
    sheet_cut_ = true;
    listener_.on_warning(error.what());
  }
}

}  // namespace seedstory
