// Adapter, denoiser and decoder in a row. A step is the same ops at the same addresses, so that a backend may repeat
// it.
#include "diffusion/painter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "diffusion/noise.h"
#include "diffusion/schedule.h"
#include "model/activation_bytes.h"

namespace seedstory {
namespace {

// torch's flat NCHW order to the feature maps' NHWC.
std::vector<float> to_nhwc(const std::vector<float>& nchw, int64_t channels) {
  const int64_t pixels = int64_t(nchw.size()) / channels;
  std::vector<float> out(nchw.size());
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < channels; ++c) out[p * channels + c] = nchw[c * pixels + p];
  return out;
}

}  // namespace

struct Painter::Impl {
  Impl(DiffusionModel& model, const StoryRequest& request, StoryListener& listener, Trace* trace)
      : model(model),
        request(request),
        listener(listener),
        trace(trace),
        schedule(make_schedule(model.config.scheduler, request.steps, request.sampling_method, request.scheduler,
                               request.cfg)),
        persistent(model.backend, dry_run_bytes([&](Backend&, Arena& arena) { make_persistent(arena); })),
        work(model.backend, dry_run_bytes([&](Backend& be, Arena& arena) { dry_run(be, arena); })) {
    make_persistent(persistent);
    upload_constants();
    if (is_guided() || trace) set_uncond();
  }

  int64_t factor() const { return int64_t(1) << (model.config.vae.channels.size() - 1); }
  int64_t latent_h() const { return request.height / factor(); }
  int64_t latent_w() const { return request.width / factor(); }
  int64_t channels() const { return model.config.vae.latent_channels; }

  void make_persistent(Arena& arena) {
    const int64_t steps = request.steps;
    latent = arena.make(DType::f32, {1, latent_h(), latent_w(), channels()});
    if (schedule.has_history) history = arena.like(latent);
    coefficients = arena.make(DType::f32, {steps, kStepColumns});
    step = arena.make(DType::i32, {1});
    timesteps = arena.make(DType::f32, {steps});
    time_ids = arena.make(DType::f32, {6});
    conditioning =
        model.unet->make_conditioning(arena, model.activations, pictures(), model.config.adapter.queries, steps);
  }

  // Without guidance the unconditional half counts nothing.
  bool is_guided() const { return request.cfg != 1; }
  int64_t pictures() const { return is_guided() ? 2 : 1; }  // of the UNet: the conditional one is the last

  void upload_constants() {
    model.backend.upload(coefficients, schedule.steps.data());
    model.backend.upload(timesteps, schedule.timesteps.data());
    const float h = float(request.height), w = float(request.width);
    const float ids[] = {h, w, 0, 0, h, w};  // original size, crop, target size
    model.backend.upload(time_ids, ids);
  }

  // A feature in the backend's memory.
  Tensor make_feature(Arena& arena) const {
    return arena.make(model.activations, {1, model.config.vit.queries, model.config.vit.output_dim});
  }

  Prompt condition(Backend& be, Arena& arena, const Tensor& feature, int64_t picture) const {
    const Prompt prompt = model.adapter->forward(be, arena, feature);
    model.unet->condition(be, arena, picture, prompt.tokens, prompt.pooled, time_ids, timesteps, conditioning);
    return prompt;
  }

  // The step that `step` names; nothing in it is a number of the host's (Backend::repeat).
  void denoise_step(Backend& be, Arena& arena) const {
    Arena::Scope scope(arena);
    const Tensor x = arena.make(model.activations, {pictures(), latent_h(), latent_w(), channels()});
    be.run(ScaleInput{.y = x, .x = latent, .coefficients = coefficients, .step = step});
    const Tensor m = model.unet->forward(be, arena, x, step, conditioning);
    be.run(SchedulerStep{.x = latent, .m = m, .history = history, .coefficients = coefficients, .step = step});
  }

  // The decoder's picture and what of it is not finite.
  struct Decoded {
    Tensor values, pixels, bad;
  };
  Decoded decode(Backend& be, Arena& arena) const {
    const Tensor scaled = arena.make(model.vae_activations, latent.dim, latent.rank);
    be.run(Convert{.y = scaled, .x = latent, .scale = 1 / model.config.vae.scaling_factor});
    const Tensor values = model.vae->forward(be, arena, scaled);
    const Tensor pixels = arena.make(DType::u8, values.dim, values.rank), bad = arena.make(DType::i32, {1});
    be.run(ToPixels{.y = pixels, .x = values, .bad = bad});
    return {values, pixels, bad};
  }

  void dry_run(Backend& be, Arena& arena) {
    {
      Arena::Scope scope(arena);
      condition(be, arena, make_feature(arena), 0);
    }
    denoise_step(be, arena);
    Arena::Scope scope(arena);
    decode(be, arena);
  }

