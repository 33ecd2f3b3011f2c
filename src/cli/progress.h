// A story while it is made: words to stdout as they come, how far it is to stderr, events to a program that listens.
#pragma once

#include <chrono>
#include <string>

#include "cli/estimate.h"
#include "cli/terminal.h"
#include "story/story_run.h"

namespace seedstory {

class Progress : public RunListener {
 public:
  // Words go to stdout if `show_words`.
  Progress(Terminal& terminal, const StoryRecord& record, bool show_words);

  bool wants_stop() override;
  void on_start(const StoryFolder& folder, const std::string& backend) override;
  void on_telling(int64_t index) override;
  void on_told(const Frame& frame) override;
  void on_painting(int64_t index) override;
  void on_picture(const StoryFolder& folder, const StoredFrame& frame, bool was_there) override;
  void on_sheet(const std::filesystem::path& file) override;
  void on_text(int64_t index, std::string_view piece) override;
  void on_text_end(int64_t index) override;
  void on_step(int64_t index, int64_t step, int64_t steps) override;
  void on_decode(int64_t index) override;
  void on_warning(std::string_view message) override { terminal_.warn(message); }

 private:
  double lap();
  void print(int64_t index, std::string_view piece);
  void step_event(int64_t index, const char* stage, int64_t step, int64_t steps);
  void frame_event(const char* name, int64_t index, const Json& fields);
  void show_painting(int64_t index, const std::string& what);
  void check_interrupt();

  Terminal& terminal_;
  const StoryRecord& record_;
  std::string dir_;                         // the story's folder
  const int64_t first_, pictures_, steps_;  // first_: the frame that the model makes first
  const bool show_words_;
  Estimate estimate_;
  std::chrono::steady_clock::time_point lap_ = std::chrono::steady_clock::now();
  int64_t spoken_ = -1;  // the frame whose words were printed last
  bool stop_said_ = false;
};

}  // namespace seedstory
