// What SentencePiece takes on trust in its own files.
#pragma once

#include <string>
#include <string_view>

namespace seedstory {

// Fails with ErrorKind::input, `file` first, unless the model is of LLaMA's kind: BPE, no rules for rewriting
// characters. The library walks the tables of the other kinds without looking where they lead.
void check_sentencepiece_file(std::string_view bytes, const std::string& file);

}  // namespace seedstory
