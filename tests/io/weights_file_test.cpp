#include "io/weights_file.h"

#include "catch.h"
#include "io/golden.h"

using namespace seedstory;

TEST_CASE("The golden weights open", "[io][golden]") {
  if (!have_golden()) return;
  const auto pretrained = golden_dir() / "a" / "pretrained";
  CHECK(open_weights(pretrained / "seed_story/george_sft/pytorch_model.bin")->names().size() == 102);
  CHECK(open_weights(pretrained / "visual_tokenizer/qwen_vit_G.pt")->names().size() == 42);
}
