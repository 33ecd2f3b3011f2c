// Tables of positions; PyTorch made the resized ones.
#include "model/position.h"

#include <cmath>

#include "catch.h"
#include "seedstory/error.h"

using namespace seedstory;

TEST_CASE("Position tables are resized with PyTorch's bicubic taps", "[model]") {
  // One position is 1, the others 0: the output shows the weights of the taps.
  SECTION("up by two") {
    std::vector<float> table(16, 0);
    table[1 * 4 + 1] = 1;
    const std::vector<float> out = resize_grid(table, 4, 8, 1);
    const float even = 0.87890625f, odd = 0.26171875f;  // row 2 is tap f, row 4 is tap f - 1 + ... of row 1
    CHECK(out[3 * 8 + 3] == Approx(even * even));
    CHECK(out[2 * 8 + 2] == Approx(even * even));
    CHECK(out[4 * 8 + 3] == Approx(odd * even));
    CHECK(out[5 * 8 + 5] == Approx(0.10546875f * 0.10546875f));
    CHECK(out[6 * 8 + 3] == Approx(-0.03515625f * even));
  }
  SECTION("down by two") {
    std::vector<float> table(64, 0);
    table[2 * 8 + 4] = 1;
    const std::vector<float> out = resize_grid(table, 8, 4, 1);
    CHECK(out[1 * 4 + 2] == Approx(0.59375f * 0.59375f));
    CHECK(out[0 * 4 + 2] == Approx(-0.09375f * 0.59375f));
  }
  SECTION("taps beyond the border are the border") {
    const std::vector<float> out = resize_grid(std::vector<float>(9, 2.0f), 3, 7, 1);
    for (float v : out) CHECK(v == Approx(2));
  }
  SECTION("the same size is a copy") {
    const std::vector<float> table = {0.1f, -0.2f, 0.3f, 0.4f, 5, 6, 7, 8};
    CHECK(resize_grid(table, 2, 2, 2) == table);
  }
}

TEST_CASE("A table of positions must be a square", "[model]") {
  CHECK(grid_side(256, "pos_embed") == 16);
  CHECK_THROWS_WITH(grid_side(60, "pos_embed"), "pos_embed: 60 positions are no square grid");
  CHECK_THROWS_AS(grid_side(0, "pos_embed"), Error);
}

TEST_CASE("The RoPE table holds cosines, then sines", "[model]") {
  const std::vector<float> table = rope_table(4, 128, 10000);
  CHECK(table[0] == 1);
  CHECK(table[64] == 0);
  CHECK(table[3 * 128] == Approx(std::cos(3.0)));
  CHECK(table[1 * 128 + 64 + 1] == Approx(std::sin(0.8659643)));
  CHECK(table[1 * 128 + 64 + 63] == Approx(std::sin(1.1547820e-4)));
}
