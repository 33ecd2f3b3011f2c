#include "cli/cards.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "cli/did_you_mean.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

constexpr Card kCards[] = {
    {"b200", 180, 2250, 7.7, 100, 148, 8192},   {"h200", 141e9 / (1 << 30), 989, 4.8, 90, 132, 4096},
    {"h100", 80, 989, 3.35, 90, 132, 4096},     {"h100-pcie", 80, 756, 2.0, 90, 114, 4096},
    {"a100", 80, 312, 2.04, 80, 108, 2048},     {"a100-40", 40, 312, 1.56, 80, 108, 2048},
    {"l40s", 48, 362, 0.864, 89, 142, 1024},    {"l40", 48, 181, 0.864, 89, 142, 512},
    {"l4", 24, 121, 0.3, 89, 58, 1024},         {"a40", 48, 150, 0.696, 86, 84, 1024},
    {"a10", 24, 125, 0.6, 86, 72, 1024},        {"a6000", 48, 155, 0.768, 86, 84, 1024},
    {"6000-ada", 48, 364, 0.96, 89, 142, 1024}, {"5090", 32, 210, 1.79, 120, 170, 512},
    {"5080", 16, 113, 0.96, 120, 84, 512},      {"4090", 24, 165, 1.01, 89, 128, 512},
    {"4080", 16, 97, 0.717, 89, 76, 512},       {"4070", 12, 58, 0.504, 89, 46, 512},
    {"3090", 24, 71, 0.936, 86, 82, 512},       {"3080", 10, 59, 0.76, 86, 68, 512},
    {"3060", 12, 25, 0.36, 86, 28, 512},        {"t4", 16, 65, 0.32, 75, 40, 1024},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "A100-80G" has its memory behind it, an A10G is another card than the A10.
bool ends_in_gigabytes(const std::string& name) {
  const size_t word = name.find_last_of(" -") + 1;
  return word > 0 && name.size() > word + 1 && (name.back() == 'g' || name.back() == 'G') &&
         std::all_of(name.begin() + std::ptrdiff_t(word), name.end() - 1, is_digit);
}

// Small letters and digits, without what all names have in common: makers, sockets, kinds of memory.
std::string plain(const std::string& name) {
  std::string out;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c))) out += char(std::tolower(static_cast<unsigned char>(c)));
  for (const std::string word :
       {"nvidia", "geforce", "tesla", "quadro", "rtx", "hbm3e", "hbm3", "hbm2e", "hbm2", "sxm5", "sxm4", "sxm"})
    if (const size_t at = out.find(word); at != std::string::npos) out.erase(at, word.size());
  for (const std::string unit : {"gib", "gb"})
    if (out.size() > unit.size() && out.ends_with(unit) && is_digit(out[out.size() - unit.size() - 1]))
      out.resize(out.size() - unit.size());
  if (ends_in_gigabytes(name)) out.pop_back();
  return out;
}

}  // namespace

const Card* known_card(const std::string& name) {
  const std::string given = plain(name);
  for (const Card& card : kCards) {
    const std::string plain_name = plain(card.name);
    const double gb = card.gib * double(1 << 30) / 1e9;
    if (given == plain_name || given == plain_name + fmt::format("{:.0f}", card.gib) ||
        given == plain_name + fmt::format("{:.0f}", gb))
      return &card;
  }
  return nullptr;
}

const Card& find_card(const std::string& name) {
  if (const Card* card = known_card(name)) return *card;
  std::vector<std::string> known, plain_names;
  for (const Card& card : kCards) {
    known.emplace_back(card.name);
    plain_names.push_back(plain(card.name));
  }
  const auto near = std::find(plain_names.begin(), plain_names.end(), nearest(plain(name), plain_names));
  fail_usage(fmt::format(
      "--card {}: expected one of {}, or plan --memory GIB{}", name, fmt::join(known, ", "),
      near == plain_names.end() ? "" : fmt::format("; did you mean {}?", known[size_t(near - plain_names.begin())])));
}

Limits limits_of(const Card& card) {
  return {.flops = card.teraflops * 1e12,
          .bytes = card.terabytes * 1e12,
          .source = fmt::format("data sheet of the {}", card.name)};
}

std::string card_names() {
  std::string names;
  for (const Card& card : kCards) names += (names.empty() ? "" : "|") + std::string(card.name);
  return names;
}

}  // namespace seedstory
