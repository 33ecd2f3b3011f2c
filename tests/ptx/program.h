// A PTX kernel, decoded once to be run often.
//
// Registers of a warp are one block of memory, the 32 lanes of a register side by side: 128 bytes for 16 and 32 bits,
// 256 for 64. Immediate operands, addresses of variables and special registers are registers as well, filled before a
// block starts, so an operand is never anything but an offset. Predicates are masks of 32 lanes, kept apart.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ptx {

inline constexpr int kWarp = 32;

enum class Type : uint8_t { b8, b16, b32, b64, u8, u16, u32, u64, s8, s16, s32, s64, f16, bf16, f32, f64, pred };
int bytes_of(Type type);

enum class Op : uint8_t {
  mov,
  pack,
  unpack,
  mov_pred,
  set_pred,
  add,
  sub,
  mul_lo,
  mul_hi,
  mul_wide,
  mad_lo,
  mad_wide,
  fma,
  fma_pair,
  div,
  rem,
  min,
  max,
  neg,
  abs,
  copysign,
  ex2,
  lg2,
  rcp,
  rsqrt,
  sqrt,
  sin,
  cos,
  tanh,
  and_,
  or_,
  xor_,
  not_,
  and_pred,
  or_pred,
  xor_pred,
  not_pred,
  shl,
  shr,
  popc,
  clz,
  brev,
  lop3,
  prmt,
  bfe,
  bfi,
  shf,
  setp,
  selp,
  cvt,
  cvt_pair,
  cvta_to,
  cvta_from,
  ld,
  st,
  cp_async,
  cp_async_commit,
  cp_async_wait,
  fence,
  atom,
  bra,
  exit,
  barrier,
  warp_barrier,
  shfl,
  vote,
  ldmatrix,
  mma,
};

enum class Space : uint8_t { generic, global, shared, local, param };
enum class Rounding : uint8_t { none, nearest, zero, down, up };  // to a number, or to an integer where `to_integer`
enum class Compare : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };
enum class Bool : uint8_t { none, and_, or_, xor_ };
enum class Mode : uint8_t { none, up, down, bfly, idx, ballot, any, all, uni, add, exch, cas, min, max, left, right };

// What an instruction costs on the card, roughly: which pipe it keeps busy.
enum class Class : uint8_t { mma, ldmatrix, copy, shared, global, local, param, exp, floating, integer, control };
inline constexpr int kClasses = int(Class::control) + 1;
const char* name_of(Class c);

struct Instruction {
  Op op;
  Type type = Type::b32;  // of the result
  Type from = Type::b32;  // of the operands, where they differ
  Space space = Space::generic;
  Rounding rounding = Rounding::none;
  Compare compare = Compare::eq;
  Bool combine = Bool::none;
  Mode mode = Mode::none;
  Class cls = Class::integer;
  uint8_t count = 1;           // elements of a vector access, matrices of ldmatrix
  uint8_t register_bytes = 4;  // of what a load or a conversion writes: it extends
  bool ftz = false, sat = false, to_integer = false, approximate = false, transposed = false;
  bool guard_not = false;
  bool acquires = false;  // a load that a loop may poll with
  bool has_last = false;  // the optional last operand is there
  int guard = -1;         // predicate, -1 for none
  int target = -1;        // of a branch
  int64_t offset = 0;     // of an address
  int64_t immediate = 0;  // of cp.async.wait_group and lop3
  // Offsets of registers, indices of predicates: results first, then operands, as the text has them.
  std::array<uint32_t, 14> r = {};
  int line = 0;
};

// Where a value that does not change during a block comes from.
enum class Special : uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid
};

struct Param {
  int64_t offset;
  int64_t bytes;
};

// Requests of warps to one kind of memory: the wavefronts or sectors that they took, and the least for the same bytes.
struct Traffic {
  uint64_t requests = 0, took = 0, least = 0;
};

struct Entry {
  std::string name;  // as launches spell it: "linear<f16, Tile<16, 64, 16, 16>, true>"
  std::vector<Param> params;
  int64_t param_bytes = 0;
  int64_t local_bytes = 0, shared_bytes = 0;  // declared in the file; dynamic shared memory follows
  int64_t max_threads = 1024;
  std::vector<Instruction> code;
  std::vector<std::string> text;  // of each instruction, for errors
  uint32_t register_bytes = 0;    // of a warp
  int predicates = 0;
  struct Constant {
    uint32_t at;
    int bytes;
    uint64_t bits;
  };
  std::vector<Constant> constants;
  std::vector<std::pair<Special, uint32_t>> specials;
  // Of each instruction, by warps.
  mutable std::vector<uint64_t> executed;
  mutable std::vector<Traffic> shared, global;
};

// Addresses. Shared memory and the others have small addresses of their own; as generic ones they carry a window that
// no pointer of the host has. No address is 0.
inline constexpr uint64_t kSharedStart = 1024, kLocalStart = 1024, kParamStart = 1024;
inline constexpr uint64_t kSharedWindow = 0x5000'0000'0000'0000, kLocalWindow = 0x6000'0000'0000'0000,
                          kParamWindow = 0x7000'0000'0000'0000, kWindow = 0xf000'0000'0000'0000;

// Throws simt::Error at what it does not know, with line and text.
std::vector<Entry> parse(const std::string& text);

// "linear<f16, Tile<16, 64, 16, 16>, true>" of a mangled entry or of the mangled type that launch() knows a kernel by.
std::string kernel_name(const char* mangled);

// One name in the text of an instruction, and how the registers were declared.
struct Register {
  uint32_t at;  // offset, or index of a predicate
  int bytes;    // 0: a predicate
};
class Names {
 public:
  explicit Names(Entry& entry) : entry_(entry) {}
  void declare(const std::string& name, int bytes);
  void place(const std::string& variable, uint64_t address) { addresses_[variable] = address; }
  // `bytes`: of an immediate, which has none of its own.
  Register find(const std::string& operand, int bytes, bool is_float = false);
  Register predicate(const std::string& operand);
  bool is_register(const std::string& operand) const { return registers_.count(operand) > 0; }
  Register constant(uint64_t bits, int bytes);

 private:
  Register make(int bytes);
  Entry& entry_;
  std::map<std::string, Register> registers_;
  std::map<std::string, uint64_t> addresses_;
  std::map<std::pair<uint64_t, int>, Register> constants_;
};

// Fills `to` from "add.s32" and its operands. Throws simt::Error at an unknown opcode or qualifier.
void decode(Instruction& to, const std::string& opcode, const std::vector<std::string>& operands, Names& names);

}  // namespace ptx
