# The Debian 12 packages that building and testing need, and how to install those that are missing.
# Sourced by tools/quickstart and tools/test; docs/dependencies.md says what each one is for.

build_packages=(
  g++ cmake ninja-build pkg-config ccache mold
  libboost1.81-dev libboost-json1.81-dev
  libleveldb-dev libcapnp-dev capnproto libxxhash-dev libtomlplusplus-dev
  curl
)
test_packages=(libgtest-dev libgmock-dev clang clang-format python3-minimal python3)

# Packages of "$@" that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
      printf '%s\n' "$package"
    fi
  done
}

# install_packages NAMES...: installs what is missing; removes nothing, whatever apt would propose.
install_packages() {
  if ! command -v apt-get >/dev/null 2>&1; then
    echo "error: apt-get is missing: these scripts know Debian 12 alone; docs/dependencies.md lists what to install by hand" >&2
    return 1
  fi
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    return 0
  fi
  local boost
  boost=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 'libboost1.*-dev' 2>/dev/null |
    awk '$1 == "ii" && $2 != "libboost1.81-dev" { print $2 }' | head -n 1)
  if [ -n "$boost" ]; then
    echo "error: $boost is installed and conflicts with libboost1.81-dev, which Cairn needs; remove it first if nothing of yours uses it (apt-get remove $boost), or build in a container" >&2
    return 1
  fi
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
      echo "error: not root and no sudo; ask an administrator to install: ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "installing: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q)
  if ! "${apt[@]}" update; then
    echo "error: apt-get update failed; is the network up? Missing: ${missing[*]}" >&2
    return 1
  fi
  if ! "${apt[@]}" install -y --no-remove --no-install-recommends "${missing[@]}"; then
    echo "error: apt-get could not install: ${missing[*]}" >&2
    return 1
  fi
}
