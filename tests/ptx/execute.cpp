// Arithmetic, lane by lane.
#include <cmath>
#include <limits>

#include "seedstory/float16.h"
#include "warp.h"

namespace ptx {
namespace {

// r[0] <- f(r[1]), and so on. D and A are how the registers are read.
template <class D, class A, class F>
void unary(Warp& w, const Instruction& s, uint32_t mask, F f) {
  auto* const d = w.slots<Slot<D>>(s.r[0]);
  const auto* const a = w.slots<Slot<A>>(s.r[1]);
  each_lane(mask, [=](int i) { d[i] = pack<D>(f(unpack<A>(a[i]))); });
}
template <class D, class A, class B, class F>
void binary(Warp& w, const Instruction& s, uint32_t mask, F f) {
  auto* const d = w.slots<Slot<D>>(s.r[0]);
  const auto* const a = w.slots<Slot<A>>(s.r[1]);
  const auto* const b = w.slots<Slot<B>>(s.r[2]);
  each_lane(mask, [=](int i) { d[i] = pack<D>(f(unpack<A>(a[i]), unpack<B>(b[i]))); });
}
template <class D, class A, class B, class C, class F>
void ternary(Warp& w, const Instruction& s, uint32_t mask, F f) {
  auto* const d = w.slots<Slot<D>>(s.r[0]);
  const auto* const a = w.slots<Slot<A>>(s.r[1]);
  const auto* const b = w.slots<Slot<B>>(s.r[2]);
  const auto* const c = w.slots<Slot<C>>(s.r[3]);
  each_lane(mask, [=](int i) { d[i] = pack<D>(f(unpack<A>(a[i]), unpack<B>(b[i]), unpack<C>(c[i]))); });
}

[[noreturn]] void unknown(const char* what) {
  throw simt::Error(std::string("not known for this type: ") + what);
}

// f.operator()<T>() for the integer that a type is computed in.
template <class F>
void with_integer(Type type, F&& f) {
  switch (type) {
    case Type::b16:
    case Type::u16:
      return f.template operator()<uint16_t>();
    case Type::s16:
      return f.template operator()<int16_t>();
    case Type::b32:
    case Type::u32:
      return f.template operator()<uint32_t>();
    case Type::s32:
      return f.template operator()<int32_t>();
    case Type::b64:
    case Type::u64:
      return f.template operator()<uint64_t>();
    case Type::s64:
      return f.template operator()<int64_t>();
    default:
      unknown("an integer instruction");
  }
}

template <class T>
using Unsigned = std::make_unsigned_t<T>;
// The product of two in twice the bits.
template <class T>
using Wide =
    std::conditional_t<sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
                       std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
                                          std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

template <class T>
void integer_of(Warp& w, const Instruction& s, uint32_t mask) {
  using U = Unsigned<T>;
  constexpr unsigned kBits = sizeof(T) * 8;
  const auto two = [&](auto f) { binary<T, T, T>(w, s, mask, f); };
  switch (s.op) {
    case Op::add:
      return two([](T a, T b) { return T(U(a) + U(b)); });
    case Op::sub:
      return two([](T a, T b) { return T(U(a) - U(b)); });
    case Op::mul_lo:
      return two([](T a, T b) { return T(uint64_t(U(a)) * uint64_t(U(b))); });
    case Op::mul_hi:
      return two([](T a, T b) { return T(Wide<T>(a) * Wide<T>(b) >> kBits); });
    case Op::mad_lo:
      return ternary<T, T, T, T>(w, s, mask, [](T a, T b, T c) { return T(uint64_t(U(a)) * U(b) + U(c)); });
    case Op::div:
      return two([](T a, T b) { return b == 0 ? T(-1) : b == T(-1) && std::is_signed_v<T> ? T(-U(a)) : T(a / b); });
    case Op::rem:
      return two([](T a, T b) { return b == 0 ? a : b == T(-1) && std::is_signed_v<T> ? T(0) : T(a % b); });
    case Op::min:
      return two([](T a, T b) { return a < b ? a : b; });
    case Op::max:
      return two([](T a, T b) { return a > b ? a : b; });
    case Op::and_:
      return two([](T a, T b) { return T(a & b); });
    case Op::or_:
      return two([](T a, T b) { return T(a | b); });
    case Op::xor_:
      return two([](T a, T b) { return T(a ^ b); });
    case Op::not_:
      return unary<T, T>(w, s, mask, [](T a) { return T(~a); });
    case Op::neg:
      return unary<T, T>(w, s, mask, [](T a) { return T(-U(a)); });
    case Op::abs:
      return unary<T, T>(w, s, mask, [](T a) { return a < 0 ? T(-U(a)) : a; });
    // A shift by more than the type has bits moves everything out.
    case Op::shl:
      return binary<T, T, uint32_t>(w, s, mask, [](T a, uint32_t n) { return n < kBits ? T(U(a) << n) : T(0); });
    case Op::shr:
      return binary<T, T, uint32_t>(w, s, mask, [](T a, uint32_t n) {
        return n < kBits ? T(a >> n) : std::is_signed_v<T> && a < 0 ? T(-1) : T(0);
      });
    case Op::popc:
      return unary<uint32_t, T>(w, s, mask, [](T a) { return uint32_t(std::popcount(U(a))); });
    case Op::clz:
      return unary<uint32_t, T>(w, s, mask, [](T a) { return uint32_t(std::countl_zero(U(a))); });
    case Op::brev:
      return unary<T, T>(w, s, mask, [](T a) {
        U turned = 0;
        for (unsigned i = 0; i < kBits; ++i) turned = U(turned << 1 | (U(a) >> i & 1));
        return T(turned);
      });
    default:
      unknown("an integer instruction");
  }
}

template <class T>
void wide_of(Warp& w, const Instruction& s, uint32_t mask) {
  if constexpr (sizeof(T) < 8) {
    using W = Wide<T>;
    using U = Unsigned<W>;
    if (s.op == Op::mul_wide) return binary<W, T, T>(w, s, mask, [](T a, T b) { return W(a) * W(b); });
    return ternary<W, T, T, W>(w, s, mask, [](T a, T b, W c) { return W(U(W(a) * W(b)) + U(c)); });
  }
  unknown("a wide product");
}

float flush(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}
float saturate(float x) {
  return x > 0 ? std::min(x, 1.0f) : 0.0f;  // NaN is 0
}
// min and max give the operand that is a number, and take -0 for less than +0.
float least(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? b : a;
  return a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}
float most(float a, float b) {
  return -least(-a, -b);
}

// a b + c, rounded down. The product is exact in double; what the sum loses says to which side the rounding went, and a
// number rounded down twice is rounded down once.
float fma_down(float a, float b, float c) {
  const double product = double(a) * double(b), addend = double(c);
  double sum = product + addend;
  const double part = sum - product, lost = (product - (sum - part)) + (addend - part);
  if (lost < 0) sum = std::nextafter(sum, -INFINITY);
  const auto rounded = float(sum);
  return double(rounded) > sum ? std::nextafterf(rounded, -INFINITY) : rounded;
}
float fma_rounded(float a, float b, float c, Rounding rounding) {
  if (rounding == Rounding::down) return fma_down(a, b, c);
  if (rounding == Rounding::up) return -fma_down(-a, b, -c);
  return std::fma(a, b, c);
}

// Bounds of the PTX ISA, as relative errors: an ulp of f32 is at most 2^-23 of the number.
float approximate(Op op, float x) {
  constexpr double kUlp = 0x1p-23;
  switch (op) {
    case Op::ex2:
      return with_error(std::exp2(double(x)), 2 * kUlp, x);
    case Op::lg2: {
      // Absolute near 1, where the result is near 0.
      const double exact = std::log2(double(x));
      if (x >= 0.5f && x <= 2) return float(exact + with_error(1, 0x1p-22, x) - 1);
      return with_error(exact, 0x1p-22, x);
    }
    case Op::rcp:
      return with_error(1 / double(x), kUlp, x);
    case Op::rsqrt:
      return with_error(1 / std::sqrt(double(x)), 0x1.13p-23, x);  // 2^-22.9
    case Op::sqrt:
      return with_error(std::sqrt(double(x)), kUlp, x);
    case Op::sin:
      return float(std::sin(double(x)) + (with_error(1, 0x1.6ap-21, x) - 1));  // 2^-20.5, absolute
    case Op::cos:
      return float(std::cos(double(x)) + (with_error(1, 0x1.6ap-21, x) - 1));
    case Op::tanh:
      return with_error(std::tanh(double(x)), 0x1p-11, x);
    default:
      unknown("an approximation");
  }
}

// What f32 needs beside the operation itself.
void floating_rare(Warp& w, const Instruction& s, uint32_t mask) {
  const auto in = [ftz = s.ftz](float x) { return ftz ? flush(x) : x; };
  const auto out = [&s](float x) {
    if (s.ftz) x = flush(x);
    return s.sat ? saturate(x) : x;
  };
  switch (s.op) {
    case Op::add:
      return binary<float, float, float>(
          w, s, mask, [&](float a, float b) { return out(fma_rounded(in(a), 1, in(b), s.rounding)); });
    case Op::sub:
      return binary<float, float, float>(
          w, s, mask, [&](float a, float b) { return out(fma_rounded(in(a), 1, -in(b), s.rounding)); });
    case Op::mul_lo:
      return binary<float, float, float>(w, s, mask, [&](float a, float b) { return out(in(a)*in(b)); });
    case Op::fma:
      return ternary<float, float, float, float>(
          w, s, mask, [&](float a, float b, float c) { return out(fma_rounded(in(a), in(b), in(c), s.rounding)); });
    case Op::div:
      return binary<float, float, float>(w, s, mask, [&](float a, float b) {
        a = in(a), b = in(b);
        return out(s.approximate ? with_error(double(a) / double(b), 0x1p-22, a + b) : a / b);
      });
    case Op::min:
      return binary<float, float, float>(w, s, mask, [&](float a, float b) { return least(in(a), in(b)); });
    case Op::max:
      return binary<float, float, float>(w, s, mask, [&](float a, float b) { return most(in(a), in(b)); });
    case Op::neg:
      return unary<float, float>(w, s, mask, [&](float a) { return -in(a); });
    case Op::abs:
      return unary<float, float>(w, s, mask, [&](float a) { return std::fabs(in(a)); });
    // The sign is a's, the size is b's.
    case Op::copysign:
      return binary<float, float, float>(w, s, mask, [](float a, float b) { return std::copysign(b, a); });
    case Op::rcp:
      if (!s.approximate) return unary<float, float>(w, s, mask, [&](float a) { return out(1 / in(a)); });
      break;
    case Op::sqrt:
      if (!s.approximate) return unary<float, float>(w, s, mask, [&](float a) { return out(std::sqrt(in(a))); });
      break;
    default:
      break;
  }
  unary<float, float>(w, s, mask, [&](float a) { return out(approximate(s.op, in(a))); });
}

// The four that kernels consist of, plain; the rest goes the long way.
void floating(Warp& w, const Instruction& s, uint32_t mask) {
  if (s.ftz || s.sat || s.rounding == Rounding::down || s.rounding == Rounding::up) return floating_rare(w, s, mask);
  switch (s.op) {
    case Op::add:
      return binary<float, float, float>(w, s, mask, [](float a, float b) { return a + b; });
    case Op::sub:
      return binary<float, float, float>(w, s, mask, [](float a, float b) { return a - b; });
    case Op::mul_lo:
      return binary<float, float, float>(w, s, mask, [](float a, float b) { return a * b; });
    case Op::fma:
      return ternary<float, float, float, float>(w, s, mask,
                                                 [](float a, float b, float c) { return std::fma(a, b, c); });
    default:
      return floating_rare(w, s, mask);
  }
}

template <class T>
bool compares(Compare compare, T a, T b) {
  const bool unordered = a != a || b != b;
  switch (compare) {
    case Compare::eq:
      return a == b;
    case Compare::ne:
      return !unordered && a != b;
    case Compare::lt:
      return a < b;
    case Compare::le:
      return a <= b;
    case Compare::gt:
      return a > b;
    case Compare::ge:
      return a >= b;
    case Compare::num:
      return !unordered;
    case Compare::nan:
      return unordered;
    case Compare::equ:
      return unordered || a == b;
    case Compare::neu:
      return unordered || a != b;
    case Compare::ltu:
      return unordered || a < b;
    case Compare::leu:
      return unordered || a <= b;
    case Compare::gtu:
      return unordered || a > b;
    case Compare::geu:
      return unordered || a >= b;
  }
  return false;
}

template <class T>
uint32_t compared(Warp& w, const Instruction& s, uint32_t mask) {
  const auto* const a = w.slots<Slot<T>>(s.r[2]);
  const auto* const b = w.slots<Slot<T>>(s.r[3]);
  uint32_t result = 0;
  each_lane(mask, [&](int i) {
    T x = unpack<T>(a[i]), y = unpack<T>(b[i]);
    if constexpr (std::is_same_v<T, float>)
      if (s.ftz) x = flush(x), y = flush(y);
    result |= uint32_t(compares(s.compare, x, y)) << i;
  });
  return result;
}

void set(Warp& w, uint32_t predicate, uint32_t mask, uint32_t value) {
  uint32_t& p = w.predicates[predicate];
  p = (p & ~mask) | (value & mask);
}

// p <- (a cmp b) bool c;  q <- !(a cmp b) bool c.
void setp(Warp& w, const Instruction& s, uint32_t mask) {
  uint32_t yes = 0;
  if (s.type == Type::f32)
    yes = compared<float>(w, s, mask);
  else
    with_integer(s.type, [&]<class T>() { yes = compared<T>(w, s, mask); });
  uint32_t no = ~yes;
  const uint32_t c = s.combine == Bool::none ? 0 : w.predicates[s.r[4]];
  if (s.combine == Bool::and_) yes &= c, no &= c;
  if (s.combine == Bool::or_) yes |= c, no |= c;
  if (s.combine == Bool::xor_) yes ^= c, no ^= c;
  set(w, s.r[0], mask, yes);
  set(w, s.r[1], mask, no);
}

template <class S>
void select(Warp& w, const Instruction& s, uint32_t mask) {
  auto* const d = w.slots<S>(s.r[0]);
  const auto* const a = w.slots<S>(s.r[1]);
  const auto* const b = w.slots<S>(s.r[2]);
  const uint32_t p = w.predicates[s.r[3]];
  each_lane(mask, [=](int i) { d[i] = p >> i & 1 ? a[i] : b[i]; });
}

// --- Conversions

float to_integral(float x, Rounding rounding) {
  switch (rounding) {
    case Rounding::zero:
      return std::trunc(x);
    case Rounding::down:
      return std::floor(x);
    case Rounding::up:
      return std::ceil(x);
    default:
      return std::nearbyint(x);
  }
}

// Out of range is the nearest that there is; NaN is 0.
template <class T>
T clamped(float x) {
  if (std::isnan(x)) return 0;
  if (x >= std::ldexp(1.0f, std::numeric_limits<T>::digits)) return std::numeric_limits<T>::max();
  if (x <= float(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return T(x);
}

float read_float(Type type, uint32_t bits) {
  switch (type) {
    case Type::f16:
      return seedstory::f16_to_f32(uint16_t(bits));
    case Type::bf16:
      return seedstory::bf16_to_f32(uint16_t(bits));
    default:
      return std::bit_cast<float>(bits);
  }
}
uint32_t float_bits(Type type, float x) {
  switch (type) {
    case Type::f16:
      return seedstory::f32_to_f16(x);
    case Type::bf16:
      return seedstory::f32_to_bf16(x);
    default:
      return std::bit_cast<uint32_t>(x);
  }
}
// a b + c as a double has it, rounded to 16 bits once: a last bit that says "and more" keeps a half from being one.
uint32_t fma_bits(Type type, uint32_t a, uint32_t b, uint32_t c) {
  const double exact = std::fma(double(read_float(type, a)), double(read_float(type, b)), double(read_float(type, c)));
  float near = float(exact);
  if (std::isfinite(near) && double(near) != exact) {
    if (std::fabs(double(near)) > std::fabs(exact)) near = std::nextafter(near, 0.0f);
    near = std::bit_cast<float>(std::bit_cast<uint32_t>(near) | 1);
  }
  return float_bits(type, near);
}
bool is_small_float(Type type) {
  return type == Type::f32 || type == Type::f16 || type == Type::bf16;
}

// A signed integer fills the register that it is put into.
template <class T>
void put_integer(Warp& w, const Instruction& s, int lane, T value) {
  const auto extended = std::is_signed_v<T> ? uint64_t(int64_t(value)) : uint64_t(value);
  if (s.register_bytes == 8)
    w.slots<uint64_t>(s.r[0])[lane] = extended;
  else
    w.slots<uint32_t>(s.r[0])[lane] = uint32_t(s.register_bytes == 2 ? uint16_t(extended) : extended);
}
template <class F>
void with_any_integer(Type type, F&& f) {
  if (type == Type::u8 || type == Type::b8) return f.template operator()<uint8_t>();
  if (type == Type::s8) return f.template operator()<int8_t>();
  with_integer(type, f);
}

void convert(Warp& w, const Instruction& s, uint32_t mask) {
  const bool from_float = is_small_float(s.from), to_float = is_small_float(s.type);
  if (from_float && to_float) {
    return unary<uint32_t, uint32_t>(w, s, mask, [&](uint32_t bits) {
      float x = read_float(s.from, bits);
      if (s.ftz) x = flush(x);
      if (s.to_integer) x = to_integral(x, s.rounding);
      return float_bits(s.type, s.sat ? saturate(x) : x);
    });
  }
  if (from_float) {
    const auto* const a = w.slots<uint32_t>(s.r[1]);
    return with_any_integer(s.type, [&]<class T>() {
      each_lane(mask,
                [&](int i) { put_integer(w, s, i, clamped<T>(to_integral(read_float(s.from, a[i]), s.rounding))); });
    });
  }
  with_any_integer(s.from, [&]<class A>() {
    const auto* const a = w.slots<Slot<A>>(s.r[1]);
    if (to_float) {
      auto* const d = w.slots<uint32_t>(s.r[0]);
      each_lane(mask, [&](int i) { d[i] = float_bits(s.type, float(unpack<A>(a[i]))); });
    } else {
      with_any_integer(s.type,
                       [&]<class T>() { each_lane(mask, [&](int i) { put_integer(w, s, i, T(unpack<A>(a[i]))); }); });
    }
  });
}

// --- Bits

template <class Whole, class Part>
void pack_parts(Warp& w, const Instruction& s, uint32_t mask) {
  constexpr unsigned kBits = sizeof(Part) * 8;
  auto* const whole = w.slots<Slot<Whole>>(s.r[0]);
  each_lane(mask, [&](int lane) {
    uint64_t bits = s.op == Op::pack ? 0 : whole[lane];
    for (unsigned i = 0; i < s.count; ++i) {
      auto* const part = w.slots<uint32_t>(s.r[1 + i]);
      if (s.op == Op::pack)
        bits |= uint64_t(Part(part[lane])) << (kBits * i);
      else
        part[lane] = Part(bits >> (kBits * i));
    }
    if (s.op == Op::pack) whole[lane] = Whole(bits);
  });
}

uint32_t permuted(uint32_t a, uint32_t b, uint32_t selector) {
  const uint64_t bytes = uint64_t(b) << 32 | a;
  uint32_t result = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32_t pick = selector >> 4 * i & 0xf;
    uint32_t byte = uint32_t(bytes >> 8 * (pick & 7)) & 0xff;
    if (pick & 8) byte = byte & 0x80 ? 0xff : 0;  // its sign, eight times
    result |= byte << 8 * i;
  }
  return result;
}

void bits(Warp& w, const Instruction& s, uint32_t mask) {
  using u32 = uint32_t;
  switch (s.op) {
    case Op::lop3:
      return ternary<u32, u32, u32, u32>(w, s, mask, [table = u32(s.immediate)](u32 a, u32 b, u32 c) {
        u32 result = 0;
        for (u32 i = 0; i < 8; ++i)
          if (table >> i & 1) result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
        return result;
      });
    case Op::prmt:
      return ternary<u32, u32, u32, u32>(w, s, mask, permuted);
    case Op::shf:  // c bits of the 64 of b and a, from the left or the right
      return ternary<u32, u32, u32, u32>(w, s, mask, [&s](u32 a, u32 b, u32 c) {
        const u32 n = s.sat ? std::min(c, 32u) : c & 31;
        const uint64_t both = uint64_t(b) << 32 | a;
        return s.mode == Mode::left ? u32(n == 32 ? both : both << n >> 32) : u32(both >> n);
      });
    case Op::bfe:
      return ternary<u32, u32, u32, u32>(w, s, mask, [&s](u32 a, u32 b, u32 c) {
        const u32 at = b & 0xff, length = c & 0xff;
        if (length == 0) return u32(0);
        const bool is_signed = s.type == Type::s32;
        const int64_t whole = is_signed ? int64_t(int32_t(a)) : int64_t(a);
        const u32 part = at > 31 ? u32(is_signed && int32_t(a) < 0 ? -1 : 0) : u32(whole >> at);
        if (length >= 32) return part;
        const u32 field = part & ((1u << length) - 1);
        return is_signed && field >> (length - 1) ? field | ~((1u << length) - 1) : field;
      });
    case Op::bfi: {  // d bits of a, put into b from bit c on
      const auto* const d = w.slots<u32>(s.r[4]);
      auto* const to = w.slots<u32>(s.r[0]);
      const auto *const a = w.slots<u32>(s.r[1]), *const b = w.slots<u32>(s.r[2]), *const c = w.slots<u32>(s.r[3]);
      return each_lane(mask, [&](int i) {
        const u32 at = c[i] & 0xff, length = d[i] & 0xff;
        const uint64_t field = ((uint64_t(1) << std::min(length, 32u)) - 1) << std::min(at, 32u);
        to[i] = u32((b[i] & ~field) | ((uint64_t(a[i]) << std::min(at, 32u)) & field));
      });
    }
    default:
      unknown("bits");
  }
}

void window(Warp& w, const Instruction& s, uint32_t mask) {
  const uint64_t bits = s.space == Space::shared  ? kSharedWindow
                        : s.space == Space::local ? kLocalWindow
                        : s.space == Space::param ? kParamWindow
                                                  : 0;
  const bool to = s.op == Op::cvta_to;
  unary<uint64_t, uint64_t>(w, s, mask, [=](uint64_t a) {
    if (to && (a & kWindow) != bits) throw simt::Error("the address is in another space");
    return to ? a & ~kWindow : a | bits;
  });
}

}  // namespace

float with_error(double exact, double relative, float operand) {
  uint32_t hash = std::bit_cast<uint32_t>(operand) * 0x9e3779b1u;
  hash ^= hash >> 15;
  hash *= 0x85ebca77u;
  hash ^= hash >> 13;
  // From the bound to three quarters of it, in either direction; the result is rounded towards the exact value.
  const double part = 0.75 + 0.25 * (hash >> 8) * 0x1p-24;
  const double wrong = exact * (1 + (hash & 1 ? relative : -relative) * part);
  const auto rounded = float(wrong);
  if (!std::isfinite(wrong) || !std::isfinite(rounded)) return float(exact);
  const bool outside = std::fabs(double(rounded) - exact) > std::fabs(exact) * relative;
  return outside ? std::nextafterf(rounded, float(exact)) : rounded;
}

void execute(Warp& w, const Instruction& s, uint32_t mask) {
  switch (s.op) {
    case Op::mov:
      if (bytes_of(s.type) == 8) return unary<uint64_t, uint64_t>(w, s, mask, [](uint64_t a) { return a; });
      return unary<uint32_t, uint32_t>(w, s, mask, [](uint32_t a) { return a; });
    case Op::pack:
    case Op::unpack:
      if (bytes_of(s.type) == 8)
        return s.from == Type::b16 ? pack_parts<uint64_t, uint16_t>(w, s, mask)
                                   : pack_parts<uint64_t, uint32_t>(w, s, mask);
      return pack_parts<uint32_t, uint16_t>(w, s, mask);
    case Op::mov_pred:
      return set(w, s.r[0], mask, w.predicates[s.r[1]]);
    case Op::set_pred:
      return set(w, s.r[0], mask, uint32_t(s.immediate));
    case Op::and_pred:
      return set(w, s.r[0], mask, w.predicates[s.r[1]] & w.predicates[s.r[2]]);
    case Op::or_pred:
      return set(w, s.r[0], mask, w.predicates[s.r[1]] | w.predicates[s.r[2]]);
    case Op::xor_pred:
      return set(w, s.r[0], mask, w.predicates[s.r[1]] ^ w.predicates[s.r[2]]);
    case Op::not_pred:
      return set(w, s.r[0], mask, ~w.predicates[s.r[1]]);
    case Op::setp:
      return setp(w, s, mask);
    case Op::selp:
      return bytes_of(s.type) == 8 ? select<uint64_t>(w, s, mask) : select<uint32_t>(w, s, mask);
    case Op::mul_wide:
    case Op::mad_wide:
      return with_integer(s.type, [&]<class T>() { wide_of<T>(w, s, mask); });
    case Op::cvt:
      return convert(w, s, mask);
    case Op::cvt_pair:  // the first is the upper half
      return binary<uint32_t, float, float>(
          w, s, mask, [&s](float a, float b) { return float_bits(s.type, a) << 16 | float_bits(s.type, b); });
    case Op::fma_pair:
      return ternary<uint32_t, uint32_t, uint32_t, uint32_t>(w, s, mask, [&s](uint32_t a, uint32_t b, uint32_t c) {
        return fma_bits(s.type, a >> 16, b >> 16, c >> 16) << 16 | fma_bits(s.type, a & 0xffff, b & 0xffff, c & 0xffff);
      });
    case Op::cvta_to:
    case Op::cvta_from:
      return window(w, s, mask);
    case Op::lop3:
    case Op::prmt:
    case Op::shf:
    case Op::bfe:
    case Op::bfi:
      return bits(w, s, mask);
    case Op::fence:
      return;
    case Op::ld:
    case Op::st:
    case Op::atom:
    case Op::cp_async:
    case Op::cp_async_commit:
    case Op::cp_async_wait:
      return execute_memory(w, s, mask);
    default:
      if (s.type == Type::f32) return floating(w, s, mask);
      return with_integer(s.type, [&]<class T>() { integer_of<T>(w, s, mask); });
  }
}

}  // namespace ptx
