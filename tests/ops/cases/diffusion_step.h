#pragma once

#include <array>
#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// A row a step: the model's input; x, uncond, cond, history; what the history becomes. Two guided Euler steps, one of
// DPM++ 2M, and one whose first columns are off.
inline const std::vector<double> kSteps = {0.0759, 1,    9.3875, -10.832, 0,      1,    1.5,   -2.5,   //
                                           1,      0.93, 0.45,   -0.52,   0,      1.02, -0.25, 0.125,  //
                                           1,      0.71, -1.2,   1.6,     -0.375, 1.5,  6.5,   -7.5,   //
                                           0,      0,    0,      1,       1,      0,    0,     1};

inline Tensor table(Inputs& in) {
  return in.values(DType::f32, {4, kStepColumns}, kSteps);
}

inline Tensor number(Inputs& in, double value) {
  return in.values(DType::i32, {1}, {value});
}

// The first channels of a deeper picture: no two pixels are neighbours.
inline Tensor apart(const Tensor& t, int64_t channels) {
  return t.slice(3, 0, channels);
}

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_scale_input_cases(DType type, Run&& run) {
  struct {
    int64_t n, copies, h, w, c;
    const char* why;
  } cases[] = {{1, 2, 9, 7, 4, "guidance"},
               {1, 1, 9, 7, 4, "no guidance"},
               {3, 2, 5, 2, 3, "three pictures"},
               {1, 2, 64, 64, 4, "more threads than one"},
               {0, 1, 4, 4, 4, "no picture"}};
  for (auto [n, copies, h, w, c, why] : cases)
    for (double step : {0.0, 1.0, 3.0}) {
      INFO(why << ", step " << step);
      Inputs in(1);
      run(ScaleInput{.y = in.uninitialized(type, {n * copies, h, w, c}),
                     .x = in.normal(DType::f32, {n, h, w, c}, 10),
                     .coefficients = table(in),
                     .step = number(in, step)});
    }
  Inputs in(2);
  run(ScaleInput{.y = apart(in.uninitialized(type, {2, 3, 5, 8}), 4),
                 .x = apart(in.normal(DType::f32, {1, 3, 5, 8}), 4),
                 .coefficients = table(in),
                 .step = number(in, 0)});
}

// m is of the type.
template <class Run>
void for_scheduler_step_cases(DType type, Run&& run) {
  struct {
    int64_t n, copies, h, w, c;
    const char* why;
  } cases[] = {{1, 2, 9, 7, 4, "guidance"},
               {1, 1, 9, 7, 4, "no guidance: no column for the unconditional half"},
               {3, 2, 5, 2, 3, "three pictures: all unconditional halves come first"},
               {1, 2, 64, 64, 4, "more threads than one"},
               {0, 2, 4, 4, 4, "no picture"}};
  for (auto [n, copies, h, w, c, why] : cases)
    for (bool history : {false, true})
      for (double step : {0.0, 1.0, 2.0, 3.0}) {
        INFO(why << ", step " << step << (history ? ", history" : ""));
        Inputs in(1);
        run(SchedulerStep{.x = in.normal(DType::f32, {n, h, w, c}, 10),
                          .m = in.normal(type, {n * copies, h, w, c}),
                          .history = history ? in.normal(DType::f32, {n, h, w, c}) : Tensor{},
                          .coefficients = table(in),
                          .step = number(in, step)});
      }
  Inputs in(2);
  run(SchedulerStep{.x = apart(in.normal(DType::f32, {1, 3, 5, 8}), 4),
                    .m = in.normal(type, {2, 3, 5, 4}),
                    .history = apart(in.normal(DType::f32, {1, 3, 5, 8}), 4),
                    .coefficients = table(in),
                    .step = number(in, 2)});
}

// A history without a coefficient is not read: it is NaN here.
template <class Run>
void for_unread_history_cases(Run&& run) {
  Inputs in(1);
  run(SchedulerStep{.x = in.normal(DType::f32, {1, 3, 5, 4}),
                    .m = in.normal(DType::f32, {2, 3, 5, 4}),
                    .history = in.uninitialized(DType::f32, {1, 3, 5, 4}),
                    .coefficients = table(in),
                    .step = number(in, 0)});
}

// run(op): angles up to some thousand.
template <class Run>
void for_sinusoid_cases(DType type, Run&& run) {
  Inputs in(1);
  run(Sinusoid{.y = in.uninitialized(type, {5, 320}), .t = in.values(DType::f32, {5}, {0, 1, 21, 981, 1024})});
}

struct PublishedSinusoid {
  double t;
  int64_t dim;
  size_t index;
  double value;
};
// Computed in double; an f32 angle, as torch takes it, is up to 7e-6 beside them.
inline constexpr PublishedSinusoid kPublishedSinusoids[] = {
    {981, 320, 0, 0.679957},    {981, 320, 1, -0.798430},    {981, 320, 159, 0.994606},   {981, 320, 160, 0.733252},
    {981, 320, 161, 0.602088},  {981, 320, 319, 0.103726},   {1024, 256, 0, 0.987354},    {1024, 256, 1, -0.537610},
    {1024, 256, 127, 0.993952}, {1024, 256, 128, -0.158533}, {1024, 256, 129, -0.843193}, {1024, 256, 255, 0.109818},
};

inline void expect_published_sinusoids(Backend& backend) {
  for (const auto& [t, dim, index, value] : kPublishedSinusoids) {
    INFO(t << ", " << index << " of " << dim);
    Inputs in(1);
    const Sinusoid op{.y = in.uninitialized(DType::f32, {1, dim}), .t = in.values(DType::f32, {1}, {t})};
    CHECK(std::fabs(oracle::result(backend, op)[index] - value) < 1e-5);
  }
}

// run(op) for each case: the bytes of y and `bad` are exact.
template <class Run>
void for_to_pixels_cases(DType type, Run&& run) {
  Inputs in(1);
  for (auto [h, w, c] : {std::array<int64_t, 3>{9, 7, 3}, {64, 96, 3}, {0, 4, 3}, {1, 1, 1}})
    run(ToPixels{.y = in.uninitialized(DType::u8, {1, h, w, c}),
                 .x = in.normal(type, {1, h, w, c}, 0.7),
                 .bad = in.uninitialized(DType::i32, {1})});
  run(ToPixels{.y = in.uninitialized(DType::u8, {2, 3, 5, 4}).slice(3, 0, 3),
               .x = in.normal(type, {2, 3, 5, 3}),
               .bad = in.uninitialized(DType::i32, {1})});
  const double nan = NAN, inf = INFINITY;
  run(ToPixels{.y = in.uninitialized(DType::u8, {1, 1, 5, 3}),
               .x = in.values(type, {1, 1, 5, 3},
                              {-1, -2, 1, 1.5, 0, -0.0, inf, -inf, nan, 1e30, -1e30, 0.25, -0.25, 1e-8, 0.5}),
               .bad = in.uninitialized(DType::i32, {1})});
  // Every last place round every half.
  std::vector<double> halves;
  for (int i = 0; i < 255; ++i)
    for (float at : {float((i + 0.5) / 255 * 2 - 1)})
      for (float x : {std::nextafter(at, -2.0f), at, std::nextafter(at, 2.0f)}) halves.push_back(x);
  const auto count = int64_t(halves.size());
  run(ToPixels{.y = in.uninitialized(DType::u8, {1, 1, count / 3, 3}),
               .x = in.values(type, {1, 1, count / 3, 3}, halves),
               .bad = in.uninitialized(DType::i32, {1})});
}

}  // namespace seedstory
