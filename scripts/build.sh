# How the scripts build. Sourced, not run; packages.sh first. Everything goes to stderr: stdout belongs to the story.
# shellcheck shell=bash

# build_in DIR "CMAKE-FLAG..." TARGET...: configures where needed, builds, is silent and fast when nothing changed.
build_in() {
  local dir=$1 flags=$2
  shift 2
  mkdir -p "$dir"
  (
    flock 9 # a second start waits for the first one's build
    configure "$dir" "$flags"
    compile "$dir" "$@"
  ) 9>"$dir/.lock"
}

configure() {
  local dir=$1 flags=$2 log=$1/configure.log
  # CMake refuses a tree that was moved.
  grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" "$dir/CMakeCache.txt" ||
    rm -rf "$dir/CMakeCache.txt" "$dir/CMakeFiles" "$dir/.configured"
  [ -f "$dir/build.ninja" ] && [ "$(cat "$dir/.configured" 2>/dev/null)" = "$flags" ] && return 0
  # shellcheck disable=SC2086  # flags are words
  if ! cmake -S . -B "$dir" -G Ninja $flags >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "the configuration failed; the whole log: $log" >&2
    exit 1
  fi
  echo "$flags" >"$dir/.configured"
}

compile() {
  local dir=$1 log=$1/build.log
  shift
  if ! ninja -C "$dir" "$@" 2>&1 | tee "$log" | show_progress "$dir"; then
    grep -n -A 12 -m 3 'error\|FAILED\|fatal' "$log" | head -n 60 >&2
    echo "the build failed; the whole log: $log" >&2
    exit 1
  fi
}

# One line: "building: 12 of 80", counted up where stderr is a terminal.
show_progress() {
  local line said=
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ (Building|Linking) ]] || continue
    if [ -t 2 ]; then
      printf '\rbuilding: %s of %s ' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
    elif [ -z "$said" ]; then
      echo "building in $1 (${BASH_REMATCH[2]} steps)" >&2
    fi
    said=1
  done
  [ -n "$said" ] && [ -t 2 ] && printf '\r\e[K' >&2
  return 0
}
