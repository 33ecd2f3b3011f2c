# Debian packages that the scripts need, and how they get there. Sourced, not run.
# shellcheck shell=bash disable=SC2034  # the lists are for the scripts that source this

build_packages=(g++ cmake ninja-build libcli11-dev nlohmann-json3-dev libfmt-dev libpng-dev libjpeg-dev zlib1g-dev
  libstb-dev libwebp-dev libsentencepiece-dev libutf8proc-dev)
test_packages=(catch2)
# For the tests that open the page in a browser, the scripts in other shells and the manual in groff; scripts/test does
# without, and says so.
look_packages=(chromium python3 zsh fish groff-base)
# For what CI proves of the kernels without a GPU: wheels that scripts/check_layouts and its like fetch.
gpu_packages=(python3 python3-pip)
fuzz_packages=(clang-14 libclang-rt-14-dev)
check_packages=(clang-format-14 clang-tidy-14 shellcheck git)

# Installs what is missing of the packages named; says nothing and calls no apt when nothing is.
need_packages() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: CMake says what is missing
  local installed missing=() package
  # dpkg-query fails when it knows nothing of one of them, and lists the others all the same.
  installed=$({ dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true; } | sed -n 's/^installed //p')
  for package in "$@"; do
    grep -qxF "$package" <<<"$installed" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0

  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
      as_root=(sudo)
    else
      echo "seedstory needs packages that only root can install. As root, run:" >&2
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
      exit 3
    fi
  fi
  echo "installing with apt: ${missing[*]}" >&2
  local log
  log=$(mktemp)
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}")
  # The lists of a fresh system are empty, those of an old one name files that are gone.
  if ! "${as_root[@]}" "${install[@]}" >"$log" 2>&1 </dev/null; then
    "${as_root[@]}" apt-get update -q >>"$log" 2>&1 </dev/null || true
    if ! "${as_root[@]}" "${install[@]}" >>"$log" 2>&1 </dev/null; then
      tail -n 20 "$log" >&2
      echo "apt could not install them; the whole log: $log" >&2
      exit 3
    fi
  fi
  rm -f "$log"
}
