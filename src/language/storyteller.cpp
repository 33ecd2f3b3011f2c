// From call to call: what is asked, what the model wrote, and when the story is over.
#include "language/storyteller.h"

#include <fmt/format.h>

#include "language/context.h"
#include "model/activation_bytes.h"
#include "text/normal_text.h"

namespace seedstory {
namespace {

int64_t token_count(const LanguageModel& model, const std::string& text) {
  return int64_t(model.tokenizer.encode({{text, -1}}).size());
}

// The positions that call `call` takes at least: what a policy surely remembers, the text and its picture. A text among
// others may have a space mark or two less.
int64_t least_positions(const std::vector<int64_t>& texts, int64_t call, int64_t picture, const StoryRequest& request) {
  const bool window = request.policy == Policy::window || request.policy == Policy::compat_vis;
  const int64_t remembered = window ? request.window : request.policy == Policy::dense ? call : 0;
  int64_t positions = 1;
  for (int64_t i = std::max<int64_t>(call - remembered, 0); i <= call; ++i)
    positions += std::max<int64_t>(texts[size_t(i)] - 2, 0) + picture;
  return positions;
}

// A given text as the model reads it. compat_vis repeats what the published script does, which reads it as it stands.
std::string text_read(const std::string& text, Policy policy) {
  return policy == Policy::compat_vis ? text : normal_text(text);
}

int64_t frames_told(const StoryRequest& request) {
  if (request.captions.empty()) return request.frames;
  return std::min(request.frames, int64_t(request.captions.size()) - (request.start ? 1 : 0));
}

std::string with_left(std::string prefix, int64_t left) {
  constexpr std::string_view kLeft = "{left}";
  if (const size_t at = prefix.find(kLeft); at != std::string::npos)
    prefix.replace(at, kLeft.size(), std::to_string(left));
  return prefix;
}

}  // namespace

int64_t positions_needed(const ModelConfig& config, const StoryRequest& request) {
  const int64_t most = config.llm.max_positions, picture = config.input_resampler.queries + 2;
  constexpr int64_t kMarks = 32;  // BOS, a space mark, [INST], the digits of {left}
  int64_t text = 0;               // of the longest caption
  for (const std::string& caption : request.captions) text = std::max(text, int64_t(caption.size()));
  const int64_t opening = kMarks + int64_t(request.prompt.size()) + picture;
  const int64_t asked = kMarks + int64_t(config.call_prefix.size()) + text;
  const int64_t written = std::max(std::min(request.max_tokens, most), picture);  // in one call
  const int64_t frame = asked + (request.captions.empty() ? written : picture);
  const int64_t given = request.captions.empty() ? most : int64_t(request.captions.size());
  const int64_t frames = std::min({request.frames, given, most});
  const int64_t whole = request.policy == Policy::dense ? frames : std::min(request.window, frames);
  const SinkSpans& s = config.spans;
  const int64_t spans = s.before_begin + s.after_begin + s.before_end + s.after_end;
  const int64_t sunk = request.policy == Policy::mm_sink ? spans * frames : 0;
  return std::min(most, opening + sunk + whole * frame + asked + picture + written);
}

void check_texts(const LanguageModel& model, const StoryRequest& request) {
  const int64_t picture = int64_t(picture_ids(model.tokenizer).size()), most = model.config.llm.max_positions;
  const auto count = [&](const std::string& text) { return token_count(model, text_read(text, request.policy)); };
  if (request.captions.empty()) {
    const int64_t prompt = count(request.prompt);
    if (1 + std::max<int64_t>(prompt - 2, 0) + picture > most)
      fail_input(fmt::format("the prompt has {} tokens, the model has {} positions for it and a picture; shorten it",
                             prompt, most));
    return;
  }
  std::vector<int64_t> texts;
  for (const std::string& caption : request.captions) texts.push_back(count(caption));
  const int64_t first = request.start ? 1 : 0;
  for (int64_t call = 0; call < first + frames_told(request); ++call)
    if (const int64_t least = least_positions(texts, call, picture, request); least > most)
      fail_input(
          fmt::format("caption {}: has {} tokens, and with what is remembered before it {}; the model has {} "
                      "positions; shorten it, "
                      "or use a smaller --window (--policy window)",
                      call, texts[size_t(call)], least, most));
}

struct Storyteller::Impl {
  Impl(LanguageModel& model, const StoryRequest& request, std::vector<float> start, StoryListener& listener,
       Trace* trace)
      : model(model),
        request(request),
        listener(listener),
        trace(trace),
        start(std::move(start)),
        session(model, positions_needed(model.config, request)),
        voice(model, session, this->request, listener, trace != nullptr) {
    if (request.policy == Policy::compat_vis && request.captions.empty())
      fail_usage("--policy: compat_vis came, which is for visualize; expected window, dense, sink or mm_sink");
    check_texts(model, request);
  }

