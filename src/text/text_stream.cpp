#include "text/tokenizer.h"

namespace seedstory {

std::string TextStream::push(int id) {
  if (id == Tokenizer::unk || id == Tokenizer::bos || id == Tokenizer::eos) return "";
  // Text before a word's beginning changes no more: its bytes are whole characters, and what follows is only appended.
  const bool boundary = tokenizer_.begins_word(id) || (!ids_.empty() && tokenizer_.is_added(ids_.back()));
  std::string out;
  if (boundary && !ids_.empty()) {
    out = tokenizer_.decode(ids_).substr(shown_);
    shown_ += out.size();
  }
  ids_.push_back(id);
  return out;
}

std::string TextStream::flush() {
  std::string out = tokenizer_.decode(ids_).substr(shown_);
  ids_.clear();
  shown_ = 0;
  return out;
}

}  // namespace seedstory
