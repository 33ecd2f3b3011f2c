// Conv2d (ops.h):  y <- x * w + bias + residual
//
// Work   oneDNN's direct convolution with bias and residual in its epilogue. A prepared weight is reordered at its
//        first use, when the shape of the picture is known; an unprepared one at every call. Views with gaps between
//        the rows are copied: oneDNN has no fast kernel for them.
// Error  Against f64, of the sum of magnitudes: taps * 2^-24, the bound of a chain of roundings, usually sqrt of that.
#include "cpu/conv2d.h"

#include <cstring>

#include "cpu/parallel.h"
#include "cpu/rows.h"

namespace seedstory::cpu {
namespace {

using dnnl::memory;

memory::desc nhwc(const Tensor& t) {
  return {{t.dim[0], t.dim[3], t.dim[1], t.dim[2]}, memory::data_type::f32, memory::format_tag::nhwc};
}

memory::desc stored_weights(const Tensor& w, memory::format_tag tag = memory::format_tag::oihw) {
  return {{w.dim[0], w.dim[1], w.dim[2], w.dim[3]}, memory::data_type::f32, tag};
}

Tensor dense(const Tensor& t, Scratch& scratch) {
  return {scratch.bytes(t.bytes()), t.dtype, t.dim, size_t(t.rank)};
}

}  // namespace

void Convolutions::prepare(const Tensor& w) {
  prepared_[w.data].clear();
}

void Convolutions::forget(const Tensor& w) {
  prepared_.erase(w.data);
}

const Convolutions::Primitive& Convolutions::primitive(const Conv2d& op) {
  const Shape shape{op.x.dim[0], op.x.dim[1], op.x.dim[2],  op.x.dim[3], op.w.dim[0],   op.w.dim[2],
                    op.w.dim[3], op.stride,   op.pad_begin, op.pad_end,  bool(op.bias), bool(op.residual)};
  auto found = primitives_.find(shape);
  if (found == primitives_.end()) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::library);
    if (op.residual) {
      dnnl::post_ops ops;
      ops.append_sum();
      attr.set_post_ops(ops);
    }
    const ConvolutionDescs descs{
        .x = nhwc(op.x),
        .w = stored_weights(op.w, memory::format_tag::any),
        .bias = op.bias ? memory::desc({op.w.dim[0]}, memory::data_type::f32, memory::format_tag::a) : memory::desc(),
        .y = nhwc(op.y),
        .strides = {op.stride, op.stride},
        .pad_begin = {op.pad_begin, op.pad_begin},
        .pad_end = {op.pad_end, op.pad_end}};
    auto desc = convolution(engine_, descs, attr);
    found = primitives_.emplace(shape, Primitive{desc, dnnl::convolution_forward(desc)}).first;
  }
  return found->second;
}

memory Convolutions::ordered_weights(const Tensor& w, const memory::desc& wanted) {
  const memory stored(stored_weights(w), engine_, w.data);
  if (stored.get_desc() == wanted) return stored;
  const auto kept = prepared_.find(w.data);
  if (kept != prepared_.end())
    for (const memory& order : kept->second)
      if (order.get_desc() == wanted) return order;
  memory ordered =
      kept != prepared_.end() ? memory(wanted, engine_) : memory(wanted, engine_, w_.bytes(int64_t(wanted.get_size())));
  dnnl::reorder(stored, ordered).execute(stream_, const_cast<memory&>(stored), ordered);
  stream_.wait();
  if (kept != prepared_.end()) kept->second.push_back(ordered);
  return ordered;
}

void Convolutions::execute(const Conv2d& op, Crew& crew) {
  if (op.y.numel() == 0) return;
  Tensor x = op.x, y = op.y, w = op.w;
  if (!x.contiguous()) {
    x = dense(op.x, x_);
    cpu::execute(Copy{.y = x, .x = op.x}, crew);
  }
  if (!w.contiguous()) {
    w = dense(op.w, crew.scratch);
    cpu::execute(Copy{.y = w, .x = op.w}, crew);
  }
  if (!y.contiguous()) y = dense(op.y, y_);
  // The epilogue adds to what is in y.
  if (op.residual && op.residual.data != y.data) cpu::execute(Copy{.y = y, .x = op.residual}, crew);

  const Primitive& conv = primitive(op);
  std::unordered_map<int, memory> args{{DNNL_ARG_SRC, memory(conv.desc.src_desc(), engine_, x.data)},
                                       {DNNL_ARG_WEIGHTS, ordered_weights(w, conv.desc.weights_desc())},
                                       {DNNL_ARG_DST, memory(conv.desc.dst_desc(), engine_, y.data)}};
  if (op.bias) args.emplace(DNNL_ARG_BIAS, memory(conv.desc.bias_desc(), engine_, op.bias.data));
  conv.run.execute(stream_, args);
  stream_.wait();
  if (y.data != op.y.data) cpu::execute(Copy{.y = op.y, .x = y}, crew);
}

}  // namespace seedstory::cpu
