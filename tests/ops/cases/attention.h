#pragma once

#include <cmath>

#include "ops/harness.h"

namespace seedstory {

// run(op) for each case; every backend's tests run these same ones.
template <class Run>
void for_attention_cases(DType type, Run&& run) {
  static constexpr struct {
    int64_t n, queries, keys, heads, dim;
    const char* why;
  } cases[] = {
      {2, 64, 64, 4, 32, "nano's UNet, self"},
      {2, 256, 32, 4, 32, "nano's UNet, cross"},
      {1, 64, 256, 6, 32, "nano's ViT pool"},
      {1, 70, 150, 2, 104, "the ViT's head, ragged"},
      {1, 150, 64, 2, 64, "SDXL's UNet, cross"},
      {1, 100, 200, 1, 128, "nano's VAE, less of it"},
      {1, 33, 300, 1, 512, "SDXL's VAE, several tiles of keys"},
      {1, 1, 1, 1, 8, "one key: its value"},
      {3, 5, 7, 3, 40, "smaller than any tile"},
      {1, 0, 4, 2, 32, "no queries"},
      {1, 50, 131, 2, 7, "a head that has no pairs"},
      {2, 9, 65, 2, 80, "one key more than a tile"},
      {1, 20, 70, 1, 136, "a head of more than most"},
  };
  for (auto [n, queries, keys, heads, dim, why] : cases) {
    INFO(n << " x " << queries << " x " << keys << " x " << heads << " x " << dim << ": " << why);
    Inputs in(1);
    run(Attention{.y = in.uninitialized(type, {n, queries, heads, dim}),
                  .q = in.normal(type, {n, queries, heads, dim}),
                  .k = in.normal(type, {n, keys, heads, dim}),
                  .v = in.normal(type, {n, keys, heads, dim}),
                  .scale = 1 / std::sqrt(float(dim))});
  }
  Inputs in(1);
  {
    INFO("[q | k | v] per head, as the ViT");
    const Tensor per_head = in.normal(type, {2, 20, 3, 3 * 32});
    run(Attention{.y = in.uninitialized(type, {2, 20, 3, 32}),
                  .q = per_head.slice(3, 0, 32),
                  .k = per_head.slice(3, 32, 64),
                  .v = per_head.slice(3, 64, 96),
                  .scale = 0.25f});
  }
  {
    INFO("[q of all heads | k | v], some of the tokens");
    const Tensor rows = in.normal(type, {2, 20, 3 * 64});
    run(Attention{.y = in.uninitialized(type, {2, 9, 2, 40}).slice(3, 8, 40),
                  .q = rows.slice(1, 4, 13).slice(2, 0, 64).split(2, 32),
                  .k = rows.slice(2, 64, 128).split(2, 32),
                  .v = rows.slice(2, 128, 192).split(2, 32),
                  .scale = 0.25f});
  }
  INFO("scores that exp() alone would not survive");
  run(Attention{.y = in.uninitialized(type, {1, 10, 1, 32}),
                .q = in.normal(type, {1, 10, 1, 32}, 30),
                .k = in.normal(type, {1, 400, 1, 32}, 30),
                .v = in.normal(type, {1, 400, 1, 32}),
                .scale = 1});
}

}  // namespace seedstory
