// Whose kernels run the ops on a card: this program's, or NVIDIA's libraries where they have one.
#pragma once

#include "seedstory/choice.h"

namespace seedstory {

enum class Kernels { automatic, ours, library };
inline constexpr Choice<Kernels> kKernels[] = {
    {Kernels::automatic, "auto", "the faster by a measured table of the card, ours until there is one"},
    {Kernels::ours, "ours", "this program's"},
    {Kernels::library, "library",
     "cuBLASLt's and cuDNN's for the ops that they have, loaded at run time; ours for the others"}};

}  // namespace seedstory