  // The unconditional half of the guidance.
  void set_uncond() {
    Arena::Scope scope(work);
    const Tensor feature = make_feature(work);
    upload_values(model.backend, feature, model.uncond_feature.data());
    // Without guidance for the trace alone; the conditional one takes its place.
    const Prompt prompt = condition(model.backend, work, feature, 0);
    if (!trace) return;
    trace->record(model.backend, "vit.zero_output", feature);
    const float h = float(request.height), w = float(request.width);
    float both[] = {h, w, 0, 0, h, w, h, w, 0, 0, h, w};
    trace->record_host("unet.time_ids", Tensor(both, DType::f32, {2, 6}));
    trace->record(model.backend, "adapter.prompt_uncond", prompt.tokens);
    trace->record(model.backend, "adapter.pooled_uncond", prompt.pooled);
  }

  void set_cond(const Frame& frame) {
    Arena::Scope scope(work);
    const Tensor feature = make_feature(work);
    upload_values(model.backend, feature, frame.feature.data());
    const Prompt prompt = condition(model.backend, work, feature, pictures() - 1);
    if (!trace) return;
    trace->record(model.backend, "adapter.prompt", prompt.tokens);
    trace->record(model.backend, "adapter.pooled", prompt.pooled);
  }

  void start_from_noise(int64_t index) {
    std::vector<float> noise = to_nhwc(draw_noise(request.rng, frame_seed(request, index), latent.numel()), channels());
    if (trace) {
      model.backend.upload(latent, noise.data());
      trace->record(model.backend, "denoise.noise", latent, Layout::nhwc);
    }
    for (float& x : noise) x *= schedule.init_noise_sigma;
    model.backend.upload(latent, noise.data());
    const int32_t first = 0;
    model.backend.upload(step, &first);
  }

  Image decode(int64_t index) {
    Arena::Scope scope(work);
    model.backend.repeat(decoding, [&] { decoded = decode(model.backend, work); });
    int32_t bad = 0;
    model.backend.download(&bad, decoded.bad);
    if (bad != 0) fail_at_first_bad(decoded.values, index);
    Image image{.width = int(request.width), .height = int(request.height), .rgb = {}};
    image.rgb.resize(size_t(decoded.pixels.bytes()));
    model.backend.download(image.rgb.data(), decoded.pixels);
    if (trace)
      trace->record_host("frame1.rgb", Tensor(image.rgb.data(), DType::u8, {request.height, request.width, 3}));
    return image;
  }

  // A value that is not finite is an error, never a black pixel.
  [[noreturn]] void fail_at_first_bad(const Tensor& values, int64_t index) const {
    const std::vector<float> host = values_of(model.backend, values);
    const auto first = std::find_if(host.begin(), host.end(), [](float x) { return !std::isfinite(x); });
    fail(fmt::format("frame {}: the decoder's output is not finite at value {}", index, first - host.begin()));
  }

  Image paint(const Frame& frame) {
    set_cond(frame);
    start_from_noise(frame.index);
    Trace::Listening listening(trace, model.backend);
    for (int64_t j = 0; j < request.steps; ++j) {
      model.backend.repeat(denoising, [&] { denoise_step(model.backend, work); });
      model.backend.finish();
      if (trace) trace->record(model.backend, fmt::format("denoise.latent.{}", j + 1), latent, Layout::nhwc);
      listener.on_step(frame.index, j + 1, request.steps);
    }
    listener.on_decode(frame.index);
    Image image = decode(frame.index);
    trace = nullptr;  // the stages of the first frame are what a trace holds
    return image;
  }

  DiffusionModel& model;
  const StoryRequest request;
  StoryListener& listener;
  Trace* trace;
  const Schedule schedule;
  Tensor latent, history;  // f32 (1, h, w, c); the second only where the schedule has one
  Tensor coefficients;     // f32 (steps, StepCoefficients)
  Tensor step;             // i32 (1)
  Tensor timesteps;        // f32 (steps)
  Tensor time_ids;         // f32 (6)
  UnetConditioning conditioning;
  Arena persistent, work;
  Repeat denoising;  // of denoise_step
  Repeat decoding;   // of decode
  Decoded decoded;   // where the last one left it
};

void check_size(const ModelConfig& config, const StoryRequest& request) {
  const int64_t factor = int64_t(1) << (config.vae.channels.size() - 1);
  const int64_t multiple = factor << (config.unet.channels.size() - 1);
  for (const auto& [flag, value] : {std::pair{"--width", request.width}, std::pair{"--height", request.height}})
    if (value < multiple || value % multiple != 0)
      fail_usage(fmt::format("{}: {} came, expected a multiple of {}", flag, value, multiple));
}

Painter::Painter(DiffusionModel& model, const StoryRequest& request, StoryListener& listener, Trace* trace) {
  check_size(model.config, request);
  impl_ = std::make_unique<Impl>(model, request, listener, trace);
}

Painter::Painter(Painter&&) noexcept = default;
Painter::~Painter() = default;

Image Painter::paint(const Frame& frame) {
  return impl_->paint(frame);
}

}  // namespace seedstory
