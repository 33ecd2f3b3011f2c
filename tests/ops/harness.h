// How the op tests meet Catch2 and the backends of this program.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "catch.h"
#include "oracle/oracle.h"

namespace seedstory {

using oracle::Inputs;
using oracle::Tolerance;

// What the tests of this program run on; each program defines its own.
const std::vector<std::unique_ptr<Backend>>& backends();

// Largest relative error of rounding to the type.
constexpr double unit_roundoff(DType type) {
  return type == DType::f32 ? 0x1p-24 : type == DType::f16 ? 0x1p-11 : 0x1p-8;
}

// The Error lines of the backends' LayerNorm and GroupNorm; then y is rounded to its type.
inline Tolerance norm_tolerance(DType type) {
  return {.rel = type == DType::f32 ? 0 : unit_roundoff(type), .sum = 0x1p-21};
}

// The message of the Error that f throws, which is of this kind; empty if there is none.
inline std::string error_of(const std::function<void()>& f, ErrorKind kind) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(error.kind == kind);
    return error.what();
  }
  return "";
}

template <class Op>
void expect_matches_oracle(Backend& backend, const Op& op, Tolerance tolerance) {
  using oracle::Weights;
  CHECK(oracle::mismatch(backend, op, tolerance) == "");
  if (HasWeight<Op>) CHECK(oracle::mismatch(backend, op, tolerance, Weights::packed) == "");
}

// Every output, on every backend.
template <class Op>
void expect_matches_oracle(const Op& op, Tolerance tolerance,
                           const std::vector<std::unique_ptr<Backend>>& on = backends()) {
  for (const auto& backend : on) expect_matches_oracle(*backend, op, tolerance);
}

// The text that check() throws, or "" where it is content.
template <class Op>
std::string complaint(const Op& op) {
  try {
    op.check();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

// The same with one tensor exchanged, or the weight.
template <class Op, class Field>
std::string complaint(Op op, Field Op::*field, const Field& t) {
  op.*field = t;
  return complaint(op);
}

}  // namespace seedstory
