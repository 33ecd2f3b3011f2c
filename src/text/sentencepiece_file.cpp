// Reads just enough of a tokenizer.model to say what is wrong with it.
#include "text/sentencepiece_file.h"

#include <fmt/format.h>

#include <optional>

#include "seedstory/error.h"

namespace seedstory {
namespace {

// sentencepiece_model.proto's numbers.
constexpr uint64_t kTrainer = 2, kNormalizer = 3, kDenormalizer = 5;  // of the model
constexpr uint64_t kModelType = 3, kBpe = 2;                          // of the trainer
constexpr uint64_t kCharacterRules = 2;                               // of the normalizer

struct Field {
  uint64_t number = 0, value = 0;
  std::string_view bytes;
};

// A protobuf message, field by field: a varint of 8 * number + type, then a varint, 8 or 4 bytes, or a varint of length
// and so many bytes. Groups, which only long dead programs write, are refused: what is in them could be read otherwise.
class Message {
 public:
  Message(std::string_view bytes, const std::string& file) : rest_(bytes), file_(file) {}

  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const uint64_t key = varint();
    Field field{.number = key >> 3};
    switch (key & 7) {
      case 0:
        field.value = varint();
        return field;
      case 1:
        take(8);
        return field;
      case 2:
        field.bytes = take(varint());
        return field;
      case 5:
        take(4);
        return field;
      default:
        fail_broken();
    }
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = uint8_t(take(1)[0]);
      value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail_broken();
  }
  std::string_view take(uint64_t length) {
    if (length > rest_.size()) fail_broken();
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  [[noreturn]] void fail_broken() const { fail_input(file_ + ": not a SentencePiece model: broken or cut off"); }

  std::string_view rest_;
  const std::string& file_;
};

}  // namespace

void check_sentencepiece_file(std::string_view bytes, const std::string& file) {
  uint64_t type = 1;  // unigram, where nothing is said
  Message model(bytes, file);
  while (const auto part = model.next()) {
    Message inner(part->bytes, file);
    if (part->number == kTrainer) {
      while (const auto field = inner.next())
        if (field->number == kModelType) type = field->value;
    } else if (part->number == kNormalizer || part->number == kDenormalizer) {
      while (const auto field = inner.next())
        if (field->number == kCharacterRules && !field->bytes.empty())
          fail_input(
              fmt::format("{}: has rules for rewriting characters, expected none (normalization \"identity\")", file));
    }
  }
  if (type != kBpe)
    fail_input(fmt::format("{}: is a SentencePiece model of type {}, expected {} (BPE)", file, type, kBpe));
}

}  // namespace seedstory
