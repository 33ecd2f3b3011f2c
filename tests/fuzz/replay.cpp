// Runs a target on every file of the folders named, of which some may be absent: not every target has found something.
// A mistake ends the process, as it does under libFuzzer.
#include <algorithm>
#include <vector>

#include "fuzz.h"
#include "io/file.h"

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  std::error_code absent;
  for (int i = 1; i < argc; ++i)
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], absent)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    std::fprintf(stderr, "%s\n", file.c_str());
    const std::string bytes = seedstory::read_text_file(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::fprintf(stderr, "%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
