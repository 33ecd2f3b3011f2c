// SentencePiece's pieces, the picture tokens between them, and LLaMA's two rules for a leading space.
#include "text/tokenizer.h"

#include <fmt/format.h>
#include <sentencepiece_processor.h>

#include <algorithm>
#include <map>
#include <optional>

#include "io/file.h"
#include "io/json.h"
#include "seedstory/error.h"
#include "text/sentencepiece_file.h"

namespace seedstory {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space
constexpr std::string_view kControl[] = {"<unk>", "<s>", "</s>"};
constexpr int64_t kMaxModelBytes = 64 << 20, kMaxJsonBytes = 16 << 20;
constexpr size_t kMaxJsonDepth = 8;

// {"token": id, ...} by id.
std::map<int, std::string> read_added_tokens(const Path& path) {
  const Json root = parse_json(read_text_file(path, kMaxJsonBytes), path.string(), kMaxJsonDepth);
  if (!root.is_object()) fail_input(path.string() + ": expected {\"token\": id, ...}");
  std::map<int, std::string> out;
  for (const auto& [token, id] : root.items()) {
    if (token.empty()) fail_input(path.string() + ": a token is empty");
    if (!id.is_number_unsigned() || id.get<uint64_t>() > 1 << 30)
      fail_input(fmt::format("{}: {} has id {}, expected a whole number", path.string(), token, id.dump()));
    const auto [it, fresh] = out.emplace(int(id.get<uint64_t>()), token);
    if (!fresh) fail_input(fmt::format("{}: {} and {} have the id {}", path.string(), it->second, token, it->first));
  }
  return out;
}

// Space marks that a user typed, as spaces.
std::string with_spaces(std::string text) {
  for (size_t at = 0; (at = text.find(kSpaceMark, at)) != std::string::npos; ++at)
    text.replace(at, kSpaceMark.size(), " ");
  return text;
}

}  // namespace

struct Tokenizer::Impl {
  Impl(const Path& model, const Path& added_tokens, bool legacy_flag);
  Impl(int vocab, int images_count);

  void load_model(const Path& path);
  void load_added(const Path& path);
  void load_images(const Path& path);
  int added_id(const Path& path, const std::string& token) const;

  int pieces() const { return piece_count; }
  int vocab_size() const { return pieces() + int(tags.size()) - 3; }
  // The spelling of a control or added token; null for an ordinary piece.
  const std::string* tag(int id) const;
  bool is_added(int id) const { return id >= pieces(); }
  // The tag that stands at the beginning of `text`, the longest; -1: none.
  int tag_at(std::string_view text) const;
  // all_special_tokens of transformers: those that let the first space mark go.
  bool is_special(int id) const { return id == unk || id == bos || id == eos || id == begin || id == end; }

  std::vector<int> sentence(std::string_view text) const;
  std::vector<int> tokenize(std::string_view text) const;
  std::vector<int> join(const std::vector<Segment>& segments) const;
  std::string detokenize(const std::vector<int>& run) const;
  std::string decode(const std::vector<int>& ids) const;

  sentencepiece::SentencePieceProcessor sentencepiece;
  int piece_count = 0;
  bool legacy;
  std::map<std::string, int, std::greater<>> tags;  // a longer token comes before its beginnings
  std::map<int, std::string> names;                 // of the tags
  int begin = -1, end = -1;
  std::vector<int> images;
  size_t unk_pieces = 0;  // how many pieces the text "<unk>" has
};

Tokenizer::Impl::Impl(const Path& model, const Path& added_tokens, bool legacy_flag) : legacy(legacy_flag) {
  load_model(model);
  load_added(added_tokens);
  std::vector<int> ids;
  (void)sentencepiece.Encode("<unk>", &ids);
  unk_pieces = ids.size();
}

Tokenizer::Impl::Impl(int vocab, int images_count) : piece_count(vocab - images_count - 2), legacy(false) {
  for (int id = 0; id < 3; ++id) tags[std::string(kControl[id])] = id;
  for (int k = 0; k < images_count; ++k) images.push_back(tags[fmt::format("<img_{:05}>", k)] = piece_count + k);
  begin = tags["<img>"] = piece_count + images_count;
  end = tags["</img>"] = begin + 1;
  for (const auto& [token, id] : tags) names[id] = token;
}

