// Wavefronts of shared memory and sectors of device memory, request by request.
//
// Shared memory has 32 banks of 4 bytes and gives each bank's word once in a wavefront, to all lanes that want it. 8
// bytes a lane go half a warp at a time, 16 bytes and a matrix of ldmatrix 8 lanes at a time: 1, 2, 4 wavefronts where
// no two words of a bank meet. Device memory comes in sectors of 32 bytes.
#include <algorithm>

#include "warp.h"

namespace ptx {
namespace {

constexpr int kBanks = 32;
constexpr uint64_t kSector = 32;

// The most words of one bank among these lanes.
uint64_t wavefronts(const Addresses& addresses, uint32_t lanes, size_t bytes) {
  uint64_t words[kBanks][kWarp];
  int count[kBanks] = {}, most = 0;
  each_lane(lanes, [&](int lane) {
    for (uint64_t word = addresses[size_t(lane)] / 4; word * 4 < addresses[size_t(lane)] + bytes; ++word) {
      const auto bank = size_t(word % kBanks);
      if (std::find(words[bank], words[bank] + count[bank], word) != words[bank] + count[bank]) continue;
      words[bank][count[bank]] = word;
      most = std::max(most, ++count[bank]);
    }
  });
  return uint64_t(most);
}

bool is_one_stretch(const Addresses& addresses, uint32_t lanes, size_t bytes) {
  if (lanes != ~0u) return false;
  for (size_t i = 1; i < kWarp; ++i)
    if (addresses[i] != addresses[0] + i * bytes) return false;
  return true;
}

}  // namespace

void count_shared(Traffic& traffic, const Addresses& addresses, uint32_t lanes, size_t bytes) {
  const int at_once = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  const bool easy = is_one_stretch(addresses, lanes, bytes) && addresses[0] % 128 == 0;
  ++traffic.requests;
  for (int first = 0; first < kWarp; first += at_once) {
    const uint32_t part = lanes & uint32_t(((uint64_t(1) << at_once) - 1) << first);
    if (part == 0) continue;
    traffic.took += easy ? 1 : wavefronts(addresses, part, bytes);
    traffic.least += 1;
  }
}

void count_global(Traffic& traffic, const Addresses& addresses, uint32_t lanes, size_t bytes) {
  ++traffic.requests;
  if (is_one_stretch(addresses, lanes, bytes)) {
    traffic.took += (addresses[0] + kWarp * bytes - 1) / kSector - addresses[0] / kSector + 1;
    traffic.least += (kWarp * bytes + kSector - 1) / kSector;
    return;
  }
  uint64_t sectors[kWarp];
  uint32_t touched[kWarp];  // bytes
  size_t count = 0;
  each_lane(lanes, [&](int lane) {
    const uint64_t address = addresses[size_t(lane)], sector = address / kSector;
    size_t i = count;
    while (i > 0 && sectors[i - 1] != sector) --i;  // most likely the last one
    if (i == 0) {
      sectors[count] = sector;
      touched[count] = 0;
      i = ++count;
    }
    touched[i - 1] |= uint32_t(((uint64_t(1) << bytes) - 1) << address % kSector);
  });
  uint64_t all = 0;
  for (size_t i = 0; i < count; ++i) all += uint64_t(std::popcount(touched[i]));
  traffic.took += count;
  traffic.least += (all + kSector - 1) / kSector;
}

}  // namespace ptx
