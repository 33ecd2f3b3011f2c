// Add, Convert, Activate, ScaleInput (ops.h):  y <- f(a) or f(a, b), element by element of views of one shape.
//
// Work    A thread takes 16 bytes of the widest type and as many elements of the others; a warp reads and writes
//         unbroken stretches. Axes that lie behind each other in every tensor are one, so that whole tensors are one
//         row. ScaleInput's two copies are one more axis, along which x does not move. Memory is the limit.
// Limits  2^31 such pieces. Views whose rows are not whole vectors, or not aligned to them, go element by element.
// Error   Against f64: Add, and Convert and ScaleInput (their product): one rounding in f32, one to y's type. SiLU:
//         2^-21 relative, absolute below 2^-118, GELU: 2^-21 |x|; then one rounding to y's type.
#include "../choose.h"
#include "../device/activate.cuh"
#include "../device/offsets.cuh"
#include "../launch_op.h"

namespace seedstory {
namespace {

constexpr int kThreads = 256;

// Bits as they are.
template <class T>
struct Move {
  using Y = T;
  using A = T;
  __device__ T operator()(T a) const { return a; }
};

// By a number of the host's, or where `inputs` is there by the one of row `step`.
template <class To, class From>
struct Scale {
  using Y = To;
  using A = From;
  float by;
  const float* inputs;  // (steps) or null
  int64_t inputs_stride;
  const int32_t* step;
  __device__ To operator()(From a) const {
    return from_float<To>(to_float(a) * (inputs ? inputs[*step * inputs_stride] : by));
  }
};

template <class T>
struct Activated {
  using Y = T;
  using A = T;
  Activation act;
  __device__ T operator()(T a) const { return from_float<T>(activate(act, to_float(a))); }
};

template <class T, class Other>
struct Sum {
  using Y = T;
  using A = T;
  using B = Other;
  __device__ T operator()(T a, Other b) const { return from_float<T>(to_float(a) + to_float(b)); }
};

template <class F>
concept Binary = requires {
  typename F::B;
};

template <class F>
struct SecondOperand {
  using type = typename F::A;  // never looked at
};
template <Binary F>
struct SecondOperand<F> {
  using type = typename F::B;
};

template <class F>
struct Args {
  static constexpr int tensors = Binary<F> ? 3 : 2;
  typename F::Y* y;
  const typename F::A* a;
  const typename SecondOperand<F>::type* b;  // or null
  Offsets<tensors> offsets;                  // of y, a, b
  F f;
};

template <class F, int kSize>
__global__ void __launch_bounds__(kThreads) elementwise(const __grid_constant__ Args<F> a) {
  const uint32_t piece = blockIdx.x * kThreads + threadIdx.x;
  if (piece >= a.offsets.pieces) return;
  int64_t at[Args<F>::tensors];
  a.offsets.template of_piece<kSize>(piece, at);

  const auto x = load_vec<Vec<typename F::A, kSize>>(a.a + at[1]);
  Vec<typename F::Y, kSize> y;
  if constexpr (Binary<F>) {
    using B = typename F::B;
    Vec<B, kSize> b;
    if (a.offsets.step[2] != 0)
      b = load_vec<Vec<B, kSize>>(a.b + at[2]);
    else
      for (int i = 0; i < kSize; ++i) b.v[i] = a.b[at[2]];
    for (int i = 0; i < kSize; ++i) y.v[i] = a.f(x.v[i], b.v[i]);
  } else {
    for (int i = 0; i < kSize; ++i) y.v[i] = a.f(x.v[i]);
  }
  store_vec(a.y + at[0], y);
}

// tensors: y, a and, of a function of two, b.
template <class F, int kTensors>
void start(const char* op, const Tensor (&tensors)[kTensors], const F& f, const Queue& queue) {
  static_assert(kTensors == Args<F>::tensors);
  using B = typename SecondOperand<F>::type;
  if (tensors[0].numel() == 0) return;
  Args<F> args{.y = static_cast<typename F::Y*>(tensors[0].data),
               .a = static_cast<const typename F::A*>(tensors[1].data),
               .b = static_cast<const B*>(tensors[kTensors - 1].data),
               .offsets = offsets_of(tensors),
               .f = f};
  constexpr int kMost = int(16 / std::max({sizeof(typename F::Y), sizeof(typename F::A), sizeof(B)}));
  in_pieces<kMost>(args.offsets, tensors, op, [&]<int kSize>() {
    const dim3 grid(unsigned(ceil_div(args.offsets.pieces, kThreads)));
    launch<NoShared, elementwise<F, kSize>>(grid, kThreads, queue, args);
  });
}

// y <- x of one type, whichever it is.
void move(const Convert& op, const Queue& queue) {
  Tensor y = op.y, x = op.x;
  if (x.dtype == DType::i4 && x.contiguous() && y.contiguous())  // two numbers a byte: size_of() has no answer
    for (Tensor* t : {&y, &x}) *t = Tensor(t->data, DType::u8, {t->bytes()});
  switch (size_of(x.dtype)) {
    case 1:
      return start(op.name, {y, x}, Move<uint8_t>{}, queue);
    case 2:
      return start(op.name, {y, x}, Move<uint16_t>{}, queue);
    default:
      return start(op.name, {y, x}, Move<uint32_t>{}, queue);
  }
}

}  // namespace

void launch_op(const Add& op, const Queue& queue) {
  Tensor b = op.b;
  for (int axis = 0; axis < b.rank; ++axis) {
    if (b.dim[axis] == op.a.dim[axis]) continue;
    b.dim[axis] = op.a.dim[axis];
    b.stride[axis] = 0;
  }
  with_float_type(op.a.dtype, op.name, [&]<class T>() {
    if (b.dtype == op.a.dtype)
      start(op.name, {op.y, op.a, b}, Sum<T, T>{}, queue);
    else
      start(op.name, {op.y, op.a, b}, Sum<T, float>{}, queue);
  });
}

void launch_op(const Convert& op, const Queue& queue) {
  if (op.x.dtype == op.y.dtype && op.scale == 1) return move(op, queue);
  with_float_type(op.y.dtype, op.name, [&]<class To>() {
    with_float_type(op.x.dtype, op.name, [&]<class From>() {
      const Scale<To, From> scale{.by = op.scale, .inputs = nullptr, .inputs_stride = 0, .step = nullptr};
      start(op.name, {op.y, op.x}, scale, queue);
    });
  });
}

void launch_op(const Activate& op, const Queue& queue) {
  with_float_type(op.x.dtype, op.name, [&]<class T>() { start(op.name, {op.y, op.x}, Activated<T>{op.act}, queue); });
}

void launch_op(const ScaleInput& op, const Queue& queue) {
  if (op.x.numel() == 0) return;
  const Tensor y = op.y.split(0, op.x.dim[0]);  // (copies, n, h, w, c)
  Tensor x = op.x.split(0, op.x.dim[0]);
  x.dim[0] = y.dim[0], x.stride[0] = 0;
  with_float_type(op.y.dtype, op.name, [&]<class T>() {
    const Scale<T, float> scale{.by = 1,
                                .inputs = op.coefficients.as<float>(),  // `input` is the first column
                                .inputs_stride = op.coefficients.row_stride(),
                                .step = op.step.as<int32_t>()};
    start(op.name, {y, x}, scale, queue);
  });
}

}  // namespace seedstory
