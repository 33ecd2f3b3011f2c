#include "cli/progress.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/number.h"

namespace seedstory {
namespace {

// A tenth of a second is more than an estimate knows.
Json eta(const Estimate& estimate) {
  const std::optional<double> left = estimate.left();
  return left ? Json(std::round(*left * 10) / 10) : Json(nullptr);
}

std::string bar(int64_t step, int64_t steps) {
  constexpr int64_t kWidth = 20;
  const int64_t full = step * kWidth / steps;
  return "[" + std::string(size_t(full), '#') + std::string(size_t(kWidth - full), '-') + "]";
}

}  // namespace

Progress::Progress(Terminal& terminal, const StoryRecord& record, bool show_words)
    : terminal_(terminal),
      record_(record),
      first_(record.request.start ? 1 : 0),
      pictures_(record.request.frames),
      steps_(record.request.steps),
      show_words_(show_words),
      estimate_(pictures_, steps_) {}

double Progress::lap() {
  const auto now = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(now - std::exchange(lap_, now)).count();
}

bool Progress::wants_stop() {
  return stop_asked() != 0;
}

void Progress::on_start(const StoryFolder& folder, const std::string& backend) {
  dir_ = folder.dir().string();
  const StoryRequest& r = record_.request;
  terminal_.say(fmt::format("{} on {}; seed {}, {} of {}x{}, {}", record_.model, backend, r.seed,
                            counted(r.frames, "frame"), r.width, r.height, counted(r.steps, "step")));
  terminal_.event("start", {{"story", dir_},
                            {"frames", pictures_},
                            {"steps", steps_},
                            {"width", r.width},
                            {"height", r.height},
                            {"seed", r.seed},
                            {"model", record_.model},
                            {"backend", backend}});
}

void Progress::frame_event(const char* name, int64_t index, const Json& fields) {
  Json json = {{"story", dir_}, {"frame", index}, {"frames", pictures_}};
  json.update(fields);
  terminal_.event(name, json);
}

void Progress::step_event(int64_t index, const char* stage, int64_t step, int64_t steps) {
  frame_event("step", index, {{"stage", stage}, {"step", step}, {"steps", steps}, {"eta_s", eta(estimate_)}});
}

void Progress::on_telling(int64_t index) {
  lap();
  step_event(index, "llm", 0, 1);
  terminal_.live(fmt::format("frame {:03}: words", index));
}

void Progress::on_told(const Frame& frame) {
  estimate_.told(lap());
  frame_event("text", frame.index, {{"stage", "llm"}, {"text", frame.text}});
}

void Progress::on_painting(int64_t index) {
  lap();
  step_event(index, "denoise", 0, steps_);
}

void Progress::on_picture(const StoryFolder&, const StoredFrame& frame, bool was_there) {
  const std::string file = (std::filesystem::path(dir_) / frame.file).string();
  if (was_there)
    estimate_.kept();
  else if (frame.index >= first_)
    estimate_.decoded(lap());
  terminal_.say(fmt::format("frame {:03} {} {}", frame.index, was_there ? "is there:" : "->",
                            dir_.empty() ? "standard output" : file));  // a stream has no folder
  frame_event("image", frame.index, {{"file", file}, {"seed", frame.seed}, {"was_there", was_there}});
  frame_event("frame_done", frame.index, {{"eta_s", eta(estimate_)}});
}

void Progress::on_sheet(const std::filesystem::path& file) {
  terminal_.say(fmt::format("sheet -> {}", file.string()));
}

void Progress::on_text(int64_t index, std::string_view piece) {
  check_interrupt();
  print(index, piece);
}

void Progress::on_text_end(int64_t index) {
  print(index, "\n");
}

void Progress::on_step(int64_t index, int64_t step, int64_t steps) {
  check_interrupt();
  estimate_.stepped(lap());
  step_event(index, "denoise", step, steps);
  show_painting(index, fmt::format("painting {} step {} of {}", bar(step, steps), step, steps));
}

void Progress::on_decode(int64_t index) {
  step_event(index, "vae", 0, 1);
  show_painting(index, "decoding");
}

void Progress::show_painting(int64_t index, const std::string& what) {
  const std::optional<double> left = estimate_.left();
  terminal_.live(
      fmt::format("frame {:03}: {}{}", index, what, left ? fmt::format(", {} left", readable_time(*left)) : ""));
}

void Progress::print(int64_t index, std::string_view piece) {
  if (!show_words_) return;
  const bool next_frame = spoken_ >= 0 && index != spoken_;
  spoken_ = index;
  terminal_.story(next_frame ? "\n" + std::string(piece) : std::string(piece));
}

void Progress::check_interrupt() {
  if (!stop_asked() || stop_asked() == kStoppedByReader || std::exchange(stop_said_, true)) return;
  terminal_.warn("stopping after this frame; a second signal stops at once");
}

}  // namespace seedstory
