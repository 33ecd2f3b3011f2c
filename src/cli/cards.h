// Cards that plan and bench know, by their data sheets.
#pragma once

#include <string>

#include "bench/card.h"
#include "bench/limits.h"

namespace seedstory {

// "rtx4090", "RTX 4090" and "NVIDIA GeForce RTX 4090" are the 4090; memory may stand behind, as in "h100-80".
// ErrorKind::usage, with those that are known, for another.
const Card& find_card(const std::string& name);

// The same by the name that a driver gives a card; null where no data sheet of it is here.
const Card* known_card(const std::string& name);

// What its data sheet says of products in 16 bits, and of memory.
Limits limits_of(const Card& card);

// "h200|h100|...", for help and completion.
std::string card_names();

}  // namespace seedstory
