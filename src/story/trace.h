// --trace: every stage's tensors under the names of the reference implementation, for comparison with it.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "io/file.h"
#include "io/weights_file.h"
#include "seedstory/backend.h"

namespace seedstory {

class Trace {
 public:
  struct Call {
    std::vector<int> context, generated;
  };

  // A tensor in the backend's memory. The first of a name is kept: stages of frame 1.
  void record(Backend& backend, const std::string& name, const Tensor& t, Layout layout = Layout::rows);
  // A tensor in host memory.
  void record_host(const std::string& name, const Tensor& t);
  void record_call(Call call) { calls_.push_back(std::move(call)); }

  const std::vector<Call>& calls() const { return calls_; }

  // FILE and FILE.json, with what was expected there. ErrorKind::input: see AtomicFile.
  struct Files {
    explicit Files(const std::filesystem::path& file);
    std::filesystem::path tensors, calls;
    FileState tensors_before, calls_before;
  };
  void write(const Files& files) const;

  // While it lives, what the models probe in `backend` is recorded. Null trace: nothing is.
  class Listening {
   public:
    Listening(Trace* trace, Backend& backend);
    ~Listening();
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;

   private:
    Backend& backend_;
  };

 private:
  SafetensorsWriter writer_;
  std::set<std::string> names_;
  std::vector<Call> calls_;
};

}  // namespace seedstory
