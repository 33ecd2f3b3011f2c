// OnlineSoftmax on the host: its functions need no device.
#include "../../cuda/device/online_softmax.cuh"

#include <catch.h>

#include <random>
#include <vector>

using namespace seedstory;

namespace {

// A softmax and one weighted sum beside it.
struct Attended {
  OnlineSoftmax softmax;
  float value = 0;

  void add(const std::vector<float>& scores, const std::vector<float>& values) {
    float top = -INFINITY;
    for (float score : scores) top = std::fmax(top, score);
    value *= softmax.raise(top);
    for (size_t i = 0; i < scores.size(); ++i) {
      const float weight = exp2_approx(scores[i] + softmax.offset());
      softmax.sum += weight;
      value += weight * values[i];
    }
  }
  void merge(const Attended& other) {
    const OnlineSoftmax::Factors factors = softmax.merge(other.softmax);
    value = value * factors.mine + other.value * factors.other;
  }
};

double exact(const std::vector<float>& scores, const std::vector<float>& values) {
  double sum = 0, value = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    sum += std::exp2(double(scores[i]));
    value += std::exp2(double(scores[i])) * double(values[i]);
  }
  return value / sum;
}

}  // namespace

TEST_CASE("A softmax in parts is that of all scores, however they are cut", "[simt]") {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> of_score(-60, 60), of_value(0.5f, 2);
  for (size_t part : {1, 2, 7, 64, 100}) {
    INFO(part);
    std::vector<float> scores(100), values(100);
    for (float& score : scores) score = of_score(random);
    for (float& value : values) value = of_value(random);
    Attended parts[3];  // one after the other, and in two sums that are merged
    for (size_t begin = 0; begin < scores.size(); begin += part) {
      const size_t end = std::min(scores.size(), begin + part);
      const std::vector<float> some(scores.begin() + long(begin), scores.begin() + long(end)),
          of_some(values.begin() + long(begin), values.begin() + long(end));
      parts[0].add(some, of_some);
      parts[1 + begin / part % 2].add(some, of_some);
    }
    parts[1].merge(parts[2]);
    for (int i : {0, 1})
      CHECK(double(parts[i].value / parts[i].softmax.sum) ==
            Approx(exact(scores, values)).epsilon(0x1p-20));  // an exponential, a ratio, and sums that do not cancel
    CHECK(parts[0].softmax.max == parts[1].softmax.max);
  }
}

TEST_CASE("A softmax of nothing changes nothing and is no NaN", "[simt]") {
  OnlineSoftmax none;
  CHECK(none.raise(-INFINITY) == 1);
  CHECK(exp2_approx(-INFINITY + none.offset()) == 0);
  OnlineSoftmax some;
  some.raise(3);
  some.sum = 2;
  const OnlineSoftmax::Factors kept = some.merge(none);
  CHECK((kept.mine == 1 && some.max == 3 && some.sum == 2));
  const OnlineSoftmax::Factors taken = none.merge(some);
  CHECK((taken.other == 1 && none.max == 3 && none.sum == 2));
  OnlineSoftmax empty;
  empty.merge(OnlineSoftmax());
  CHECK((empty.max == -INFINITY && empty.sum == 0));
}

TEST_CASE("A maximum that stays leaves every bit", "[simt]") {
  OnlineSoftmax softmax;
  softmax.raise(5);
  softmax.sum = 1.1f;
  CHECK(softmax.raise(4) == 1);
  CHECK(softmax.raise(5) == 1);
  CHECK(softmax.sum == 1.1f);
  CHECK(softmax.raise(6) == Approx(0.5));
}

TEST_CASE("A score that is not a number is passed on", "[simt]") {
  OnlineSoftmax softmax;
  softmax.raise(std::fmax(NAN, 1.0f));
  CHECK(std::isnan(exp2_approx(NAN + softmax.offset())));
}
