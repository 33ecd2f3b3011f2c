// The program as a user runs it: a command line in, two streams, an exit code and files out.
#pragma once

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "catch.h"
#include "io/file.h"
#include "tiny_model.h"

namespace seedstory {

struct Run {
  int code;
  std::string out, err;
};

inline std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

inline constexpr const char* kSaid = "the fox finds a red";

// An LLM that says kSaid in every frame, whatever came before.
inline TinyModel scripted_model(const std::string& call_prefix = TinyModel().call_prefix) {
  TempDir dir;
  write_tiny_model(dir.path());  // for its tokeniser
  const Tokenizer tokenizer(dir / "tokenizer.model", dir / "added_tokens.json", false);
  TinyModel model;
  model.call_prefix = call_prefix;
  int before = tokenizer.encode_tags(model.call_prefix).back();
  for (const int id : tokenizer.encode_tags(kSaid)) {
    if (!model.script.emplace(before, id).second) fail("kSaid has a token twice");
    before = id;
  }
  if (!model.script.emplace(before, tokenizer.begin_image()).second) fail("kSaid has a token twice");
  return model;
}

// Random weights: what it says depends on everything, and never ends well.
inline TinyModel random_model() {
  return {};
}

// A folder to work in, with a tiny model in it.
class Workdir {
 public:
  explicit Workdir(const TinyModel& model = scripted_model()) {
    std::filesystem::create_directory(dir_ / "model");
    write_tiny_model(dir_ / "model", model);
  }

  // A line for the shell, run in this folder; `seedstory` is the program that was just built. One thread, so that
  // tests side by side do not wait for each other's.
  Run shell(const std::string& line) const {
    const std::string head = "cd " + quoted(path().string()) +
                             " && unset NO_COLOR $(env | sed -n 's/^\\(SEEDSTORY_[A-Z_]*\\)=.*/\\1/p') && " +
                             "export XDG_CONFIG_HOME=$PWD/config SEEDSTORY_THREADS=1 && export PATH=" +
                             quoted(program().parent_path().string()) + ":$PATH && { ";
    write("line.sh", head + line + "\n}\n");
    const std::string command = "sh " + quoted((dir_ / "line.sh").string()) + " >" +
                                quoted((dir_ / "stdout").string()) + " 2>" + quoted((dir_ / "stderr").string()) +
                                " </dev/null";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read("stdout"), read("stderr")};
  }

  // generate on the tiny model: three frames, in a moment.
  Run generate(const std::string& flags) const { return shell("seedstory generate --model model -n 3 " + flags); }

  const std::filesystem::path& path() const { return dir_.path(); }
  std::filesystem::path operator/(const std::string& name) const { return dir_ / name; }
  std::string read(const std::string& name) const { return read_text_file(dir_ / name); }
  nlohmann::json json(const std::string& name) const { return nlohmann::json::parse(read(name)); }
  // Without the fsync of write_file_atomically: a busy disk takes seconds for each.
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(dir_ / name, std::ios::binary) << text;
  }

  std::vector<std::string> files(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(dir_ / folder))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  // Every file of two folders, byte by byte.
  void expect_equal_folders(const std::string& a, const std::string& b) const {
    REQUIRE(files(a) == files(b));
    for (const std::string& name : files(a)) {
      INFO(name);
      CHECK((read(a + "/" + name) == read(b + "/" + name)));  // no expansion: these are pictures
    }
  }

 private:
  static std::filesystem::path program() { return SEEDSTORY_PROGRAM; }
  TempDir dir_;
};

inline bool has(const Workdir& desk, const std::string& program) {
  const bool there = desk.shell("command -v " + program).code == 0;
  if (!there) WARN("skipped: " << program << " is not installed");
  return there;
}

}  // namespace seedstory
