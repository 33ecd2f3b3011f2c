// How long the rest of a story takes, from the time that its stages took so far.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace seedstory {

class Estimate {
 public:
  // `pictures` of `steps` each are to be made.
  Estimate(int64_t pictures, int64_t steps) : pictures_(pictures), steps_(steps) {}

  // What a stage took, in seconds, told when it is over.
  void told(double seconds);     // the words of one frame
  void stepped(double seconds);  // one denoising step
  void decoded(double seconds);  // one picture's pixels; the picture is done
  void kept();                   // a picture that was there already

  // Seconds until the last picture is done; nothing before a step was measured. What was never measured counts as 0.
  std::optional<double> left() const;

 private:
  // Follows a machine that gets busier: of about the last eight.
  struct Mean {
    double value = 0;
    int count = 0;
    void add(double seconds);
  };

  int64_t pictures_, steps_;
  int64_t told_ = 0, done_ = 0, step_ = 0;
  Mean telling_, step_time_, decoding_;
};

// "45 s", "3 min 20 s", "2 h 5 min".
std::string readable_time(double seconds);

}  // namespace seedstory