void Tokenizer::Impl::load_model(const Path& path) {
  std::string proto = read_text_file(path, kMaxModelBytes);
  check_sentencepiece_file(proto, path.string());
  // legacy = false wants the model without the space mark that it puts before every text. In protobuf a message field
  // that comes again is merged, so this is model.normalizer_spec.add_dummy_prefix = false.
  if (!legacy) proto += std::string("\x1A\x02\x18\x00", 4);
  if (const auto status = sentencepiece.LoadFromSerializedProto(proto); !status.ok())
    fail_input(fmt::format("{}: not a SentencePiece model: {}", path.string(), status.message()));
  piece_count = sentencepiece.GetPieceSize();
  for (int id = 0; id < 3; ++id)
    if (pieces() <= id || sentencepiece.IdToPiece(id) != kControl[id])
      fail_input(fmt::format("{}: piece {} is {}, expected {}", path.string(), id,
                             pieces() <= id ? "absent" : sentencepiece.IdToPiece(id), kControl[id]));
}

void Tokenizer::Impl::load_added(const Path& path) {
  for (int id = 0; id < 3; ++id) tags[std::string(kControl[id])] = id;
  for (const auto& [id, token] : read_added_tokens(path)) {
    if (id < 3 && token == kControl[id]) continue;  // some savers repeat <unk>, <s>, </s>
    if (id != vocab_size())
      fail_input(fmt::format("{}: {} has id {}, expected {}: the ids follow the {} pieces without gaps", path.string(),
                             token, id, vocab_size(), pieces()));
    if (!tags.emplace(token, id).second) fail_input(fmt::format("{}: {} cannot have id {}", path.string(), token, id));
  }
  for (const auto& [token, id] : tags) names[id] = token;
  begin = added_id(path, "<img>");
  end = added_id(path, "</img>");
  load_images(path);
}

void Tokenizer::Impl::load_images(const Path& path) {
  for (auto it = tags.end(); (it = tags.find(fmt::format("<img_{:05}>", images.size()))) != tags.end();)
    images.push_back(it->second);
  const auto all =
      std::count_if(tags.begin(), tags.end(), [](const auto& tag) { return tag.first.starts_with("<img_"); });
  if (images.empty() || size_t(all) != images.size())
    fail_input(fmt::format("{}: {} tokens <img_k>, of which {} are numbered from <img_00000> without gaps",
                           path.string(), all, images.size()));
}

int Tokenizer::Impl::added_id(const Path& path, const std::string& token) const {
  const auto it = tags.find(token);
  if (it == tags.end()) fail_input(fmt::format("{}: has no {}", path.string(), token));
  return it->second;
}

const std::string* Tokenizer::Impl::tag(int id) const {
  const auto it = names.find(id);
  return it == names.end() ? nullptr : &it->second;
}

int Tokenizer::Impl::tag_at(std::string_view text) const {
  for (const auto& [name, id] : tags)
    if (text.starts_with(name)) return id;
  return -1;
}

// SentencePiece alone.
std::vector<int> Tokenizer::Impl::sentence(std::string_view text) const {
  std::vector<int> ids;
  if (const auto status = sentencepiece.Encode(text, &ids); !status.ok())
    fail(fmt::format("Tokenizer: {}", status.message()));
  return ids;
}

// LlamaTokenizer._tokenize. Without the dummy prefix some models strip leading space marks; behind "<unk>" they do not
// lead.
std::vector<int> Tokenizer::Impl::tokenize(std::string_view text) const {
  if (text.empty()) return {};
  if (legacy || !(text.starts_with(kSpaceMark) || text.starts_with(' '))) return sentence(text);
  std::vector<int> ids = sentence("<unk>" + std::string(text));
  if (ids.size() >= unk_pieces) ids.erase(ids.begin(), ids.begin() + std::ptrdiff_t(unk_pieces));
  return ids;
}

