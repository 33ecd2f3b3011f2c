// LoRA factors that are merged into the weights as these are read.
#include "model/lora.h"

#include "catch.h"
#include "cpu/cpu_backend.h"
#include "made_model.h"
#include "model/llama.h"
#include "run.h"

using namespace seedstory;

namespace {

using Floats = std::vector<float>;

Floats load(const TensorSource& source, std::optional<double> alpha) {
  const auto be = make_cpu_backend(1);
  Tensor w;
  WeightTable table;
  table.add(w, Stored{"up.weight", {2, 3}});
  const WeightBlock block = WeightLoader(*be, source, "llm", {.lora_alpha = alpha}).load(table);
  return download(*be, w);
}

std::shared_ptr<MapSource> peft_source() {
  auto source = std::make_shared<MapSource>();
  source->add("up.weight", {2, 3}, {1, 2, 3, 4, 5, 6});
  source->add("up.lora_A.default.weight", {2, 3}, {1, 0, 2, 0, 1, 1});
  source->add("up.lora_B.default.weight", {2, 2}, {1, 0, 3, -1});
  return source;
}

}  // namespace

TEST_CASE("LoRA is merged as W + alpha / r B A", "[model]") {
  // B A = (1 0 2; 3 -1 5), alpha / r = 3.
  CHECK(load(*peft_source(), 6) == Floats{4, 2, 9, 13, 2, 21});
  CHECK_THROWS_WITH(load(*peft_source(), {}),
                    "llm: tensors of made: 2 unexpected: up.lora_A.default.weight, up.lora_B.default.weight");
}

TEST_CASE("LoRA factors that do not fit are named", "[model]") {
  const auto source = peft_source();
  SECTION("one is missing") {
    source->remove("up.lora_B.default.weight");
    CHECK_THROWS_WITH(load(*source, 6), "llm: tensors of made: 1 missing: up.lora_B.default.weight");
  }
  SECTION("ranks differ") {
    source->add("up.lora_B.default.weight", {2, 3}, Floats(6));
    CHECK_THROWS_WITH(load(*source, 6),
                      "llm: tensors of made: 1 wrong: up.lora_B.default.weight is f32(2, 3), expected (2, 2)");
  }
  SECTION("of a weight that nobody has") {
    source->add("down.lora_A.default.weight", {1, 1}, {1});
    CHECK_THROWS_WITH(load(*source, 6), "llm: tensors of made: 1 unexpected: down.lora_A.default.weight");
  }
  SECTION("a factor without axes") {
    source->add("up.lora_A.default.weight", {}, {1});
    CHECK_THROWS_AS(load(*source, 6), Error);
  }
}

TEST_CASE("Columns that no vector holds are merged too", "[model]") {
  const int64_t n = 3, k = 19, r = 5;
  MapSource source;
  const Floats a = made_values(r * k, 1), b = made_values(n * r, 2), w0 = made_values(n * k, 3);
  source.add("w.lora_A.default.weight", {r, k}, a);
  source.add("w.lora_B.default.weight", {n, r}, b);
  Floats w = w0;
  merge_lora(source, "w.weight", 10, w.data(), 0, 1, k);
  merge_lora(source, "w.weight", 10, w.data() + k, 1, n - 1, k);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < k; ++j) {
      double sum = w0[size_t(i * k + j)];
      for (int64_t p = 0; p < r; ++p) sum += 2.0 * b[size_t(i * r + p)] * a[size_t(p * k + j)];
      CHECK(w[size_t(i * k + j)] == Approx(sum).epsilon(1e-6).margin(1e-6));
    }
}

TEST_CASE("A peft checkpoint goes by its model's own names", "[model]") {
  auto inner = std::make_shared<MapSource>();
  inner->add("model.norm.original_module.weight", {1}, {1});
  inner->add("model.norm.modules_to_save.default.weight", {1}, {2});
  inner->add("lm_head.weight", {1}, {3});
  inner->add("q_proj.base_layer.weight", {1}, {4});
  inner->add("q_proj.lora_A.default.weight", {1}, {5});
  const auto plain = plain_peft_names(inner);
  CHECK(plain->names() == std::vector<std::string>{"lm_head.weight", "model.norm.weight",
                                                   "q_proj.lora_A.default.weight", "q_proj.weight"});
  CHECK(*plain->find("model.norm.weight")->values.as<float>() == 2);
  CHECK(*plain->find("q_proj.weight")->values.as<float>() == 4);
  CHECK(plain->find("model.norm.original_module.weight") == nullptr);

  inner->add("model.norm.weight", {1}, {6});
  CHECK_THROWS_AS(plain_peft_names(inner), Error);
}
