// The story loop: which text the LLM sees when, and what becomes of what it says.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "story/policy.h"
#include "story/session.h"
#include "story/sizing.h"
#include "story/story.h"

namespace seedstory {
namespace {

// CLIP's normalisation of a picture, after PIL's bilinear resize that ignores the aspect ratio (the published
// program's transform).
std::vector<float> vit_input(const Image& image, int64_t size) {
  constexpr float kMean[] = {0.48145466f, 0.4578275f, 0.40821073f}, kStd[] = {0.26862954f, 0.26130258f, 0.27577711f};
  const Image square = resize_bilinear(image, int(size), int(size));
  std::vector<float> out(square.rgb.size());
  for (size_t i = 0; i < out.size(); ++i) out[i] = (square.rgb[i] / 255.0f - kMean[i % 3]) / kStd[i % 3];
  return out;
}

// A picture as the LLM will see it later: (vit queries, output_dim).
std::vector<float> see(Engine& engine, const Image& image, Trace* trace) {
  const VitConfig& vit = engine.config.vit;
  const auto run = [&](Backend& be, Arena& arena, const std::vector<float>* pixels) {
    const Tensor in = arena.make(DType::f32, {1, vit.image_size, vit.image_size, 3});
    if (pixels) be.upload(in, pixels->data());
    return engine.vit->forward(be, arena, in);
  };
  Arena arena(engine.backend, dry_run_bytes([&](Backend& be, Arena& counting) { run(be, counting, nullptr); }));
  Trace::Listening listening(trace, engine.backend);
  const std::vector<float> pixels = vit_input(image, vit.image_size);
  const Tensor feature = run(engine.backend, arena, &pixels);
  std::vector<float> host(feature.numel());
  engine.backend.download(host.data(), feature);
  return host;
}

std::string with_left(std::string prefix, int64_t left) {
  constexpr std::string_view kLeft = "{left}";
  if (const size_t at = prefix.find(kLeft); at != std::string::npos)
    prefix.replace(at, kLeft.size(), std::to_string(left));
  return prefix;
}

constexpr std::string_view kTurnMark = "[INST]";  // what training put between frames

// One frame of the context: its text as the model reads it, and its picture.
struct Turn {
  std::string text;
  std::vector<float> rows;
};

// What one call of the LLM said.
struct Said {
  std::vector<int> ids;                       // everything, control tokens too
  std::optional<std::vector<float>> feature;  // of the last whole picture
};

}  // namespace

StoryRequest default_request(const ModelConfig& config) {
  StoryRequest request;
  const Defaults& d = config.defaults;
  request.policy = d.policy;
  request.window = d.window;
  request.steps = d.steps;
  request.cfg = d.cfg;
  request.width = d.width;
  request.height = d.height;
  return request;
}

struct Storyteller::Impl {
  Impl(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace)
      : engine(engine),
        request(request),
        listener(listener),
        trace(trace),
        session(engine),
        sampler(request.sampling, request.seed),
        policy(request.policy, request.window, engine.config.spans) {}

  // --- words and tokens ---

  bool draws_captions() const { return !request.captions.empty(); }
  bool official_calls() const { return engine.config.call_ends == CallEnd::eos; }
  bool keeps_cache() const {
    return request.policy == Policy::dense || request.policy == Policy::sink || request.policy == Policy::mm_sink;
  }

  std::vector<int> picture_ids() const {  // <img>, its image tokens, </img>
    std::vector<int> ids = {engine.tokenizer.begin_image()};
    const auto& images = engine.tokenizer.image_tokens();
    ids.insert(ids.end(), images.begin(), images.end());
    ids.push_back(engine.tokenizer.end_image());
    return ids;
  }

  void add_picture(std::vector<Segment>& segments) const {
    for (int id : picture_ids()) segments.push_back({"", id});
  }

  // Of a text that follows a picture: without the space mark that starts a whole string.
  std::vector<int> ids_after_picture(const std::string& text) const {
    std::vector<int> ids = engine.tokenizer.encode({{"", engine.tokenizer.end_image()}, {text, -1}});
    const auto end = std::find(ids.begin(), ids.end(), engine.tokenizer.end_image());
    return {end + 1, ids.end()};
  }

  int64_t captions_to_draw() const { return int64_t(request.captions.size()) - (request.start ? 1 : 0); }
  int64_t frames() const { return draws_captions() ? std::min(request.frames, captions_to_draw()) : request.frames; }
  int64_t file_index() const { return call - (request.start ? 0 : 1); }  // of the frame of this call
  const std::string& caption() const { return request.captions[request.start ? call : call - 1]; }
  std::string trace_name(const char* what) const {
    return fmt::format("{}.{}.{}", draws_captions() ? "visualize" : "generate", what, call);
  }

