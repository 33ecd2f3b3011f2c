// `compat_vis`: what the published visualisation script gives its model, slips included, to compare with it.
#include <algorithm>

#include "language/context.h"

namespace seedstory {
namespace {

// Given captions without a mark between frames. The model itself must start each picture.
class CompatVis final : public Context {
 public:
  CompatVis(const ContextParts& parts, StoryPrefix opening) : parts_(parts), opening_(std::move(opening)) {}

  Generation call(const FrameRequest& ask) override {
    extend(ask);
    if (int64_t(rows_.size()) > parts_.request.window) {
      const auto end = std::find(ids_.begin(), ids_.end(), parts_.model.tokenizer.end_image());
      ids_.erase(ids_.begin(), end + 1);
      rows_.erase(rows_.begin());
    }
    std::vector<const std::vector<float>*> pictures;
    for (const auto& rows : rows_) pictures.push_back(&rows);
    parts_.session.clear();
    parts_.session.append(ids_, pictures);
    Generation said = parts_.voice.generate(ask.index, CallEnd::eos);
    if (parts_.trace) parts_.trace->record_call({ids_, said.ids});
    if (said.feature) rows_.push_back(parts_.session.embed_image(*said.feature));
    return said;
  }

 private:
  // The next caption, behind the last picture; on its own a string as the published program encodes it.
  void extend(const FrameRequest& ask) {
    std::vector<Segment> segments;
    if (ask.call == 1) {
      ids_ = {Tokenizer::bos};
      if (opening_.rows) {
        segments.push_back({opening_.text, -1});
        rows_.push_back(*opening_.rows);
      }
    }
    if (!rows_.empty()) add_picture(segments, parts_.model.tokenizer);
    segments.push_back({*ask.caption, -1});
    const std::vector<int> more = parts_.model.tokenizer.encode(segments);
    ids_.insert(ids_.end(), more.begin(), more.end());
  }

  const ContextParts parts_;
  const StoryPrefix opening_;
  std::vector<int> ids_;
  std::vector<std::vector<float>> rows_;  // of the pictures in ids_
};

}  // namespace

std::unique_ptr<Context> compat_vis_context(const ContextParts& parts, StoryPrefix opening) {
  return std::make_unique<CompatVis>(parts, std::move(opening));
}

}  // namespace seedstory
