// Device memory for the emulator's own tests.
#pragma once

#include <algorithm>
#include <vector>

#include "simt.h"

namespace seedstory {

// Device memory of exactly these values.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::vector<T> values) : size_(values.size()), data_(static_cast<T*>(simt::allocate(bytes()))) {
    std::copy(values.begin(), values.end(), data_);
  }
  ~Buffer() { simt::release(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() { return data_; }
  T& operator[](size_t i) { return data_[i]; }

 private:
  size_t bytes() const { return size_ * sizeof(T); }
  size_t size_;
  T* data_;
};

// Of a kernel that shares nothing.
struct Nothing {};

}  // namespace seedstory