  // --- one token after the other ---

  // Published rule (AutoImageTokenGenerationProcessor): outside a picture the logits of its tokens are 0. That is a
  // slip for "never"; models of ours get what was meant, and end where the program says, not at </s>.
  void apply_rules(std::vector<float>& logits) const {
    const bool published = official_calls();
    const float never = -std::numeric_limits<float>::infinity();
    for (int id : engine.tokenizer.image_tokens()) logits[id] = published ? 0.0f : never;
    logits[engine.tokenizer.end_image()] = published ? 0.0f : never;
    if (!published || keeps_cache()) logits[Tokenizer::eos] = never;
  }

  // Shows what is safe to show: whole words, and nothing that might still become a tag.
  void show(const std::vector<int>& text_ids, bool last) {
    const std::string text = display_text(clean_text(engine.tokenizer.decode(text_ids)), "");
    size_t end = text.size();
    if (!last) {
      const size_t space = text.rfind(' ');
      end = space == std::string::npos ? 0 : space;
      end = std::min(end, text.find('<'));
    }
    if (end <= shown.size() || text.compare(0, shown.size(), shown) != 0) return;
    listener.on_text(file_index(), std::string_view(text).substr(shown.size(), end - shown.size()));
    shown = text.substr(0, end);
  }

  // From an image token on, the rest of the picture is known: all of it in one pass. `said` ends with the first token.
  void draw(Said& said) {
    const std::vector<int> known = picture_ids();
    const auto first = std::find(known.begin(), known.end(), said.ids.back());
    const std::vector<int> run(first, known.end() - 1);
    const bool whole = first - known.begin() <= 1;  // all image tokens are in it
    const int64_t room = request.max_tokens - int64_t(said.ids.size());
    const int64_t rest = std::min<int64_t>(room, known.end() - first - 1);
    said.ids.insert(said.ids.end(), first + 1, first + 1 + rest);
    if (rest < known.end() - first - 1) return;  // cut inside the picture: no picture
    if (whole)
      said.feature = session.draw(run);
    else
      session.append(run);
  }

  // One call of the LLM on what the session holds, ended as the model's calls end.
  Said speak() {
    Said said;
    std::vector<int> text;
    shown.clear();
    const int end_image = engine.tokenizer.end_image(), begin_image = engine.tokenizer.begin_image();
    const auto& images = engine.tokenizer.image_tokens();
    const int64_t picture_length = int64_t(images.size()) + 2;
    bool cut = false;
    for (bool first = true; int64_t(said.ids.size()) < request.max_tokens; first = false) {
      std::vector<float> logits = session.logits();
      if (first && trace && keeps_cache()) {
        const std::string name = fmt::format("{}.{}.logits", policy_name(), call);
        trace->record_host(name, Tensor(logits.data(), DType::f32, {int64_t(logits.size())}));
      }
      apply_rules(logits);
      // Models of ours always finish the picture: the last place where it fits is where it starts.
      const bool must_draw = !official_calls() && int64_t(said.ids.size()) + picture_length >= request.max_tokens;
      const int id = must_draw ? begin_image : sampler.pick(logits, session.ids());
      cut = must_draw && cut_text(text, logits);
      said.ids.push_back(id);
      if (id == Tokenizer::eos) break;
      const bool starts_picture = id == begin_image || std::find(images.begin(), images.end(), id) != images.end();
      if (!starts_picture) {
        text.push_back(id);
        session.append(std::span(&id, 1));
        show(text, false);
        continue;
      }
      draw(said);
      if (said.ids.back() != end_image || !official_calls() || keeps_cache()) break;
      session.append(std::span(&end_image, 1));  // the published program listens on until </s>
    }
    show(text_of(said.ids), true);
    if (cut)
      listener.on_warning(
          fmt::format("frame {}: the text was cut at {} tokens (--max-tokens)", file_index(), request.max_tokens));
    return said;
  }

  bool cut_text(const std::vector<int>& text, const std::vector<float>& logits) const {
    return !text.empty() &&
           std::max_element(logits.begin(), logits.end()) - logits.begin() != engine.tokenizer.begin_image();
  }

  std::vector<int> text_of(std::vector<int> ids) const {
    const auto is_control = [&](int id) {
      const auto& images = engine.tokenizer.image_tokens();
      return id == Tokenizer::eos || id == engine.tokenizer.begin_image() || id == engine.tokenizer.end_image() ||
             std::find(images.begin(), images.end(), id) != images.end();
    };
    ids.erase(std::remove_if(ids.begin(), ids.end(), is_control), ids.end());
    return ids;
  }

