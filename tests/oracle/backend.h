// The oracle as a backend: whole models in any number types, every op in float64 and rounded once.
#pragma once

#include <cstdlib>
#include <cstring>
#include <variant>

#include "oracle/oracle.h"

namespace seedstory::oracle {

class OracleBackend final : public Backend {
 public:
  std::string name() const override { return "oracle"; }
  void* allocate(int64_t bytes) override { return std::aligned_alloc(size_t(kAlign), size_t(aligned(bytes + 1))); }
  void release(void* memory) override { std::free(memory); }
  void upload(const Tensor& t, const void* host) override { std::memcpy(t.data, host, size_t(t.bytes())); }
  void download(void* host, const Tensor& t) override { std::memcpy(host, t.data, size_t(t.bytes())); }

 protected:
  void exec(OpRef ref) override {
    std::visit(
        [](const auto* op) {
          const Expected expected = oracle(*op);
          op->each([&](const char* field, const Tensor& t, Access access) {
            if (t && access != Access::in) write(t, expected.at(field).value);
          });
        },
        ref);
  }
};

}  // namespace seedstory::oracle
