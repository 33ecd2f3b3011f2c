// Where things are: tables of positions.
#pragma once

#include <cstdint>
#include <vector>

namespace seedstory {

// table (from^2, dim) of a square grid, resized to (to^2, dim) as torch.nn.functional.interpolate(mode="bicubic",
// align_corners=False): no antialiasing, A = -0.75, taps beyond the border are clamped. The same size is a copy.
std::vector<float> resize_grid(const std::vector<float>& table, int64_t from, int64_t to, int64_t dim);

// The side of a square table of positions; fails (ErrorKind::input) if `positions` is not a square.
int64_t grid_side(int64_t positions, const char* what);

// (positions, head_dim): [cos of d/2 angles | sin of them], angle p theta^(-2j/d). Computed in double.
std::vector<float> rope_table(int64_t positions, int64_t head_dim, double theta);

}  // namespace seedstory
