#include "cli/choice.h"

#include "cli/did_you_mean.h"

namespace seedstory {

std::string one_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "" : i + 1 < names.size() ? ", " : " or ") + names[i];
  return text;
}

void refuse_choice(const std::string& flag, const std::string& name, const std::vector<std::string>& names) {
  if (name.empty()) fail_usage(flag + ": is empty");
  fail_usage(flag + " " + name + ": expected " + one_of(names) + did_you_mean(name, names));
}

}  // namespace seedstory
