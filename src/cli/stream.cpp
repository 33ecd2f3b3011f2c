#include "cli/stream.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "io/base64.h"
#include "seedstory/error.h"

namespace seedstory {
namespace {

// RFC 2046. No line of base64 has a _, so that this one separates parts whatever they hold.
constexpr std::string_view kBoundary = "=_seedstory_frame";

class Multipart : public StoryStream {
 public:
  explicit Multipart(Terminal& terminal) : terminal_(terminal) {
    terminal_.bytes(fmt::format("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"{}\"\r\n", kBoundary));
  }

  void text(int64_t index, std::string_view text) override {
    part("text/plain; charset=utf-8", fmt::format("inline; filename=\"{:03}.txt\"", index), text);
  }
  void picture(const StoredFrame& frame, std::string_view png) override {
    part("image/png", fmt::format("inline; filename=\"{}\"", frame.file), png);
  }
  void end() override { terminal_.bytes(fmt::format("\r\n--{}--\r\n", kBoundary)); }

 private:
  // As it is, or in base64 where the boundary itself is in it: a reader need not believe Content-Length.
  void part(std::string_view type, const std::string& disposition, std::string_view body) {
    const bool plain = body.find(kBoundary) == std::string_view::npos;
    const std::string wrapped = plain ? "" : lines_of_base64(body);
    if (!plain) body = wrapped;
    terminal_.bytes(
        fmt::format("\r\n--{}\r\nContent-Type: {}\r\nContent-Disposition: {}\r\nContent-Transfer-Encoding: {}\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    kBoundary, type, disposition, plain ? "binary" : "base64", body.size(), body));
  }

  static std::string lines_of_base64(std::string_view bytes) {
    constexpr size_t kLine = 57;  // bytes; 76 characters
    std::string lines;
    for (size_t i = 0; i < bytes.size(); i += kLine) lines += (i ? "\r\n" : "") + base64(bytes.substr(i, kLine));
    return lines;
  }

  Terminal& terminal_;
};

class JsonLines : public StoryStream {
 public:
  explicit JsonLines(Terminal& terminal) : terminal_(terminal) {}

  void text(int64_t /*index*/, std::string_view /*text*/) override {}  // comes with its picture
  void picture(const StoredFrame& frame, std::string_view png) override {
    const Json json = {
        {"frame", frame.index}, {"file", frame.file}, {"text", frame.text}, {"seed", frame.seed}, {"png", base64(png)}};
    terminal_.bytes(json_text(json) + "\n");
  }
  void end() override {}

 private:
  Terminal& terminal_;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

bool speaks_kitty() {
  const std::string term = variable("TERM"), program = variable("TERM_PROGRAM");
  if (!variable("TMUX").empty() || term.starts_with("tmux") || term.starts_with("screen") || term == "dumb")
    return false;
  return term == "xterm-kitty" || term == "xterm-ghostty" || !variable("KITTY_WINDOW_ID").empty() ||
         program == "WezTerm" || program == "ghostty";
}

}  // namespace

std::unique_ptr<StoryStream> open_stream(StreamFormat format, Terminal& terminal) {
  if (::isatty(STDOUT_FILENO))
    fail_usage(
        "-o -: standard output is a terminal, and the stream is not for reading; send it to a file or a program");
  if (format == StreamFormat::jsonl) return std::make_unique<JsonLines>(terminal);
  return std::make_unique<Multipart>(terminal);
}

bool shows_pictures(When when) {
  if (when != When::automatic) return when == When::always;
  return ::isatty(STDOUT_FILENO) && speaks_kitty();
}

std::string kitty_picture(std::string_view png) {
  constexpr size_t kChunk = 4096;
  constexpr int kColumns = 32;  // wide in the terminal, whatever the picture's pixels; the height follows
  const std::string data = base64(png);
  std::string out;
  for (size_t i = 0; i < data.size(); i += kChunk) {
    // q=2: the terminal is not to answer, because nobody reads what it would say.
    const std::string head = i == 0 ? fmt::format("a=T,f=100,c={},", kColumns) : "";
    out += fmt::format("\x1b_G{}q=2,m={};{}\x1b\\", head, i + kChunk < data.size() ? 1 : 0, data.substr(i, kChunk));
  }
  return out + "\n";
}

}  // namespace seedstory
