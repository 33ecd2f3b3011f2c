// What this program was built from, and with.
#pragma once

namespace seedstory {

struct BuildInfo {
  const char* version;     // "0.1.0"
  const char* commit;      // short; empty outside of a clone
  const char* compiler;    // "GNU 12.2.0"
  const char* build_type;  // "Release"
  const char* libraries;   // names and versions, for people who ask for help
  const char* source_dir;  // where weights/nano lies if the program was not installed
};

extern const BuildInfo kBuildInfo;

}  // namespace seedstory
