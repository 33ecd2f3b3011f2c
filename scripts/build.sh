# How the scripts build. Sourced, not run; packages.sh first. Everything goes to stderr: stdout belongs to the story.
# shellcheck shell=bash disable=SC2034  # gpu_flags is for the scripts that source this

# Of build-gpu, where what proves the kernels without a GPU is built: CuTe's headers and the kernels' PTX are there or
# will be.
gpu_flags="-DCMAKE_BUILD_TYPE=Release -DSEEDSTORY_TESTS=ON -DSEEDSTORY_CUDA=OFF \
-DSEEDSTORY_CUTE=$PWD/build-gpu/cutlass/cutlass_library/source/include -DSEEDSTORY_PTX=$PWD/build/check_cuda"

# build_in DIR "CMAKE-FLAG..." TARGET...: configures where needed, builds, is silent and fast when nothing changed.
build_in() {
  local dir=$1 flags=$2
  shift 2
  is_writable "$dir" || refuse_to_build "$dir" "$flags" "$@"
  mkdir -p "$dir"
  (
    flock 9 # a second start waits for the first one's build
    configure "$dir" "$flags"
    compile "$dir" "$@"
  ) 9>"$dir/.lock"
}

# Whether this user may build in DIR: a file in it is another's after a build as root.
is_writable() {
  local dir=$1 file
  if [ ! -d "$dir" ]; then
    [ -w . ]
    return
  fi
  for file in "$dir" "$dir"/{.lock,.configured,.ninja_log,.ninja_deps,CMakeCache.txt,configure.log,build.log}; do
    [ ! -e "$file" ] || [ -w "$file" ] || return 1
  done
}

refuse_to_build() {
  local dir=$1 flags=$2
  shift 2
  echo "$PWD/$dir cannot be written by $(id -un 2>/dev/null || id -u); build where you may write:" >&2
  echo "  cmake -S '$PWD' -B ~/seedstory-build -G Ninja $flags && ninja -C ~/seedstory-build $*" >&2
  exit 3
}

# Where nothing can be built again: whether the program is older than what it was made of.
note_what_changed() {
  local changed
  changed=$(find src include cuda CMakeLists.txt -newer "$1" -type f 2>/dev/null | head -n 1 || true)
  [ -z "$changed" ] || echo "note: $1 is older than $changed, and $(id -un 2>/dev/null || id -u) cannot build it again" >&2
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

# "building: 12 of 80": one line that counts up where stderr is a terminal, else a line a tenth.
show_progress() {
  local line said='' tenth last=0
  while IFS= read -r line; do
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\]\ (Building|Linking) ]] || continue
    tenth=$((10 * BASH_REMATCH[1] / BASH_REMATCH[2]))
    if [ -t 2 ]; then
      printf '\rbuilding: %s of %s ' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" >&2
    elif [ -z "$said" ]; then
      echo "building in $1 (${BASH_REMATCH[2]} steps)" >&2
    elif [ "$tenth" -gt "$last" ]; then
      echo "building: ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}" >&2
    fi
    said=1 last=$tenth
  done
  [ -n "$said" ] && [ -t 2 ] && printf '\r\e[K' >&2
  return 0
}
