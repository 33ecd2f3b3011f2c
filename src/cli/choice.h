// The value of a flag that has one of a table's names (seedstory/choice.h), and the tables of the command line itself.
#pragma once

#include <string>
#include <vector>

#include "seedstory/choice.h"
#include "seedstory/tensor.h"

namespace seedstory {

enum class When { automatic, always, never };
inline constexpr Choice<When> kWhen[] = {{When::automatic, "auto", "where it is seen that it can be done"},
                                         {When::always, "on", "always"},
                                         {When::never, "off", "never"}};

inline constexpr Choice<bool> kOnOff[] = {{true, "on", "yes"}, {false, "off", "no"}};

// --cache-type-k and --cache-type-v.
inline constexpr Choice<DType> kCacheTypes[] = {{DType::f32, "f32", "32 bits a number"},
                                                {DType::f16, "f16", "16 bits, 11 of them significant"},
                                                {DType::bf16, "bf16", "16 bits, 8 of them significant"}};

// --order: whether the text comes first.
inline constexpr Choice<bool> kOrders[] = {{false, "interleaved", "a frame's text, then its picture"},
                                           {true, "text-first", "all texts, then all pictures"}};

// --device. The last one may have a card's number behind it, cuda:N.
enum class DeviceKind { automatic, cpu, cuda };
inline constexpr Choice<DeviceKind> kDevices[] = {
    {DeviceKind::automatic, "auto", "cpu until a card has run the CUDA backend"},
    {DeviceKind::cpu, "cpu", "the processor"},
    {DeviceKind::cuda, "cuda", "an NVIDIA GPU; cuda:N is the one of that number"}};

enum class StreamFormat { multipart, jsonl };
inline constexpr Choice<StreamFormat> kStreamFormats[] = {
    {StreamFormat::multipart, "multipart", "a MIME message of text and image parts"},
    {StreamFormat::jsonl, "jsonl", "one JSON object per frame, its PNG in base64"}};

enum class TableFormat { md, csv, json };
inline constexpr Choice<TableFormat> kTableFormats[] = {{TableFormat::md, "md", "Markdown"},
                                                        {TableFormat::csv, "csv", "comma-separated values"},
                                                        {TableFormat::json, "json", "JSON"}};

// "a, b or c"
std::string one_of(const std::vector<std::string>& names);

// ErrorKind::usage, the flag and its value first, and what may have been meant.
[[noreturn]] void refuse_choice(const std::string& flag, const std::string& name,
                                const std::vector<std::string>& names);

template <class Table>
auto parse_choice(const std::string& flag, const std::string& name, const Table& table) {
  const auto value = value_in(table, name);
  if (!value) refuse_choice(flag, name, names_in(table));
  return *value;
}

}  // namespace seedstory