  int64_t frames() const { return frames_told(request); }

  void begin() {
    const bool given = !request.captions.empty();
    StoryPrefix opening{.text = given ? "" : as_read(request.prompt), .rows = {}};
    if (request.start) {
      if (given) opening.text = as_read(request.captions[0]);
      opening.rows = session.embed_image(start, trace);
    }
    const ContextParts parts{model, session, voice, request, trace};
    context = request.policy == Policy::window       ? window_context(parts, std::move(opening))
              : request.policy == Policy::compat_vis ? compat_vis_context(parts, std::move(opening))
                                                     : cache_context(parts, std::move(opening));
  }

  FrameRequest next_ask() {
    ++call;
    FrameRequest ask{.call = call, .index = call - (request.start ? 0 : 1), .prefix = "", .caption = {}};
    ask.prefix = with_left(model.config.call_prefix, frames() - call + 1);
    if (!request.captions.empty()) ask.caption = as_read(request.captions[ask.index]);
    return ask;
  }

  std::string as_read(const std::string& text) const { return text_read(text, request.policy); }

  std::optional<Frame> next() {
    if (over || call >= frames()) return {};
    if (!context) begin();
    const FrameRequest ask = next_ask();
    if (ask.caption) listener.on_text(ask.index, request.captions[ask.index]);
    Generation said = context->call(ask);
    listener.on_text_end(ask.index);
    if (!said.feature) {
      over = true;
      listener.on_warning(fmt::format("the story ended before frame {}: {}", ask.index, why_no_picture(said)));
      return {};
    }
    record(*said.feature);
    const std::string text = clean_text(model.tokenizer.decode(said.ids));
    return Frame{.index = ask.index,
                 .text = ask.caption ? request.captions[ask.index] : display_text(text, model.config.call_prefix),
                 .feature = std::move(*said.feature)};
  }

  void record(std::vector<float>& feature) {
    if (!trace) return;
    const VitConfig& vit = model.config.vit;
    trace->record_host(fmt::format("{}.feature.{}", request.captions.empty() ? "generate" : "visualize", call),
                       Tensor(feature.data(), DType::f32, {vit.queries, vit.output_dim}));
  }

  std::string why_no_picture(const Generation& said) const {
    if (!said.ids.empty() && said.ids.back() == Tokenizer::eos) return "the model wrote no picture";
    return fmt::format("no whole picture within {} tokens (--max-tokens)", request.max_tokens);
  }

  LanguageModel& model;
  const StoryRequest request;
  StoryListener& listener;
  Trace* trace;
  const std::vector<float> start;  // the feature of the user's picture
  Session session;
  TokenGenerator voice;
  std::unique_ptr<Context> context;
  int64_t call = 0;  // from 1
  bool over = false;
};

Storyteller::Storyteller(LanguageModel& model, const StoryRequest& request, std::vector<float> start,
                         StoryListener& listener, Trace* trace)
    : impl_(std::make_unique<Impl>(model, request, std::move(start), listener, trace)) {}

Storyteller::Storyteller(Storyteller&&) noexcept = default;
Storyteller::~Storyteller() = default;

std::optional<Frame> Storyteller::next() {
  return impl_->next();
}

}  // namespace seedstory
