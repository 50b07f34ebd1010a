# Shared by the scripts in this folder: where things are, what is installed, how to say so. Sourced, not run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD

say() { printf '== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

build_packages=(cmake ninja-build ccache pkg-config g++ clang-19 lld-19 git
  libboost1.81-dev libboost-json1.81-dev libsqlite3-dev libpq-dev libfmt-dev libspdlog-dev libtomlplusplus-dev
  libcli11-dev libhowardhinnant-date-dev libexpat1-dev libcurl4-openssl-dev libssl-dev libnats-dev prometheus-cpp-dev zlib1g-dev tzdata)
test_packages=(valgrind libgtest-dev libgmock-dev librapidcheck-dev libclang-rt-19-dev clang-format-19 libprotobuf-dev protobuf-compiler python3 python3-jsonschema curl sqlite3 postgresql nats-server prometheus openssl chromium
  python3-pandas python3-psycopg2 python3-venv python3-pip python3-setuptools python3-wheel)
bench_packages=(python3-sqlalchemy python3-psycopg2 postgresql python3-matplotlib libbenchmark-dev libprotobuf-dev protobuf-compiler valgrind binutils wrk)

# install PACKAGE...: what is missing of it, by apt; nothing when everything is there.
install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || die "these Debian packages are needed: ${missing[*]}"
  local as=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run as root, or install sudo: these packages are needed: ${missing[*]}"
    as=(sudo)
  fi
  say "installing ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { "${as[@]}" apt-get update -qq && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
         apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -5 "$log" >&2
    die "apt could not install them; the whole of what it said is in $log"
  fi
  rm -f "$log"
}

# Node for the page, its tests and the foreign-client tests: kept when there is one, else Debian's, which is new enough.
install_node() { command -v npm >/dev/null || install nodejs npm; }

# Compilers need about 1.5 GiB each at worst.
jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo)
  [ "$memory" -lt 1 ] && memory=1
  echo $((cores < memory ? cores : memory))
}

# build PRESET [TARGET...]: with tests, unless the program alone is asked for.
build() {
  local preset=$1
  shift
  say "building $preset"
  if [ "$*" != possync ] && grep -qs '^POSSYNC_BUILD_TESTS:BOOL=OFF' "build/$preset/CMakeCache.txt"; then
    cmake "build/$preset" -DPOSSYNC_BUILD_TESTS=ON >/dev/null || die "cmake --preset $preset failed"
  fi
  [ "build/$preset/build.ninja" -nt CMakePresets.json ] || cmake --preset "$preset" >"build-$preset.log" 2>&1 ||
    { tail -20 "build-$preset.log" >&2; rm -f "build-$preset.log"; die "cmake --preset $preset failed"; }
  rm -f "build-$preset.log"
  cmake --build "build/$preset" -j "$(jobs)" ${1:+--target "$@"} -- --quiet || die "the build of preset $preset failed, see above"
}
