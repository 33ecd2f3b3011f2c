// LLaMA's SentencePiece tokeniser with added tokens, as transformers 4.34's slow LlamaTokenizer.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace seedstory {

// A stretch of a prompt: plain text (tags in it are only text), or one control token.
struct Segment {
  std::string text;
  int token = -1;  // >= 0: this control token, and `text` is empty
};

class Tokenizer {
 public:
  // Both files are untrusted. Checks that the added ids follow the pieces without gaps and are unique, and that the
  // <img_k> are numbered 0 .. n-1; ErrorKind::input otherwise.
  Tokenizer(const std::filesystem::path& model, const std::filesystem::path& added_tokens, bool legacy);
  // Of ids alone, for those who count: `vocab` of them, of which the last are the image tokens, <img> and </img>.
  Tokenizer(int vocab, int images);
  ~Tokenizer();
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  static constexpr int unk = 0, bos = 1, eos = 2;
  int begin_image() const;                       // <img>
  int end_image() const;                         // </img>
  const std::vector<int>& image_tokens() const;  // <img_00000> .. in order of k
  int vocab_size() const;                        // pieces + added tokens
  bool is_added(int id) const;                   // not a piece: <img_k>, <img>, </img>, ...

  // encode(text, add_special_tokens=False): tags in the text become control tokens (trusted text only).
  std::vector<int> encode_tags(std::string_view text) const;
  // The same for a row of segments as one string: user text stays text.
  std::vector<int> encode(const std::vector<Segment>& segments) const;

  // decode(ids, skip_special_tokens=False), tags spelled out.
  std::string decode(const std::vector<int>& ids) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Section 8.4 of the published program: every <...> with the white space round it becomes one space; ends stripped.
std::string clean_text(std::string_view decoded);

// What a person reads: without a leading call prefix ("{left}" in it stands for any number) and then a leading
// "[INST]", runs of spaces collapsed, control characters left out.
std::string display_text(std::string_view cleaned, std::string_view call_prefix);

}  // namespace seedstory