// LlamaTokenizer.tokenize, for a text that is cut into segments already.
std::vector<int> Tokenizer::Impl::join(const std::vector<Segment>& segments) const {
  std::vector<int> out;
  std::string text;  // segments of text that touch are one
  bool first = true;
  std::optional<size_t> first_tag;  // where it stands in `out`
  const auto flush = [&] {
    if (first && !legacy) text.insert(0, kSpaceMark);  // the one that the model no longer puts
    first = false;
    const auto ids = tokenize(text);
    out.insert(out.end(), ids.begin(), ids.end());
    text.clear();
  };
  for (const Segment& segment : segments) {
    if (segment.token < 0) {
      text += legacy ? segment.text : with_spaces(segment.text);
      continue;
    }
    flush();
    if (!first_tag) first_tag = out.size();
    out.push_back(segment.token);
  }
  if (out.empty() && text.empty()) return out;
  flush();
  const bool lone = !legacy && first_tag == 1u && is_special(out[1]) && sentencepiece.IdToPiece(out[0]) == kSpaceMark;
  if (lone) out.erase(out.begin());
  return out;
}

// convert_tokens_to_string: one run between added tokens. SentencePiece detokenises between <s>, </s> and <unk>; the
// space that legacy puts there stands before the text that such a token ends.
std::string Tokenizer::Impl::detokenize(const std::vector<int>& run) const {
  std::string out;
  std::vector<std::string> piece_texts;
  const auto flush = [&] {
    std::string text;
    if (const auto status = sentencepiece.Decode(piece_texts, &text); !status.ok())
      fail(fmt::format("Tokenizer: {}", status.message()));
    out += text;
    piece_texts.clear();
  };
  bool after_tag = false;
  for (size_t i = 0; i < run.size(); ++i) {
    const std::string* name = tag(run[i]);
    if (!name) {
      std::string piece = sentencepiece.IdToPiece(run[i]);
      if (i == 0 && piece.starts_with(kSpaceMark)) piece.erase(0, kSpaceMark.size());
      piece_texts.push_back(std::move(piece));
    } else {
      if (legacy && i != 0 && !after_tag) out += ' ';
      flush();
      out += *name;
    }
    after_tag = name != nullptr;
  }
  flush();
  return out;
}

std::string Tokenizer::Impl::decode(const std::vector<int>& ids) const {
  std::vector<std::string> parts;
  std::vector<int> run;
  for (int id : ids) {
    if (id < 0 || id >= vocab_size()) fail(fmt::format("Tokenizer: id {}, the vocabulary has {}", id, vocab_size()));
    if (!is_added(id)) {
      run.push_back(id);
      continue;
    }
    if (std::string text = detokenize(run); !text.empty()) parts.push_back(std::move(text));
    run.clear();
    parts.push_back(*tag(id));
  }
  if (!run.empty()) parts.push_back(detokenize(run));
  return fmt::format("{}", fmt::join(parts, " "));
}

Tokenizer::Tokenizer(const Path& model, const Path& added_tokens, bool legacy)
    : impl_(std::make_unique<Impl>(model, added_tokens, legacy)) {}
Tokenizer::Tokenizer(int vocab, int images) : impl_(std::make_unique<Impl>(vocab, images)) {}
Tokenizer::~Tokenizer() = default;

int Tokenizer::begin_image() const {
  return impl_->begin;
}
int Tokenizer::end_image() const {
  return impl_->end;
}
const std::vector<int>& Tokenizer::image_tokens() const {
  return impl_->images;
}
int Tokenizer::vocab_size() const {
  return impl_->vocab_size();
}
bool Tokenizer::is_added(int id) const {
  return impl_->is_added(id);
}

std::vector<int> Tokenizer::encode_tags(std::string_view text) const {
  std::vector<Segment> segments;
  std::string plain;
  while (!text.empty()) {
    const int token = impl_->tag_at(text);
    if (token < 0) {
      plain += text.front();
      text.remove_prefix(1);
      continue;
    }
    if (!plain.empty()) segments.push_back({.text = std::move(plain)});
    plain.clear();
    segments.push_back({.text = "", .token = token});
    text.remove_prefix(impl_->tag(token)->size());
  }
  if (!plain.empty()) segments.push_back({.text = std::move(plain)});
  return impl_->join(segments);
}

std::vector<int> Tokenizer::encode(const std::vector<Segment>& segments) const {
  for (const Segment& segment : segments)
    if (segment.token >= 0 && !impl_->tag(segment.token))
      fail(fmt::format("Tokenizer: id {} is no control token", segment.token));
  return impl_->join(segments);
}

std::string Tokenizer::decode(const std::vector<int>& ids) const {
  return impl_->decode(ids);
}

}  // namespace seedstory
