// Names what is not read by its first bytes, with the command that converts it.
#include "io/picture_kind.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "seedstory/error.h"

namespace seedstory {
namespace {

using namespace std::string_view_literals;

struct Kind {
  std::string_view name;
  size_t at;
  std::string_view bytes;  // what its files have there
  std::string_view line;   // makes a picture of it that is read
};

constexpr std::string_view kMagick = "convert IN -auto-orient OUT.png",
                           kMagickFirst = "convert 'IN[0]' -auto-orient OUT.png", kHeif = "heif-convert IN OUT.png",
                           kFilm = "ffmpeg -i IN -frames:v 1 OUT.png", kJp2 = "opj_decompress -i IN -o OUT.png",
                           kJxl = "djxl IN OUT.png";

// The first that fits. A brand of ISO 14496-12 stands behind "ftyp".
constexpr Kind kKinds[] = {
    {"a GIF", 0, "GIF8", kMagickFirst},
    {"an AVIF picture", 4, "ftypavi", kHeif},
    {"a HEIC picture", 4, "ftyphei", kHeif},
    {"a HEIC picture", 4, "ftyphev", kHeif},
    {"a HEIF picture", 4, "ftypmif1", kHeif},
    {"a HEIF picture", 4, "ftypmsf1", kHeif},
    {"a raw photo (CR3)", 4, "ftypcrx ", kMagick},
    {"a film (QuickTime)", 4, "ftypqt  ", kFilm},
    {"a film (MP4)", 4, "ftyp", kFilm},
    {"a film (Matroska)", 0, "\x1A\x45\xDF\xA3", kFilm},
    {"a film (AVI)", 8, "AVI ", kFilm},
    {"a raw photo (CR2)", 8, "CR\x02", kMagick},
    {"a raw photo (RAF)", 0, "FUJIFILMCCD-RAW", kMagick},
    {"a TIFF", 0, "II*\0"sv, kMagickFirst},
    {"a TIFF", 0, "MM\0*"sv, kMagickFirst},
    {"a TIFF", 0, "II+\0"sv, kMagickFirst},
    {"a TIFF", 0, "MM\0+"sv, kMagickFirst},
    {"a JPEG XL picture", 0, "\0\0\0\x0CJXL "sv, kJxl},
    {"a JPEG XL picture", 0, "\xFF\x0A", kJxl},
    {"a JPEG 2000 picture", 0, "\0\0\0\x0CjP  "sv, kJp2},
    {"a JPEG 2000 picture", 0, "\xFF\x4F\xFF\x51", kJp2},
    {"a PDF document", 0, "%PDF-", "pdftoppm -png -r 150 -singlefile IN OUT"},
    {"a PostScript document", 0, "%!PS", kMagick},
    {"a Photoshop picture", 0, "8BPS", kMagickFirst},
    {"a GIMP picture", 0, "gimp xcf", kMagick},
    {"an icon", 0, "\0\0\x01\0"sv, kMagickFirst},
    {"a QOI picture", 0, "qoif", kMagick},
    {"an OpenEXR picture", 0, "\x76\x2F\x31\x01", kMagick},
    {"a Radiance picture", 0, "#?RADIANCE", kMagick},
    {"a DirectDraw surface", 0, "DDS ", kMagick},
    {"a DjVu document", 0, "AT&TFORM", "ddjvu -format=tiff -page=1 IN OUT.tif"},
};

std::string_view text_of(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Of Netpbm's: P1 to P7, and white space.
bool is_netpbm(std::string_view text) {
  return text.size() > 3 && text[0] == 'P' && text[1] >= '1' && text[1] <= '7' &&
         (text[2] == '\n' || text[2] == ' ' || text[2] == '\r');
}

// Two letters are little; four bytes that must be 0 stand behind the file's length.
bool is_bmp(std::string_view text) {
  return text.starts_with("BM") && text.size() >= 10 && text.substr(6, 4) == "\0\0\0\0"sv;
}

// The beginning in small letters, without the byte order mark and white space before it.
std::string text_head(std::string_view text) {
  constexpr size_t kMost = 4096;
  text = text.substr(0, kMost);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  std::string head(text);
  std::transform(head.begin(), head.end(), head.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return head;
}

std::string not_read(std::string_view name, std::string_view line) {
  return fmt::format("{}, which is not read; this makes a PNG of it: {}", name, line);
}

}  // namespace

std::string unread_picture(std::span<const uint8_t> bytes) {
  const std::string_view text = text_of(bytes);
  for (const Kind& kind : kKinds)
    if (text.size() >= kind.at && text.substr(kind.at).starts_with(kind.bytes)) return not_read(kind.name, kind.line);
  if (is_bmp(text)) return not_read("a BMP", kMagick);
  if (is_netpbm(text)) return not_read("a Netpbm picture", kMagick);
  const std::string head = text_head(text);
  const bool is_markup = head.starts_with("<");
  if (is_markup && head.find("<svg") != std::string::npos && head.find("<html") == std::string::npos)
    return not_read("an SVG drawing", "rsvg-convert IN -o OUT.png");
  if (head.starts_with("<!doctype html") || (is_markup && head.find("<html") != std::string::npos))
    return "an HTML page, not a picture; open it in a browser and save the picture itself";
  return "";
}

void refuse_kind(std::span<const uint8_t> bytes, const std::string& file) {
  if (bytes.empty()) fail_input(file + ": an empty file, not a picture");
  if (text_of(bytes).starts_with("version https://git-lfs"))
    fail_input(file + ": a git-lfs pointer, not the picture itself; fetch it with `git lfs pull`");
  if (const std::string kind = unread_picture(bytes); !kind.empty()) fail_input(file + ": " + kind);
  fail_input(file + ": no picture of a kind that is read; expected PNG, JPEG or WebP");
}

}  // namespace seedstory
