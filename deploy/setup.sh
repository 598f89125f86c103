#!/bin/sh
# Brings a Debian machine to where the tree can be built and run: checks Node.js, then installs the system packages
# that are missing. Quick and silent where nothing is.
#
#   setup.sh build|demo|test     what it is for; `test` needs the most
#   setup.sh fuzz                what `build` needs, and clang with libFuzzer
#   setup.sh bench               what `demo` needs, and the programs that the benchmark compares with, where they can be had
#   setup.sh apps                what `demo` needs, and the applications that `make drill-apps` runs, where they can be had
#
# No package that it installs starts a service: what runs, runs in namespaces of the lab's.
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

# clang answers with the bare name where it has no such file.
have_libfuzzer() { [ -f "$(clang++ -print-file-name="libclang_rt.fuzzer_no_main-$(uname -m).a" 2>/dev/null)" ]; }

list_missing() {
  need npm have npm
  need make have make
  need g++ have g++
  need python3 have python3
  need libpcap-dev have_header pcap.h
  need libnode-dev have_node_headers
  case $goal in fuzz | test)
    need clang have clang++
    need libclang-rt-dev have_libfuzzer
    ;;
  esac
  [ "$goal" = fuzz ] && return
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
  need strace have strace
  # The examples for scripts are run as they stand.
  need jq have jq
  # A real one quarrels with us over routes, and so does NetworkManager where it is installed. The service manager runs our unit.
  need systemd test -x /usr/lib/systemd/systemd-networkd
  need passwd have usermod
  need dbus have dbus-daemon
}

install_missing() {
  "$here/step.sh" 'reading the package lists' apt-get update || exit
  install || exit
}

# Installs what is missing, and leaves none of its services running or enabled.
install() {
  withhold_services
  # Without this, tshark's package asks whether every user may capture.
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # one word for each package
  "$here/step.sh" "installing$missing" apt-get install --yes --no-install-recommends $missing
  status=$?
  release_services
  # Package and service, where it has one.
  while read -r package service; do
    case "$missing " in *" $package "*) stop_service "$service" ;; esac
  done <<END
frr frr
bird2 bird
erlang-base epmd.socket
erlang-base epmd
postgresql postgresql
openssh-server ssh
iperf3 iperf3
redis-server redis-server
END
  return $status
}

policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/multihomed.conf
withheld=

# While packages are installed, nothing is started (a policy that the machine has already stays), and PostgreSQL's makes no cluster.
withhold_services() {
  trap release_services EXIT
  trap 'exit 130' INT TERM HUP
  if [ ! -e "$policy" ]; then
    withheld=$policy
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
  fi
  case $missing in
    *postgresql*)
      withheld="$withheld $no_cluster"
      mkdir -p "${no_cluster%/*}" && echo 'create_main_cluster = off' >"$no_cluster"
      ;;
  esac
}

release_services() {
  # shellcheck disable=SC2086 # one word for each file
  [ -z "$withheld" ] || rm -f $withheld
  withheld=
}

have_postgres() { ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }

# What a goal can do without: where it is missing, what needs it is left out there, with the reason.
list_further() {
  case $goal in
    bench)
      need frr test -x /usr/lib/frr/zebra
      need bird2 have bird
      need mptcpize have mptcpize
      need stress-ng have stress-ng
      ;;
    test | apps)
      need erlang-base have erl
      need redis-server have redis-server
      ;;
  esac
  [ "$goal" = apps ] || return
  need postgresql have_postgres
  need openssh-server have sshd
  need iperf3 have iperf3
}

install_further() {
  missing=
  list_further
  [ -z "$missing" ] && return
  if [ -n "$sudo" ] || ! have apt-get; then
    say "What needs these packages is left out:$missing"
    return
  fi
  "$here/step.sh" 'reading the package lists' apt-get update && install || say "What needs them is left out."
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
if [ -n "$missing" ]; then
  if ! have apt-get; then
    say "These are missing, by their Debian names:$missing. Install them, then run make again."
    exit 77
  elif [ -n "$sudo" ]; then
    say "Some packages are missing, and only root can install them. Run this, then make again:"
    say "  sudo apt-get update && sudo apt-get install --no-install-recommends$missing"
    exit 77
  fi
  install_missing
fi
install_further
exit 0
