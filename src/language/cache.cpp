// `dense`, `sink` and `mm_sink`: one cache for the whole story. A finished frame stays in it as it was told, and a
// SinkPolicy says which tokens leave when its picture comes.
#include <fmt/format.h>

#include <algorithm>

#include "language/context.h"
#include "language/policy.h"

namespace seedstory {
namespace {

class Cache final : public Context {
 public:
  Cache(const ContextParts& parts, StoryPrefix opening)
      : parts_(parts),
        opening_(std::move(opening)),
        picture_(picture_ids(parts.model.tokenizer)),
        policy_(parts.request.policy, parts.request.window, parts.model.config.spans) {}

  Generation call(const FrameRequest& ask) override {
    const std::string asked = ask.caption ? caption_text(ask) : ask.prefix;
    if (ask.call == 1)
      start(asked);
    else if (!asked.empty())
      parts_.session.append(encode_after_picture(asked));
    const std::vector<int> context = parts_.session.ids();
    Generation said = ask.caption ? parts_.voice.generate_image() : parts_.voice.generate(ask.index, CallEnd::eoi);
    if (parts_.trace) record(ask.call, context, said);
    if (said.feature) keep_frame(said, int64_t(context.size()));
    return said;
  }

 private:
  std::string caption_text(const FrameRequest& ask) const {
    if (!ask.prefix.empty()) return ask.prefix + " " + *ask.caption;
    return ask.call == 1 && !opening_.rows ? *ask.caption : "[INST]" + *ask.caption;
  }

  // BOS, the opening, its picture, and what the first frame's text starts with, as one string.
  void start(const std::string& asked) {
    std::vector<Segment> segments = {{opening_.text + (opening_.rows ? "" : asked), -1}};
    if (opening_.rows) {
      add_picture(segments, parts_.model.tokenizer);
      segments.push_back({asked, -1});
    }
    std::vector<int> ids = parts_.model.tokenizer.encode(segments);
    ids.insert(ids.begin(), Tokenizer::bos);
    if (!opening_.rows) return parts_.session.append(ids);
    const std::vector<float>* pictures[] = {&*opening_.rows};
    parts_.session.append(ids, pictures);
    const auto begin = std::find(ids.begin(), ids.end(), picture_.front()) - ids.begin();
    policy_.add_picture(begin, begin + int64_t(picture_.size()) - 1, parts_.session.kept());
  }

  // Without the space mark that starts a whole string.
  std::vector<int> encode_after_picture(const std::string& text) const {
    const int mark = picture_.back();
    const std::vector<int> ids = parts_.model.tokenizer.encode({{"", mark}, {text, -1}});
    return {std::find(ids.begin(), ids.end(), mark) + 1, ids.end()};
  }

  // The queries leave nothing in the cache; then room is made, and the picture enters with its feature.
  void keep_frame(const Generation& said, int64_t context_length) {
    const int64_t text_length = int64_t(text_ids(parts_.model.tokenizer, said.ids).size());
    parts_.session.truncate(context_length + text_length);
    const int64_t begin = parts_.session.history(), end = begin + int64_t(picture_.size()) - 1;
    parts_.session.keep(policy_.add_picture(begin, end, parts_.session.kept()));
    const std::vector<float> rows = parts_.session.embed_image(*said.feature);
    const std::vector<float>* pictures[] = {&rows};
    parts_.session.append(picture_, pictures);
  }

  void record(int64_t call, const std::vector<int>& context, Generation& said) const {
    parts_.trace->record_call({context, said.ids});
    const Policy policy = parts_.request.policy;
    const char* name = policy == Policy::dense ? "dense" : policy == Policy::sink ? "sink" : "mm_sink";
    const auto put = [&](const char* what, std::vector<float>& values) {
      if (!values.empty())
        parts_.trace->record_host(fmt::format("{}.{}.{}", name, call, what),
                                  Tensor(values.data(), DType::f32, {int64_t(values.size())}));
    };
    put("logits", said.first_logits);
    if (said.feature) put("feature", *said.feature);
  }

  const ContextParts parts_;
  const StoryPrefix opening_;
  const std::vector<int> picture_;
  SinkPolicy policy_;
};

}  // namespace

std::unique_ptr<Context> cache_context(const ContextParts& parts, StoryPrefix opening) {
  return std::make_unique<Cache>(parts, std::move(opening));
}

}  // namespace seedstory
