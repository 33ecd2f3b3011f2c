// From "mad.lo.s32" and its operands to an Instruction. Every qualifier is understood or refused: one that were skipped
// would be a mistake that nobody sees.
#include <algorithm>

#include "program.h"
#include "qualifiers.h"
#include "simt.h"

namespace ptx {
namespace {

class Decoder {
 public:
  Decoder(Instruction& to, const std::string& opcode, const Operands& operands, Names& names)
      : s_(to), q_(opcode), operands_(operands), names_(names) {}

  void run() {
    using Decode = void (Decoder::*)();
    static const std::map<std::string, Decode> decoders = {
        {"mov", &Decoder::mov},           {"ld", &Decoder::ld},        {"st", &Decoder::st},
        {"cvt", &Decoder::cvt},           {"cvta", &Decoder::cvta},    {"setp", &Decoder::setp},
        {"selp", &Decoder::selp},         {"mul", &Decoder::mul},      {"mad", &Decoder::mad},
        {"bra", &Decoder::bra},           {"bar", &Decoder::bar},      {"barrier", &Decoder::bar},
        {"shfl", &Decoder::shfl},         {"vote", &Decoder::vote},    {"cp", &Decoder::cp},
        {"ldmatrix", &Decoder::ldmatrix}, {"mma", &Decoder::mma},      {"ret", &Decoder::exit},
        {"exit", &Decoder::exit},         {"membar", &Decoder::fence}, {"fence", &Decoder::fence},
        {"shf", &Decoder::shf},           {"lop3", &Decoder::lop3},    {"prmt", &Decoder::prmt},
        {"bfe", &Decoder::bfe},           {"bfi", &Decoder::bfi},      {"atom", &Decoder::atom},
        {"red", &Decoder::atom},          {"fma", &Decoder::fma}};
    if (const auto at = decoders.find(q_.base); at != decoders.end())
      (this->*at->second)();
    else
      arithmetic();
    q_.finish();
  }

 private:
  void need_operands(size_t least, size_t most) {
    if (operands_.size() < least || operands_.size() > most)
      throw simt::Error(std::to_string(operands_.size()) + " operands, expected " + std::to_string(least) +
                        (most > least ? " to " + std::to_string(most) : ""));
  }
  uint32_t reg(size_t i, Type type) {
    const Register found = names_.find(operands_.at(i), bytes_of(type), is_float(type));
    // A register may be wider than what is read of it only where the instruction says so.
    const bool wide = found.bytes == 8;
    if (wide != (bytes_of(type) == 8)) throw simt::Error("operand " + operands_[i] + " has another size");
    return found.at;
  }
  void registers(size_t first, size_t count, Type type) {
    for (size_t i = first; i < first + count; ++i) s_.r[i] = reg(i, type);
  }
  void predicates(size_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) s_.r[i] = names_.predicate(operands_.at(i)).at;
  }
  // [base + offset] into r[at].
  void address(const std::string& operand, size_t at) {
    if (operand.size() < 3 || operand[0] != '[') throw simt::Error("no address: " + operand);
    std::string base = trim(operand.substr(1, operand.size() - 2));
    if (const size_t plus = base.find('+'); plus != std::string::npos) {
      s_.offset = std::stoll(base.substr(plus + 1));
      base = trim(base.substr(0, plus));
    }
    const Register found = names_.find(base, 8);
    s_.from = found.bytes == 8 ? Type::u64 : Type::u32;
    s_.r[at] = found.at;
  }
  Space space() {
    return q_.one_of<Space>(
        {{"global", Space::global}, {"shared", Space::shared}, {"local", Space::local}, {"param", Space::param}},
        Space::generic);
  }
  void class_of_access() {
    switch (s_.space) {
      case Space::shared:
        s_.cls = Class::shared;
        break;
      case Space::local:
        s_.cls = Class::local;
        break;
      case Space::param:
        s_.cls = Class::param;
        break;
      default:
        s_.cls = Class::global;
    }
  }

  void mov();
  void memory();
  void vector_of_registers(const std::string& operand);
  void ld();
  void st();
  void cvt();
  void cvta();
  void setp();
  void selp();
  void mul();
  void mad();
  void arithmetic();
  void fma();
  void bra();
  void bar();
  void shfl();
  void vote();
  void cp();
  void ldmatrix();
  void mma();
  void exit();
  void fence();
  void shf();
  void lop3();
  void prmt();
  void bfe();
  void bfi();
  void atom();

