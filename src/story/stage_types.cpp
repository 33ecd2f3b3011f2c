#include "story/stage_types.h"

namespace seedstory {

StageTypes StageTypes::of_card(WeightFormat weights) {
  const bool is_f32 = weights == WeightFormat::f32, is_bf16 = weights == WeightFormat::bf16;
  StageTypes types(NumberTypes{weights, is_f32 ? DType::f32 : is_bf16 ? DType::bf16 : DType::f16});
  if (types.vae.activations == DType::f16) types.vae.activations = DType::bf16;
  if (types.vae.weights == WeightFormat::f16) types.vae.weights = WeightFormat::bf16;
  return types;
}

}  // namespace seedstory
