// version: what this build is and can do.
#include <fmt/format.h>

#include "cli/build_info.h"
#include "cli/flags.h"
#include "cli/terminal.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

// What the backend says of itself, or why there is none.
Json describe(const char* name, const std::function<std::unique_ptr<Backend>()>& make) {
  try {
    return {{"name", name}, {"available", true}, {"description", make()->name()}};
  } catch (const Error& error) {
    return {{"name", name}, {"available", false}, {"description", error.what()}};
  }
}

}  // namespace

std::string build_line() {
  return fmt::format("seedstory {} (commit {}, {}, {})", kBuildInfo.version, kBuildInfo.commit, kBuildInfo.compiler,
                     kBuildInfo.build_type);
}

int version(bool as_json, const Backends& backends) {
  const Json json = {{"seedstory", kBuildInfo.version},
                     {"commit", kBuildInfo.commit},
                     {"compiler", kBuildInfo.compiler},
                     {"build_type", kBuildInfo.build_type},
                     {"types", names_in(kWeightFormats)},
                     {"backends",
                      {describe("cpu", [&] { return backends.cpu(0, CpuSet::automatic, Products::int8); }),
                       describe("cuda", [&] { return backends.cuda(0, false, Kernels::ours); })}}};
  if (as_json) {
    fmt::print("{}\n", json_text(json, 1));
    return 0;
  }
  fmt::print("{}\n", build_line());
  for (const Json& backend : json["backends"]) fmt::print("{}\n", backend["description"].get<std::string>());
  return 0;
}

int list_devices(const Backends& backends) {
  fmt::print("cpu     {}\n", backends.cpu(0, CpuSet::automatic, Products::int8)->name());
  try {
    int index = 0;
    for (const std::string& card : backends.cuda_devices()) fmt::print("cuda:{}  {}\n", index++, card);
  } catch (const Error& error) {
    fmt::print("cuda    none: {}\n", error.what());
  }
  return 0;
}

}  // namespace seedstory
