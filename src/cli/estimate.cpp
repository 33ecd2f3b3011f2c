#include "cli/estimate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace seedstory {

void Estimate::Mean::add(double seconds) {
  count = std::min(count + 1, 8);
  value += (seconds - value) / count;
}

void Estimate::told(double seconds) {
  telling_.add(seconds);
  ++told_;
}

void Estimate::stepped(double seconds) {
  step_time_.add(seconds);
  ++step_;
}

void Estimate::decoded(double seconds) {
  decoding_.add(seconds);
  kept();
}

void Estimate::kept() {
  ++done_;
  step_ = 0;
}

std::optional<double> Estimate::left() const {
  if (step_time_.count == 0) return std::nullopt;
  const auto tells = double(pictures_ - told_), pictures = double(pictures_ - done_);
  return tells * telling_.value + (pictures * double(steps_) - double(step_)) * step_time_.value +
         pictures * decoding_.value;
}

std::string readable_time(double seconds) {
  const auto whole = int64_t(std::ceil(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

}  // namespace seedstory
