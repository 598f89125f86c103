#!/bin/sh
# Brings a Debian machine to where the tree can be built and run: checks Node.js, then installs the system packages
# that are missing. Quick and silent where nothing is.
#
#   setup.sh build|demo|test     what it is for; `test` needs the most
#   setup.sh bench               what `demo` needs, and the programs that the benchmark compares with, where they can be had
#
# As root it installs with apt-get. Otherwise, or without apt-get, it prints the one command to run.
# Exit status: 0 ready, 77 (EX_NOPERM) not allowed to install, 69 (EX_UNAVAILABLE) no usable Node.js, else apt-get's.
set -u

goal=${1:-build}
here=$(dirname "$0")
oldest=20
# A user's PATH often lacks the directories of ip, nft and arping.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

have() { command -v "$1" >/dev/null 2>&1; }

say() { printf '%s\n' "$*" >&2; }

check_node() {
  version=$(node -p process.versions.node 2>/dev/null) || version=
  [ -n "$version" ] && [ "${version%%.*}" -ge "$oldest" ] && return
  found=${version:+, found $version}
  if have apt-cache && [ "$(candidate nodejs)" -ge "$oldest" ]; then
    say "multihomed needs Node.js $oldest or later${found}. Run: ${sudo}apt-get install nodejs npm"
  else
    say "multihomed needs Node.js $oldest or later${found}, and this system packages none:" \
      "install it from https://nodejs.org/en/download (with npm and its headers), then run make again."
  fi
  exit 69
}

# Major version of the package that apt-get would install; 0 where there is none.
candidate() {
  version=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*\:\)\{0,1\}\([0-9]*\).*/\2/p')
  printf '%s' "${version:-0}"
}

# Adds the package $1 to the missing where the test that follows fails.
need() {
  package=$1
  shift
  "$@" || missing="$missing $package"
}

have_header() { [ -f "/usr/include/$1" ]; }

# Debian's own nodejs brings no headers. Any other distribution of Node.js has them beside the program.
have_node_headers() {
  [ -n "$("$here/node-headers.sh")" ] || ! dpkg -S "$(readlink -f "$(command -v node)")" >/dev/null 2>&1
}

list_missing() {
  need npm have npm
  need make have make
  need g++ have g++
  need python3 have python3
  need libpcap-dev have_header pcap.h
  need libnode-dev have_node_headers
  [ "$goal" = build ] && return
  need iproute2 have ip
  need util-linux have unshare
  need nftables have nft
  need procps have sysctl
  [ "$goal" = test ] || return
  need arping have arping
  need iptables have iptables
  need iputils-ping have ping
  need tshark have tshark
  # The examples for scripts are run as they stand.
  need jq have jq
}

install_missing() {
  # Without this, tshark's package asks whether every user may capture.
  export DEBIAN_FRONTEND=noninteractive
  "$here/step.sh" 'reading the package lists' apt-get update || exit
  # shellcheck disable=SC2086 # one word for each package
  "$here/step.sh" "installing$missing" \
    apt-get install --yes --no-install-recommends $missing || exit
}

# The programs beside which the benchmark sets us. Those that are missing are left out there, with the reason.
install_peers() {
  missing=
  need frr test -x /usr/lib/frr/zebra
  need bird2 have bird
  need mptcpize have mptcpize
  need stress-ng have stress-ng
  [ -z "$missing" ] && return
  if [ -n "$sudo" ] || ! have apt-get; then
    say "The benchmark leaves out what these packages are for:$missing"
    return
  fi
  # shellcheck disable=SC2086 # one word for each package
  DEBIAN_FRONTEND=noninteractive "$here/step.sh" "installing$missing" \
    apt-get install --yes --no-install-recommends $missing || say "The benchmark does without them."
  # They run in namespaces of the benchmark's own; this machine's routing is none of theirs.
  for service in frr bird; do
    case $missing in *"$service"*) stop_service "$service" ;; esac
  done
}

stop_service() {
  if [ -d /run/systemd/system ]; then
    systemctl disable --now "$1" >/dev/null 2>&1 || say "could not stop the service $1"
  elif [ -x "/etc/init.d/$1" ]; then
    "/etc/init.d/$1" stop >/dev/null 2>&1 || say "could not stop the service $1"
  fi
}

[ "$(id -u)" -eq 0 ] && sudo= || sudo='sudo '
check_node
missing=
list_missing
if [ -z "$missing" ]; then
  [ "$goal" = bench ] && install_peers
  exit 0
fi
if ! have apt-get; then
  say "These are missing, by their Debian names:$missing. Install them, then run make again."
  exit 77
elif [ -n "$sudo" ]; then
  say "Some packages are missing, and only root can install them. Run this, then make again:"
  say "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
  exit 77
fi
install_missing
[ "$goal" = bench ] && install_peers
exit 0
