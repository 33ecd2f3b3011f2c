// The pieces of a story's work, each on its own: the program's own code on inputs of the usual size.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "language/session.h"
#include "story/story.h"

namespace seedstory {

// What is round a stage: a clock, a recording, or nothing.
class StageObserver {
 public:
  virtual ~StageObserver() = default;
  virtual void begin() {}
  virtual void end(const std::string& /*stage*/) {}
};

class Stages {
 public:
  static constexpr int64_t kContext = 256;  // tokens that a frame begins with: a window of some pictures
  static constexpr int64_t kWords = 32;     // tokens of a frame's text
  static constexpr int64_t kTokens = 9;     // watched at each depth, each on its own

  // Stages whose names `wanted` refuses are left out, where that saves work. What a story repeats is done so many times
  // before it is watched: a backend that records such work is then past its record.
  Stages(Engine& engine, std::function<bool(const std::string&)> wanted, int64_t warm = 0);

  // Every stage once, a token kTokens times, in the order of a story; `watch` hears of each.
  void run(StageObserver& watch);

  static constexpr const char* kWholeFrame = "frame";

 private:
  int64_t positions() const;
  void encode_picture(StageObserver& watch);
  std::vector<int64_t> depths() const;
  void language(StageObserver& watch);
  void tokens(StageObserver& watch, int64_t depth);
  void paint(StageObserver& watch);
  void whole_frame(StageObserver& watch);

  Engine& engine_;
  std::function<bool(const std::string&)> wanted_;
  int64_t warm_;
  StoryRequest request_;
  std::vector<int> context_, picture_;                // tokens
  std::map<int64_t, std::unique_ptr<Session>> deep_;  // by depth, each filled once
};

}  // namespace seedstory