  // The picture of a text that is given: nothing to write, the picture starts at once.
  Said draw_only() {
    Said said{.ids = {engine.tokenizer.begin_image()}, .feature = {}};
    draw(said);
    return said;
  }

  const char* policy_name() const {
    return request.policy == Policy::dense ? "dense" : request.policy == Policy::sink ? "sink" : "mm_sink";
  }

  // --- window: every call reads the last pictures anew (official behaviour) ---

  std::vector<int> window_ids(const std::string& open) const {
    std::vector<Segment> segments;
    for (const Turn& turn : turns) {
      segments.push_back({turn.text, -1});
      add_picture(segments);
    }
    segments.push_back({open, -1});
    std::vector<int> ids = engine.tokenizer.encode(segments);
    ids.insert(ids.begin(), Tokenizer::bos);
    return ids;
  }

  // Fills the session with `ids`; what it holds already is not computed again.
  void read(const std::vector<int>& ids) {
    const int64_t known = std::min<int64_t>(session.common_prefix(ids), int64_t(ids.size()) - 1);
    session.truncate(known);
    std::vector<const std::vector<float>*> pictures;
    int64_t pictures_known = std::count(ids.begin(), ids.begin() + known, engine.tokenizer.begin_image());
    const auto& images = engine.tokenizer.image_tokens();
    const auto images_known = std::count_if(ids.begin(), ids.begin() + known, [&](int id) {
      return std::find(images.begin(), images.end(), id) != images.end();
    });
    // A cache that ends inside a picture is cut back to before it.
    if (images_known % int64_t(images.size()) != 0) {
      const auto begin = std::find(ids.rend() - known, ids.rend(), engine.tokenizer.begin_image());
      session.truncate(ids.rend() - begin - 1);
      --pictures_known;
    } else if (images_known / int64_t(images.size()) < pictures_known) {
      --pictures_known;  // <img> is known, its image tokens are not
    }
    for (size_t i = size_t(pictures_known); i < turns.size(); ++i) pictures.push_back(&turns[i].rows);
    session.append(std::span(ids).subspan(session.ids().size()), pictures);
  }

  // Section 8.3: while there are more pictures than the window holds, the oldest frame goes, and with it the mark that
  // starts the next one's text.
  void cut_window() {
    while (int64_t(turns.size()) > request.window) {
      turns.erase(turns.begin());
      if (!turns.empty() && turns[0].text.starts_with(kTurnMark)) turns[0].text.erase(0, kTurnMark.size());
      session.clear();  // the same ids may now stand for other pictures
    }
  }

  std::string turn_text(const std::string& text) const {
    const std::string prefix = with_left(engine.config.call_prefix, frames() - call + 1);
    if (draws_captions()) {
      if (!prefix.empty()) return prefix + " " + text;
      return turns.empty() && open.empty() ? text : std::string(kTurnMark) + text;
    }
    return prefix.empty() ? text : prefix + " " + text;
  }

  Said window_call() {
    const std::string prefix = with_left(engine.config.call_prefix, frames() - call + 1);
    const std::string asked = open + (draws_captions() ? turn_text(caption()) : prefix);
    const std::vector<int> ids = window_ids(asked);
    read(ids);
    Said said = draws_captions() ? draw_only() : speak();
    if (trace) trace->record_call({ids, said.ids});
    if (said.feature) {
      const std::string text = draws_captions() ? caption() : clean_text(engine.tokenizer.decode(said.ids));
      turns.push_back({open + turn_text(text), session_rows(*said.feature)});
      open.clear();
      cut_window();
    }
    return said;
  }

  std::vector<float> session_rows(const std::vector<float>& feature) { return session.make_rows(feature); }

  // --- compat_vis: ids are strung together, and the cut takes BOS along (section 8.5) ---

  Said compat_call() {
    if (call == 1) {
      compat_ids = window_ids(request.start ? caption() : open + caption());
    } else {
      std::vector<Segment> segments;
      add_picture(segments);
      segments.push_back({caption(), -1});
      const std::vector<int> more = engine.tokenizer.encode(segments);
      compat_ids.insert(compat_ids.end(), more.begin(), more.end());
      if (int64_t(turns.size()) > request.window) {
        compat_ids.erase(compat_ids.begin(),
                         std::find(compat_ids.begin(), compat_ids.end(), engine.tokenizer.end_image()) + 1);
        turns.erase(turns.begin());
      }
    }
    session.clear();
    read(compat_ids);
    Said said = speak();
    if (trace) trace->record_call({compat_ids, said.ids});
    if (said.feature) turns.push_back({"", session_rows(*said.feature)});
    return said;
  }

