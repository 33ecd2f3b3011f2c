// What the stages made of one story, under the names of the reference implementation, for comparison with it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "seedstory/backend.h"

namespace seedstory {

class Trace {
 public:
  struct Entry {
    std::string name;
    DType type;
    std::vector<int64_t> shape;
    std::vector<char> bytes;

    Tensor view() const;
  };
  struct Call {
    std::vector<int> context, generated;
  };

  // A tensor in the backend's memory, as f32. The first of a name is kept: stages of frame 1.
  void record(Backend& backend, const std::string& name, const Tensor& t, Layout layout = Layout::rows);
  // A contiguous tensor in host memory, of any type.
  void record_host(const std::string& name, const Tensor& t);
  void record_call(Call call) { calls_.push_back(std::move(call)); }

  const std::vector<Entry>& entries() const { return entries_; }
  const std::vector<Call>& calls() const { return calls_; }

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
  std::vector<Entry> entries_;
  std::set<std::string> names_;
  std::vector<Call> calls_;
};

}  // namespace seedstory
