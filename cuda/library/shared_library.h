// A library that is looked for while the program runs, so that the program starts and works where there is none; and
// what is the same of all of them.
#pragma once

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "seedstory/error.h"
#include "seedstory/tensor.h"

namespace seedstory {

class SharedLibrary {
 public:
  // The first of `files` that the loader finds. Throws ErrorKind::resource, with the names.
  explicit SharedLibrary(std::initializer_list<const char*> files) {
    std::string names;
    for (const char* file : files) {
      library_ = dlopen(file, RTLD_NOW | RTLD_LOCAL);
      if (library_) {
        file_ = file;
        return;
      }
      const char* why = dlerror();
      // What is there and cannot be loaded says so by itself; the loader names the file that it misses.
      names += std::string(names.empty() ? "" : "; ") + (why ? why : file);
    }
    fail_resource("--kernels library: " + names);
  }
  ~SharedLibrary() { dlclose(library_); }
  SharedLibrary(const SharedLibrary&) = delete;
  SharedLibrary& operator=(const SharedLibrary&) = delete;

  const std::string& file() const { return file_; }

  template <class F>
  void find(const std::string& name, F*& function) const {
    function = reinterpret_cast<F*>(dlsym(library_, name.c_str()));
    if (!function) fail_resource("--kernels library: " + file_ + " has no " + name);
  }
  // Every function of `functions` (each() of its namespace), `prefix` in front of their names.
  template <class Functions>
  void find_all(const std::string& prefix, Functions& functions) const {
    each(functions, [&](const char* name, auto*& function) { find(prefix + name, function); });
  }
  // Of what the library answers to being started; 0 is success.
  void need_start(int status) const {
    if (status != 0) fail_resource("--kernels library: " + file_ + " does not start: status " + std::to_string(status));
  }

 private:
  void* library_ = nullptr;
  std::string file_;
};

// "9.19.0" of 91900.
inline std::string version_text(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

// Bytes that the address is a multiple of, `most` where it is of more.
inline int64_t alignment_of(const Tensor& t, uintptr_t most) {
  const auto address = reinterpret_cast<uintptr_t>(t.data);
  return int64_t(address == 0 ? most : std::min(most, address & (~address + 1)));
}

}  // namespace seedstory
