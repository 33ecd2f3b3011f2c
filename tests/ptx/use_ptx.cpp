// Turns the switch before any test starts: launches of this program run PTX, of the architecture and from the folder
// that it was built with, or from another folder that SEEDSTORY_PTX names.
#include <cstdio>
#include <cstdlib>

#include "ptx.h"

namespace {

bool use_the_folder() {
  const char* const folder = std::getenv("SEEDSTORY_PTX");
  try {
    ptx::use_folder(folder ? folder : PTX_FOLDER, PTX_ARCH);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    std::exit(1);
  }
  return true;
}

[[maybe_unused]] const bool used = use_the_folder();

}  // namespace
