// tokenizer.model: SentencePiece's own reader behind our checks, and the tokeniser that comes out.
#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include "fuzz.h"
#include "text/tokenizer.h"

using namespace seedstory;

namespace {

// Whether the file is a model, and how many pieces it has: the ids of added tokens must follow them.
int count_pieces(std::string_view bytes, const MemoryFile& model) {
  const MemoryFile none("{}");
  try {
    const Tokenizer tokenizer(model.path(), none.path(), true);
  } catch (const Error& error) {
    if (!std::string_view(error.what()).ends_with("has no <img>")) return 0;
  }
  sentencepiece::SentencePieceProcessor pieces;
  (void)pieces.LoadFromSerializedProto({bytes.data(), bytes.size()});
  return pieces.GetPieceSize();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes = text_of(data, size);
  const MemoryFile model(bytes);
  const int pieces = count_pieces(bytes, model);
  if (pieces == 0) return 0;
  const MemoryFile added(
      fmt::format(R"({{"<img>": {}, "</img>": {}, "<img_00000>": {}}})", pieces, pieces + 1, pieces + 2));
  take_or_refuse([&] {
    for (const bool legacy : {false, true}) {
      const Tokenizer tokenizer(model.path(), added.path(), legacy);
      std::vector<int> ids =
          tokenizer.encode_tags("The fox<img><img_00000></img> h\u00e9llo \U0001f98a\xff  \x01<unk>");
      for (int id = 0; id < tokenizer.vocab_size(); id += 7) ids.push_back(id);
      tokenizer.decode(ids);
    }
  });
  return 0;
}
