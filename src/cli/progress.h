// A story while it is made: words to stdout as they come, how far it is to stderr, events to a program that listens.
#pragma once

#include <chrono>
#include <string>

#include "cli/estimate.h"
#include "cli/terminal.h"
#include "output/story_folder.h"

namespace seedstory {

class Progress : public StoryListener {
 public:
  // Words go to stdout if `show_words`; `dir` is the story's folder.
  Progress(Terminal& terminal, const StoryRequest& request, std::string dir, bool show_words);

  void started(const StoryRecord& record, const std::string& backend);
  void telling(int64_t index);
  void told(const Frame& frame);
  void painting(int64_t index);
  void painted(const StoredFrame& frame, bool was_there);

  void on_text(int64_t index, std::string_view piece) override;
  void on_text_end(int64_t index) override;
  void on_step(int64_t index, int64_t step, int64_t steps) override;
  void on_decode(int64_t index) override;
  void on_warning(std::string_view message) override { terminal_.warn(message); }

 private:
  double lap();
  void print(int64_t index, std::string_view piece);
  void step_event(int64_t index, const char* stage, int64_t step, int64_t steps);
  void frame_event(const char* name, int64_t index, const nlohmann::ordered_json& fields);
  void show_painting(int64_t index, const std::string& what);
  void check_interrupt();

  Terminal& terminal_;
  const std::string dir_;
  const int64_t first_, pictures_, steps_;  // first_: the frame that the model makes first
  const bool show_words_;
  Estimate estimate_;
  std::chrono::steady_clock::time_point lap_ = std::chrono::steady_clock::now();
  int64_t spoken_ = -1;  // the frame whose words were printed last
  bool stop_said_ = false;
};

}  // namespace seedstory
