// Penalty, temperature, top-k, top-p, min-p; then one draw.
#include "language/sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace seedstory {
namespace {

constexpr size_t kRecent = 64;  // llama.cpp's repeat_last_n

void penalise(std::span<float> logits, std::span<const int> recent, float penalty) {
  std::vector<int> ids(recent.end() - std::ptrdiff_t(std::min(kRecent, recent.size())), recent.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (int id : ids) logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
}

struct Candidate {
  int id;
  double p;  // not normalised
};

// Best first; equal logits in order of their ids, so that the draw does not depend on the sort.
std::vector<Candidate> candidates(std::span<const float> logits, float temperature) {
  const double best = *std::max_element(logits.begin(), logits.end());
  std::vector<Candidate> all(logits.size());
  for (size_t id = 0; id < logits.size(); ++id) all[id] = {int(id), std::exp((logits[id] - best) / temperature)};
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.p > b.p; });
  return all;
}

double total(const std::vector<Candidate>& all) {
  return std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const Candidate& c) { return sum + c.p; });
}

void keep_top_p(std::vector<Candidate>& all, float top_p) {
  const double enough = total(all) * top_p;
  double sum = 0;
  for (size_t i = 0; i < all.size(); ++i)
    if ((sum += all[i].p) >= enough) return all.resize(i + 1);
}

}  // namespace

int Sampler::pick(std::span<float> logits, std::span<const int> recent) {
  if (params_.repeat_penalty != 1) penalise(logits, recent, params_.repeat_penalty);
  if (params_.temperature <= 0) return int(std::max_element(logits.begin(), logits.end()) - logits.begin());

  std::vector<Candidate> all = candidates(logits, params_.temperature);
  if (params_.top_k > 0 && size_t(params_.top_k) < all.size()) all.resize(params_.top_k);
  if (params_.top_p < 1) keep_top_p(all, params_.top_p);
  while (all.size() > 1 && all.back().p < params_.min_p * all.front().p) all.pop_back();

  // 53 bits by hand: std::uniform_real_distribution may differ between libraries.
  double left = double(random_() >> 11) * 0x1p-53 * total(all);
  for (const Candidate& c : all)
    if ((left -= c.p) < 0) return c.id;
  return all.back().id;
}

}  // namespace seedstory