  // --- dense, sink, mm_sink: one cache for the whole story (golden README, last part) ---

  void cache_start() {
    std::vector<int> ids = window_ids(turns.empty() ? first_open() : "");
    std::vector<const std::vector<float>*> pictures;
    for (const Turn& turn : turns) pictures.push_back(&turn.rows);
    session.append(ids, pictures);
    if (!turns.empty()) {
      const auto begin = std::find(ids.begin(), ids.end(), engine.tokenizer.begin_image()) - ids.begin();
      const auto end = std::find(ids.begin(), ids.end(), engine.tokenizer.end_image()) - ids.begin();
      policy.add_picture(begin, end, session.kept());
    }
  }

  // The first call's text belongs to the same string as the prompt.
  std::string first_open() const {
    return open + (draws_captions() ? turn_text(caption()) : with_left(engine.config.call_prefix, frames() - call + 1));
  }

  Said cache_call() {
    if (call == 1) cache_start();
    if (call > 1 || !turns.empty()) {
      const std::string asked =
          draws_captions() ? turn_text(caption()) : with_left(engine.config.call_prefix, frames() - call + 1);
      if (!asked.empty()) session.append(ids_after_picture(asked));
    }
    const std::vector<int> context = session.ids();
    const int64_t history_before = session.history();
    Said said = draws_captions() ? draw_only() : speak();
    if (trace) trace->record_call({context, said.ids});
    if (!said.feature) return said;

    // The queries leave nothing in the cache; then room is made, and the picture enters with its feature.
    const int64_t text_tokens = int64_t(text_of(said.ids).size());
    session.truncate(int64_t(context.size()) + text_tokens);
    const std::vector<int> picture = picture_ids();
    const int64_t begin = history_before + text_tokens;
    session.keep(policy.add_picture(begin, begin + int64_t(picture.size()) - 1, session.kept()));
    const std::vector<float> rows = session_rows(*said.feature);
    const std::vector<float>* pictures[] = {&rows};
    session.append(picture, pictures);
    if (trace) trace->record_host(fmt::format("{}.{}.feature", policy_name(), call), feature_view(*said.feature));
    return said;
  }

  Tensor feature_view(std::vector<float>& feature) const {
    return Tensor(feature.data(), DType::f32, {engine.config.vit.queries, engine.config.vit.output_dim});
  }

  // --- the story ---

  void begin() {
    if (request.policy == Policy::compat_vis && !draws_captions())
      fail_usage("--policy compat_vis: is for visualize; generate takes window, dense, sink or mm_sink");
    open = draws_captions() ? "" : request.prompt;
    if (!request.start) return;
    std::vector<float> feature = see(engine, *request.start, trace);
    turns.push_back({draws_captions() ? request.captions[0] : request.prompt, session.make_rows(feature, trace)});
    open.clear();
  }

  std::optional<Frame> next() {
    if (over || call >= frames()) return {};
    if (call == 0) begin();
    ++call;
    Said said = keeps_cache() ? cache_call() : request.policy == Policy::compat_vis ? compat_call() : window_call();
    if (draws_captions()) listener.on_text(file_index(), caption());
    listener.on_text_end(file_index());
    if (!said.feature) {
      over = true;
      listener.on_warning(fmt::format("the story ended before frame {}: {}", file_index(), why_no_picture(said)));
      return {};
    }
    if (trace) trace->record_host(trace_name("feature"), feature_view(*said.feature));
    Frame frame{.index = file_index(), .text = "", .feature = *said.feature};
    frame.text = draws_captions() ? caption() : display_text(clean_text(engine.tokenizer.decode(said.ids)), "");
    return frame;
  }

  std::string why_no_picture(const Said& said) const {
    if (!said.ids.empty() && said.ids.back() == Tokenizer::eos) return "the model wrote no picture";
    return fmt::format("no whole picture within {} tokens (--max-tokens)", request.max_tokens);
  }

  Engine& engine;
  const StoryRequest request;
  StoryListener& listener;
  Trace* trace;
  Session session;
  Sampler sampler;
  SinkPolicy policy;

  std::vector<Turn> turns;      // what the window holds, oldest first
  std::string open;             // the prompt, until a frame's text follows it
  std::vector<int> compat_ids;  // compat_vis: the context of the last call
  std::string shown;            // of this call's text
  int64_t call = 0;             // from 1
  bool over = false;
};

Storyteller::Storyteller(Engine& engine, const StoryRequest& request, StoryListener& listener, Trace* trace)
    : impl_(std::make_unique<Impl>(engine, request, listener, trace)) {}

Storyteller::~Storyteller() = default;

std::optional<Frame> Storyteller::next() {
  return impl_->next();
}

}  // namespace seedstory
