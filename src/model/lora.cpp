// W + alpha / r B A, merged piece by piece as it is read.
#include "model/lora.h"

#include <algorithm>
#include <map>

namespace seedstory {
namespace {

// "...q_proj.weight" to "...q_proj.lora_A.default.weight"; empty for anything that is not a weight.
std::string factor_name(const std::string& weight, const char* factor) {
  const std::string end = ".weight";
  if (!weight.ends_with(end)) return "";
  return weight.substr(0, weight.size() - end.size()) + "." + factor + ".default.weight";
}

int64_t last_axis(const Tensor& t) {
  return t.rank == 0 ? 0 : t.cols();
}

class PlainPeftNames final : public TensorSource {
 public:
  explicit PlainPeftNames(std::shared_ptr<const TensorSource> inner) : inner_(std::move(inner)) {
    for (const std::string& name : inner_->names()) {
      if (name.find(".original_module.") != std::string::npos) continue;
      const auto [at, is_new] = inner_name_.emplace(plain(name), name);
      if (!is_new) fail_input("LoRA checkpoint: " + at->second + " and " + name + " are the same tensor");
    }
    for (const auto& [name, tensor] : inner_->unread()) unread_.emplace(plain(name), tensor);
  }

  std::vector<std::string> names() const override {
    std::vector<std::string> all;
    for (const auto& [name, inner] : inner_name_) all.push_back(name);
    return all;
  }
  const StoredTensor* find(std::string_view name) const override {
    const auto at = inner_name_.find(name);
    return at == inner_name_.end() ? nullptr : inner_->find(at->second);
  }

  UnreadTensors unread() const override { return unread_; }
  void let_go(const void* bytes, int64_t count) const override { inner_->let_go(bytes, count); }

 private:
  // peft 0.4 keeps the frozen weight under its own name, later versions under base_layer.
  static std::string plain(std::string name) {
    for (const std::string part : {".modules_to_save.default", ".base_layer"})
      if (const size_t at = name.find(part + "."); at != std::string::npos) name.erase(at, part.size());
    return name;
  }

  std::shared_ptr<const TensorSource> inner_;
  std::map<std::string, std::string, std::less<>> inner_name_;
  UnreadTensors unread_;
};

}  // namespace

std::unique_ptr<TensorSource> plain_peft_names(std::shared_ptr<const TensorSource> inner) {
  return std::make_unique<PlainPeftNames>(std::move(inner));
}

std::vector<Stored> lora_factors(const TensorSource& source, const Stored& weight) {
  const std::string a_name = factor_name(weight.name, "lora_A"), b_name = factor_name(weight.name, "lora_B");
  const StoredTensor *a = source.find(a_name), *b = source.find(b_name);
  if (weight.shape.size() != 2 || (!a && !b)) return {};
  const int64_t r = a ? a->values.dim[0] : last_axis(b->values);
  return {{a_name, {r, weight.shape[1]}}, {b_name, {weight.shape[0], r}}};
}

void merge_lora(const TensorSource& source, const std::string& weight, double alpha, float* w, int64_t first,
                int64_t count, int64_t k) {
  const StoredTensor *a = source.find(factor_name(weight, "lora_A")), *b = source.find(factor_name(weight, "lora_B"));
  if (!a || !b) return;
  const int64_t r = a->values.dim[0];
  std::vector<float> a_rows(static_cast<size_t>(r * k)), b_rows(static_cast<size_t>(count * r));
  to_f32(*a, 0, r * k, a_rows.data());
  to_f32(*b, first * r, count * r, b_rows.data());
  const float scale = float(alpha / double(r));
  // Eight columns at a time: their sums stay in registers, and the compiler sees a loop it can vectorise.
  constexpr int64_t kColumns = 8;
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < k; j += kColumns) {
      const int64_t columns = std::min(kColumns, k - j);
      float sum[kColumns] = {};
      for (int64_t p = 0; p < r; ++p) {
        const float x = b_rows[size_t(i * r + p)];
        const float* y = &a_rows[size_t(p * k + j)];
        if (columns == kColumns)
          for (int64_t c = 0; c < kColumns; ++c) sum[c] += x * y[c];
        else
          for (int64_t c = 0; c < columns; ++c) sum[c] += x * y[c];
      }
      for (int64_t c = 0; c < columns; ++c) w[i * k + j + c] += scale * sum[c];
    }
}

}  // namespace seedstory
