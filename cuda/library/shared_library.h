// A library that is looked for while the program runs, so that the program starts and works where there is none.
#pragma once

#include <dlfcn.h>

#include <initializer_list>
#include <string>

#include "seedstory/error.h"

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
  void find(const char* name, F*& function) const {
    function = reinterpret_cast<F*>(dlsym(library_, name));
    if (!function) fail_resource("--kernels library: " + file_ + " has no " + name);
  }

 private:
  void* library_ = nullptr;
  std::string file_;
};

}  // namespace seedstory
