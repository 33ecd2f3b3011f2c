// What a story may be asked for by name.
#pragma once

#include "seedstory/choice.h"

namespace seedstory {

// Which tokens of a story stay in the cache of the LLM.
enum class Policy { window, dense, sink, mm_sink, compat_vis };
inline constexpr Choice<Policy> kPolicies[] = {
    {Policy::window, "window", "the last --window frames, read again for every new one"},
    {Policy::dense, "dense", "the whole story"},
    {Policy::sink, "sink", "the first tokens of the story, and its last --window pictures"},
    {Policy::mm_sink, "mm_sink", "as sink, and the tokens round <img> and </img> of every older picture"},
    {Policy::compat_vis, "compat_vis", "visualize as the published script does it, with its slips"},
};

// Whose random numbers a picture starts from.
enum class NoiseSource { torch_cuda, torch_cpu };
inline constexpr Choice<NoiseSource> kNoiseSources[] = {
    {NoiseSource::torch_cuda, "torch-cuda", "Philox4x32-10, as torch's CUDA generator on a data-centre GPU"},
    {NoiseSource::torch_cpu, "torch-cpu", "mt19937, as torch's CPU generator"},
};

// How a step goes from one noise level to the next, --sampling-method.
enum class SamplingMethod { euler, dpmpp_2m, ddim };
// Which noise levels the steps pass through, --scheduler.
enum class SigmaSchedule { discrete, karras };

// Both with the names that stable-diffusion.cpp has for them, and the titles of AUTOMATIC1111's web UI.
template <class Value>
struct SchedulerChoice : Choice<Value> {
  const char* title;
};
inline constexpr SchedulerChoice<SamplingMethod> kSamplingMethods[] = {
    {{SamplingMethod::euler, "euler", "first order, as the published program"}, "Euler"},
    {{SamplingMethod::dpmpp_2m, "dpm++2m", "second order over two steps: 20 do what 50 of euler do"}, "DPM++ 2M"},
    {{SamplingMethod::ddim, "ddim", "first order, without noise"}, "DDIM"},
};
inline constexpr SchedulerChoice<SigmaSchedule> kSigmaSchedules[] = {
    {{SigmaSchedule::discrete, "discrete", "even in the training's steps"}, "Uniform"},
    {{SigmaSchedule::karras, "karras", "even in sigma^(1/7): more of the steps at little noise"}, "Karras"},
};

}  // namespace seedstory
