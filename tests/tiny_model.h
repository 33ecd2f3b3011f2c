// Whole models in our layout, small enough to write and run in a moment: random weights, or an LLM that follows a
// script. Files are made from the same tables of names and shapes that the loader uses.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "model/model_config.h"
#include "text/tokenizer.h"

namespace seedstory {

// A folder of its own under the system's place for temporary files, gone with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

struct TinyModel {
  CallEnd call_ends = CallEnd::eoi;
  std::string call_prefix = "[INST]{left}|";
  int64_t max_positions = 512;
  // Not empty: after token a the LLM says script[a], whatever came before. What follows other tokens is arbitrary.
  std::map<int, int> script;
  int64_t scale = 1;  // of all widths: 6 has some 24 million weights, nano 8
  float offset = 0;   // added to every logit; the scripted one stands 20 above the others
};

// The committed test tokeniser, with four image tokens.
std::filesystem::path tiny_tokenizer_model();

// Writes model.json, safetensors, tokeniser and words into `dir`, which must exist. Same input, same bytes.
void write_tiny_model(const std::filesystem::path& dir, const TinyModel& model = {});

}  // namespace seedstory