  Instruction& s_;
  Qualifiers q_;
  const Operands& operands_;
  Names& names_;
};

void Decoder::mov() {
  need_operands(2, 2);
  s_.type = q_.type();
  const Operands to = elements_of(operands_[0]), from = elements_of(operands_[1]);
  if (s_.type == Type::pred) {
    const bool is_constant = operands_[1] == "-1" || operands_[1] == "0";
    s_.op = is_constant ? Op::set_pred : Op::mov_pred;
    if (is_constant) s_.immediate = std::stoll(operands_[1]);
    return predicates(0, is_constant ? 1 : 2);
  }
  if (to.size() == 1 && from.size() == 1) {
    s_.op = Op::mov;
    return registers(0, 2, s_.type);
  }
  // A vector and the register that holds its bits.
  s_.op = from.size() > 1 ? Op::pack : Op::unpack;
  const Operands& parts = from.size() > 1 ? from : to;
  s_.count = uint8_t(parts.size());
  const int part_bytes = bytes_of(s_.type) / int(parts.size());
  if ((part_bytes != 2 && part_bytes != 4) || parts.size() > 4 || (from.size() > 1) == (to.size() > 1)) q_.refuse();
  s_.from = part_bytes == 2 ? Type::b16 : Type::b32;
  s_.r[0] = names_.find(from.size() > 1 ? to[0] : from[0], bytes_of(s_.type)).at;
  for (size_t i = 0; i < parts.size(); ++i) s_.r[1 + i] = names_.find(parts[i], part_bytes).at;
}

// What ld and st share: caching hints change no value, and the interpreter's memory has one order.
void Decoder::memory() {
  s_.acquires = q_.take("acquire");
  for (const char* order : {"release", "cta", "gpu", "sys"}) q_.take(order);
  for (const char* hint : {"nc", "volatile", "weak", "ca", "cg", "cs", "lu", "cv", "wb", "wt"}) q_.take(hint);
  s_.space = space();
  s_.count = uint8_t(q_.one_of<int>({{"v2", 2}, {"v4", 4}}, 1));
  s_.type = q_.type();
  class_of_access();
}

// The registers that an access reads or writes.
void Decoder::vector_of_registers(const std::string& operand) {
  const Operands all = elements_of(operand);
  if (all.size() != s_.count) throw simt::Error("a vector of another length");
  for (size_t i = 0; i < all.size(); ++i) {
    const Register found = names_.find(all[i], bytes_of(s_.type));
    s_.r[i] = found.at;
    s_.register_bytes = uint8_t(found.bytes);
    if (found.bytes < bytes_of(s_.type)) throw simt::Error("operand " + all[i] + " is too small");
  }
}

void Decoder::ld() {
  need_operands(2, 2);
  s_.op = Op::ld;
  memory();
  vector_of_registers(operands_[0]);
  address(operands_[1], 4);
}

void Decoder::st() {
  need_operands(2, 2);
  s_.op = Op::st;
  memory();
  vector_of_registers(operands_[1]);
  address(operands_[0], 4);
}

void Decoder::cvt() {
  struct How {
    Rounding rounding;
    bool to_integer;
  };
  const How how = q_.one_of<How>({{"rn", {Rounding::nearest, false}},
                                  {"rz", {Rounding::zero, false}},
                                  {"rni", {Rounding::nearest, true}},
                                  {"rzi", {Rounding::zero, true}},
                                  {"rmi", {Rounding::down, true}},
                                  {"rpi", {Rounding::up, true}}},
                                 {Rounding::none, false});
  s_.op = Op::cvt;
  s_.rounding = how.rounding;
  s_.to_integer = how.to_integer;
  s_.ftz = q_.take("ftz");
  s_.sat = q_.take("sat");
  s_.cls = Class::floating;
  s_.from = q_.type();
  const Type pair = q_.one_of<Type>({{"f16x2", Type::f16}, {"bf16x2", Type::bf16}}, Type::pred);
  if (pair != Type::pred) {
    need_operands(3, 3);
    if (s_.from != Type::f32 || s_.rounding != Rounding::nearest || s_.sat) q_.refuse();
    s_.op = Op::cvt_pair;
    s_.type = pair;
    s_.r[0] = reg(0, Type::b32);
    s_.r[1] = reg(1, Type::f32);
    s_.r[2] = reg(2, Type::f32);
    return;
  }
  need_operands(2, 2);
  s_.type = q_.type();
  if (!is_float(s_.type) && !is_float(s_.from)) {
    if (s_.rounding != Rounding::none || s_.sat) q_.refuse();
    s_.cls = Class::integer;
  } else if (s_.rounding == Rounding::none && !(is_float(s_.type) && bytes_of(s_.type) >= bytes_of(s_.from))) {
    q_.refuse();  // it must say how it rounds
  } else if (!is_float(s_.type) && !s_.to_integer) {
    q_.refuse();
  } else if (s_.rounding == Rounding::zero && !s_.to_integer) {
    q_.refuse();
  }
  const Register to = names_.find(operands_[0], bytes_of(s_.type));
  s_.register_bytes = uint8_t(to.bytes);
  s_.r[0] = to.at;
  const Register from = names_.find(operands_[1], bytes_of(s_.from), is_float(s_.from));
  if (from.bytes < bytes_of(s_.from) || to.bytes < bytes_of(s_.type)) throw simt::Error("an operand is too small");
  s_.r[1] = from.at;
  if (from.bytes == 8 && bytes_of(s_.from) < 8) throw simt::Error("operand " + operands_[1] + " is too wide");
}

void Decoder::cvta() {
  need_operands(2, 2);
  s_.op = q_.take("to") ? Op::cvta_to : Op::cvta_from;
  s_.space = space();
  if (s_.space == Space::generic) q_.refuse();
  s_.type = q_.type();
  if (bytes_of(s_.type) != 8) q_.refuse();
  registers(0, 2, s_.type);
}

void Decoder::setp() {
  need_operands(3, 4);
  s_.op = Op::setp;
  s_.type = q_.type();
  s_.compare = q_.one_of<Compare>({{"eq", Compare::eq},
                                   {"ne", Compare::ne},
                                   {"lt", Compare::lt},
                                   {"le", Compare::le},
                                   {"gt", Compare::gt},
                                   {"ge", Compare::ge},
                                   {"equ", Compare::equ},
                                   {"neu", Compare::neu},
                                   {"ltu", Compare::ltu},
                                   {"leu", Compare::leu},
                                   {"gtu", Compare::gtu},
                                   {"geu", Compare::geu},
                                   {"num", Compare::num},
                                   {"nan", Compare::nan},
                                   {"lo", Compare::lt},
                                   {"ls", Compare::le},
                                   {"hi", Compare::gt},
                                   {"hs", Compare::ge}});
  s_.combine = q_.one_of<Bool>({{"and", Bool::and_}, {"or", Bool::or_}, {"xor", Bool::xor_}}, Bool::none);
  s_.ftz = q_.take("ftz");
  s_.cls = is_float(s_.type) ? Class::floating : Class::integer;
  const Operands to = split(operands_[0], '|');
  s_.r[0] = names_.predicate(trim(to[0])).at;
  s_.r[1] = names_.predicate(to.size() > 1 ? trim(to[1]) : "_").at;
  s_.r[2] = reg(1, s_.type);
  s_.r[3] = reg(2, s_.type);
  if ((s_.combine != Bool::none) != (operands_.size() == 4)) q_.refuse();
  if (s_.combine != Bool::none) s_.r[4] = names_.predicate(operands_[3]).at;
}

void Decoder::selp() {
  need_operands(4, 4);
  s_.op = Op::selp;
  s_.type = q_.type();
  registers(0, 3, s_.type);
  predicates(3, 1);
}

void Decoder::mul() {
  need_operands(3, 3);
  s_.type = q_.type();
  if (is_float(s_.type)) {
    s_.op = Op::mul_lo;
    s_.cls = Class::floating;
    q_.take("rn");
    s_.ftz = q_.take("ftz");
    s_.sat = q_.take("sat");
    return registers(0, 3, s_.type);
  }
  s_.op = q_.one_of<Op>({{"lo", Op::mul_lo}, {"hi", Op::mul_hi}, {"wide", Op::mul_wide}});
  if (s_.op != Op::mul_wide) return registers(0, 3, s_.type);
  s_.from = s_.type;
  s_.r[0] = names_.find(operands_[0], 2 * bytes_of(s_.type)).at;
  s_.r[1] = reg(1, s_.type);
  s_.r[2] = reg(2, s_.type);
}

void Decoder::mad() {
  need_operands(4, 4);
  s_.type = q_.type();
  s_.op = q_.one_of<Op>({{"lo", Op::mad_lo}, {"wide", Op::mad_wide}});
  if (s_.op == Op::mad_lo) return registers(0, 4, s_.type);
  const int wide = 2 * bytes_of(s_.type);
  s_.r[0] = names_.find(operands_[0], wide).at;
  s_.r[1] = reg(1, s_.type);
  s_.r[2] = reg(2, s_.type);
  s_.r[3] = names_.find(operands_[3], wide).at;
}

struct Arithmetic {
  const char* name;
  Op op;
  size_t operands;  // with the result
  bool has_integer, has_float;
  bool is_exp = false;
};
constexpr Arithmetic kArithmetic[] = {
    {"add", Op::add, 3, true, true},          {"sub", Op::sub, 3, true, true},
    {"fma", Op::fma, 4, false, true},         {"div", Op::div, 3, true, true},
    {"rem", Op::rem, 3, true, false},         {"min", Op::min, 3, true, true},
    {"max", Op::max, 3, true, true},          {"neg", Op::neg, 2, true, true},
    {"abs", Op::abs, 2, true, true},          {"copysign", Op::copysign, 3, false, true},
    {"ex2", Op::ex2, 2, false, true, true},   {"lg2", Op::lg2, 2, false, true, true},
    {"rcp", Op::rcp, 2, false, true, true},   {"rsqrt", Op::rsqrt, 2, false, true, true},
    {"sqrt", Op::sqrt, 2, false, true, true}, {"sin", Op::sin, 2, false, true, true},
    {"cos", Op::cos, 2, false, true, true},   {"tanh", Op::tanh, 2, false, true, true},
    {"and", Op::and_, 3, true, false},        {"or", Op::or_, 3, true, false},
    {"xor", Op::xor_, 3, true, false},        {"not", Op::not_, 2, true, false},
    {"shl", Op::shl, 3, true, false},         {"shr", Op::shr, 3, true, false},
    {"popc", Op::popc, 2, true, false},       {"clz", Op::clz, 2, true, false},
    {"brev", Op::brev, 2, true, false}};

// Instructions whose operands all have the one type.
void Decoder::arithmetic() {
  const auto at = std::find_if(std::begin(kArithmetic), std::end(kArithmetic),
                               [&](const Arithmetic& a) { return a.name == q_.base; });
  if (at == std::end(kArithmetic)) q_.refuse();
  s_.op = at->op;
  need_operands(at->operands, at->operands);
  s_.type = q_.type();
  if (s_.type == Type::pred) {
    s_.op = s_.op == Op::and_   ? Op::and_pred
            : s_.op == Op::or_  ? Op::or_pred
            : s_.op == Op::xor_ ? Op::xor_pred
            : s_.op == Op::not_ ? Op::not_pred
                                : (q_.refuse(), Op::exit);
    return predicates(0, at->operands);
  }
  const bool floats = is_float(s_.type);
  if (floats ? !at->has_float : !at->has_integer) q_.refuse();
  if (floats && s_.type != Type::f32) q_.refuse();  // the kernels compute in f32
  s_.cls = at->is_exp ? Class::exp : floats ? Class::floating : Class::integer;
  if (floats) {
    s_.approximate = q_.take("approx") || (s_.op == Op::div && q_.take("full"));
    if (!s_.approximate)
      s_.rounding = q_.one_of<Rounding>({{"rn", Rounding::nearest}, {"rm", Rounding::down}, {"rp", Rounding::up}},
                                        Rounding::none);
    const bool exact_only = !at->is_exp && s_.op != Op::div;
    const bool approximate_only = at->is_exp && s_.op != Op::rcp && s_.op != Op::sqrt;
    if ((exact_only && s_.approximate) || (approximate_only && !s_.approximate)) q_.refuse();
    const bool directed = s_.rounding == Rounding::down || s_.rounding == Rounding::up;
    if (directed && s_.op != Op::fma && s_.op != Op::add && s_.op != Op::sub) q_.refuse();
    s_.ftz = q_.take("ftz");
    s_.sat = q_.take("sat");
    if (s_.sat && s_.op != Op::add && s_.op != Op::sub && s_.op != Op::fma) q_.refuse();
  }
  const bool counts = s_.op == Op::popc || s_.op == Op::clz;
  s_.r[0] = reg(0, counts ? Type::u32 : s_.type);
  s_.r[1] = reg(1, s_.type);
  if (at->operands > 2) s_.r[2] = reg(2, s_.op == Op::shl || s_.op == Op::shr ? Type::u32 : s_.type);
  if (at->operands > 3) s_.r[3] = reg(3, s_.type);
}

// Two numbers of 16 bits in each register; or as the others of its kind.
void Decoder::fma() {
  s_.type = q_.one_of<Type>({{"f16x2", Type::f16}, {"bf16x2", Type::bf16}}, Type::pred);
  if (s_.type == Type::pred) return arithmetic();
  need_operands(4, 4);
  q_.need("rn");
  s_.op = Op::fma_pair;
  s_.cls = Class::floating;
  registers(0, 4, Type::b32);
}

void Decoder::bra() {
  need_operands(1, 1);
  s_.op = Op::bra;
  s_.cls = Class::control;
  q_.take("uni");
}

void Decoder::exit() {
  need_operands(0, 0);
  s_.op = Op::exit;
  s_.cls = Class::control;
}

void Decoder::fence() {
  s_.op = Op::fence;
  s_.cls = Class::control;
  for (const char* scope : {"sc", "acq_rel", "cta", "gpu", "sys", "gl"}) q_.take(scope);
}

void Decoder::bar() {
  s_.cls = Class::control;
  if (q_.take("warp")) {
    need_operands(1, 1);
    q_.need("sync");
    s_.op = Op::warp_barrier;
    s_.r[0] = reg(0, Type::b32);
    return;
  }
  need_operands(1, 1);
  q_.take("cta");
  q_.need("sync");
  q_.take("aligned");
  if (operands_[0] != "0") throw simt::Error("a barrier other than 0");
  s_.op = Op::barrier;
}

void Decoder::shfl() {
  need_operands(5, 5);
  s_.op = Op::shfl;
  s_.cls = Class::shared;
  q_.need("sync");
  s_.mode = q_.one_of<Mode>({{"up", Mode::up}, {"down", Mode::down}, {"bfly", Mode::bfly}, {"idx", Mode::idx}});
  if (q_.type() != Type::b32) q_.refuse();
  const Operands to = split(operands_[0], '|');
  s_.r[0] = names_.find(trim(to[0]), 4).at;
  s_.has_last = to.size() > 1;
  if (s_.has_last) s_.r[5] = names_.predicate(trim(to[1])).at;
  for (size_t i = 1; i < 5; ++i) s_.r[i] = reg(i, Type::b32);
}

void Decoder::vote() {
  need_operands(3, 3);
  s_.op = Op::vote;
  q_.need("sync");
  s_.mode = q_.one_of<Mode>({{"ballot", Mode::ballot}, {"any", Mode::any}, {"all", Mode::all}, {"uni", Mode::uni}});
  const Type type = q_.type();
  if ((type == Type::b32) != (s_.mode == Mode::ballot)) q_.refuse();
  s_.r[0] = s_.mode == Mode::ballot ? reg(0, type) : names_.predicate(operands_[0]).at;
  std::string from = operands_[1];
  s_.guard_not = false;
  s_.approximate = !from.empty() && from[0] == '!';  // the vote of !p
  if (s_.approximate) from = from.substr(1);
  s_.r[1] = names_.predicate(from).at;
  s_.r[2] = reg(2, Type::b32);
}

// cp.async: r[0] to, r[4] from, r[5] how many bytes are read.
void Decoder::cp() {
  q_.need("async");
  s_.cls = Class::copy;
  if (q_.take("commit_group")) {
    need_operands(0, 0);
    s_.op = Op::cp_async_commit;
    s_.cls = Class::control;
    return;
  }
  if (q_.take("wait_group") || q_.take("wait_all")) {
    need_operands(0, 1);
    s_.op = Op::cp_async_wait;
    s_.cls = Class::control;
    s_.has_last = operands_.empty();  // all: also what was not committed
    s_.immediate = operands_.empty() ? 0 : std::stoll(operands_[0]);
    return;
  }
  need_operands(3, 4);
  s_.op = Op::cp_async;
  const bool past_l1 = q_.take("cg");
  if (!past_l1) q_.need("ca");
  q_.need("shared");
  q_.need("global");
  for (const char* hint : {"L2::64B", "L2::128B", "L2::256B"}) q_.take(hint);
  s_.immediate = std::stoll(operands_[2]);
  if (s_.immediate != 16 && (past_l1 || (s_.immediate != 4 && s_.immediate != 8)))
    throw simt::Error("cp.async of " + operands_[2] + " bytes");
  address(operands_[0], 0);
  if (s_.offset != 0) throw simt::Error("cp.async with an offset");
  const Type to_type = s_.from;
  address(operands_[1], 4);
  if (s_.from != Type::u64 || s_.offset != 0) throw simt::Error("cp.async from such an address");
  s_.from = to_type;
  s_.r[5] = operands_.size() > 3 ? reg(3, Type::b32) : names_.constant(uint64_t(s_.immediate), 4).at;
}

void Decoder::ldmatrix() {
  need_operands(2, 2);
  s_.op = Op::ldmatrix;
  s_.cls = Class::ldmatrix;
  q_.need("sync");
  q_.need("aligned");
  q_.need("m8n8");
  s_.count = uint8_t(q_.one_of<int>({{"x1", 1}, {"x2", 2}, {"x4", 4}}));
  s_.transposed = q_.take("trans");
  q_.take("cta");
  q_.need("shared");
  q_.need("b16");
  const Operands to = elements_of(operands_[0]);
  if (to.size() != s_.count) throw simt::Error("a vector of another length");
  for (size_t i = 0; i < to.size(); ++i) s_.r[i] = names_.find(to[i], 4).at;
  address(operands_[1], 4);
}

// r[0..3] d, r[4..7] a, r[8..9] b, r[10..13] c.
void Decoder::mma() {
  need_operands(4, 4);
  s_.op = Op::mma;
  s_.cls = Class::mma;
  const bool integers = q_.take("m16n8k32");
  if (!integers) q_.need("m16n8k16");
  for (const char* part : {"sync", "aligned", "row", "col"}) q_.need(part);
  const std::string type = integers ? "s8" : q_.take("f16") ? "f16" : "bf16", sum = integers ? "s32" : "f32";
  for (const std::string& part : type == "f16" ? Operands{type} : Operands{type, type}) q_.need(part);
  for (const std::string& part : {sum, sum}) q_.need(part);
  s_.type = *type_named(type);
  constexpr size_t kCounts[] = {4, 4, 2, 4};
  size_t next = 0;
  for (size_t i = 0; i < 4; ++i) {
    const Operands parts = elements_of(operands_[i]);
    if (parts.size() != kCounts[i]) throw simt::Error("a fragment of another length");
    for (const std::string& part : parts) s_.r[next++] = names_.find(part, 4).at;
  }
}

void Decoder::shf() {
  need_operands(4, 4);
  s_.op = Op::shf;
  s_.mode = q_.one_of<Mode>({{"l", Mode::left}, {"r", Mode::right}});
  s_.sat = q_.take("clamp");
  if (!s_.sat) q_.need("wrap");
  s_.type = q_.type();
  registers(0, 4, Type::b32);
}

void Decoder::lop3() {
  need_operands(5, 5);
  s_.op = Op::lop3;
  s_.type = q_.type();
  registers(0, 4, Type::b32);
  s_.immediate = std::stoll(operands_[4], nullptr, 0);
}

void Decoder::prmt() {
  need_operands(4, 4);
  s_.op = Op::prmt;
  s_.type = q_.type();
  registers(0, 4, Type::b32);
}

void Decoder::bfe() {
  need_operands(4, 4);
  s_.op = Op::bfe;
  s_.type = q_.type();
  if (bytes_of(s_.type) != 4) q_.refuse();
  registers(0, 4, Type::b32);
}

void Decoder::bfi() {
  need_operands(5, 5);
  s_.op = Op::bfi;
  s_.type = q_.type();
  if (bytes_of(s_.type) != 4) q_.refuse();
  registers(0, 5, Type::b32);
}

// atom.global.add.u32 d, [a], b and red.global.add.u32 [a], b.
void Decoder::atom() {
  const bool returns = q_.base == "atom";
  s_.op = Op::atom;
  for (const char* order : {"relaxed", "acquire", "release", "acq_rel", "cta", "gpu", "sys"}) q_.take(order);
  s_.space = space();
  class_of_access();
  s_.mode = q_.one_of<Mode>(
      {{"add", Mode::add}, {"exch", Mode::exch}, {"cas", Mode::cas}, {"min", Mode::min}, {"max", Mode::max}});
  s_.type = q_.type();
  const size_t expected = size_t(1 + returns + 1 + (s_.mode == Mode::cas));
  need_operands(expected, expected);
  s_.r[0] = returns ? reg(0, s_.type) : names_.find("_", bytes_of(s_.type)).at;
  address(operands_[returns], 4);
  s_.r[1] = reg(size_t(returns) + 1, s_.type);
  if (s_.mode == Mode::cas) s_.r[2] = reg(size_t(returns) + 2, s_.type);
}

}  // namespace

void decode(Instruction& to, const std::string& opcode, const std::vector<std::string>& operands, Names& names) {
  Decoder(to, opcode, operands, names).run();
}

}  // namespace ptx
