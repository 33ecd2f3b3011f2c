// `window`: every call reads the last pictures' frames from the beginning. What the cache has of them already stays.
#include <algorithm>

#include "language/context.h"

namespace seedstory {
namespace {

constexpr std::string_view kTurnMark = "[INST]";  // what training put between frames

class Window final : public Context {
 public:
  Window(const ContextParts& parts, StoryPrefix opening) : parts_(parts) {
    if (opening.rows)
      turns_.push_back({std::move(opening.text), std::move(*opening.rows)});
    else
      open_ = std::move(opening.text);
  }

  Generation call(const FrameRequest& ask) override {
    const bool given = ask.caption.has_value();
    const std::vector<int> ids = encode(open_ + (given ? turn_text(ask, *ask.caption) : ask.prefix));
    read(ids);
    const CallEnd ends = parts_.model.config.call_ends;
    Generation said = given ? parts_.voice.generate_image() : parts_.voice.generate(ask.index, ends);
    if (parts_.trace) parts_.trace->record_call({ids, said.ids});
    if (!said.feature) return said;
    const std::string text = given ? *ask.caption : clean_text(parts_.model.tokenizer.decode(said.ids));
    turns_.push_back({open_ + turn_text(ask, text), parts_.session.embed_image(*said.feature)});
    open_.clear();
    cut();
    return said;
  }

 private:
  struct Turn {
    std::string text;         // as the model reads it
    std::vector<float> rows;  // of its picture
  };

  // A frame's text as it stands in the context. What the model writes brings its own mark, unless the program does.
  std::string turn_text(const FrameRequest& ask, const std::string& text) const {
    if (!ask.prefix.empty()) return ask.prefix + " " + text;
    const bool first = turns_.empty() && open_.empty();
    return ask.caption && !first ? std::string(kTurnMark) + text : text;
  }

  std::vector<int> encode(const std::string& last) const {
    std::vector<Segment> segments;
    for (const Turn& turn : turns_) {
      segments.push_back({turn.text, -1});
      add_picture(segments, parts_.model.tokenizer);
    }
    segments.push_back({last, -1});
    std::vector<int> ids = parts_.model.tokenizer.encode(segments);
    ids.insert(ids.begin(), Tokenizer::bos);
    return ids;
  }

  // Fills the session with `ids`. A prefix that it holds already is not computed again: the result is the same.
  void read(const std::vector<int>& ids) {
    const Tokenizer& tokenizer = parts_.model.tokenizer;
    // What the model wrote may have more tokens when it is read again.
    parts_.session.reserve(int64_t(ids.size()) + parts_.request.max_tokens);
    int64_t known = std::min(parts_.session.common_prefix(ids), int64_t(ids.size()) - 1);
    // Not from within a picture: append() takes whole ones.
    while (known > 0 && (is_image_token(tokenizer, ids[known]) || ids[known] == tokenizer.end_image())) --known;
    parts_.session.truncate(known);
    const auto whole = std::count(ids.begin(), ids.begin() + known, tokenizer.end_image());
    std::vector<const std::vector<float>*> pictures;
    for (size_t i = size_t(whole); i < turns_.size(); ++i) pictures.push_back(&turns_[i].rows);
    parts_.session.append(std::span(ids).subspan(known), pictures);
  }

  // While there are more pictures than the window holds, the oldest frame goes, and with it the mark that starts the
  // text of the next.
  void cut() {
    while (int64_t(turns_.size()) > parts_.request.window) {
      turns_.erase(turns_.begin());
      if (!turns_.empty() && turns_[0].text.starts_with(kTurnMark)) turns_[0].text.erase(0, kTurnMark.size());
      parts_.session.clear();  // the same ids may now stand for other pictures
    }
  }

  const ContextParts parts_;
  std::vector<Turn> turns_;  // oldest first
  std::string open_;         // the prompt, until a frame's text follows it
};

}  // namespace

std::unique_ptr<Context> window_context(const ContextParts& parts, StoryPrefix opening) {
  return std::make_unique<Window>(parts, std::move(opening));
}

}  // namespace seedstory
