#!/bin/sh
# Installs what `make build` has built. Enables and starts nothing.
#
#   install.sh PREFIX DESTDIR      NODE=/path/to/node names the Node.js that runs it
#
# Under DESTDIR: PREFIX/lib/multihomed (program and packages), PREFIX/sbin/multihomed, PREFIX/bin/multihomectl,
# PREFIX/lib/systemd/system/multihomed.service, PREFIX/lib/sysusers.d/multihomed.conf, PREFIX/share/doc/multihomed,
# /etc/iproute2/rt_protos.d, and /etc/multihomed, which is empty: the key of the cluster's beacons is the operator's to make.
set -eu

prefix=$1
root=$2$1
library=$root/lib/multihomed
documents=$root/share/doc/multihomed
fail() {
  printf 'make install: %s\n' "$*" >&2
  exit 1
}

case $prefix in
/*) ;;
*) fail "PREFIX must be an absolute path, not '$prefix'" ;;
esac
[ -f dist/agent/main.js ] && [ -f native-bindings/build/.built ] || fail 'run `make build` first'
node=${NODE:-$(command -v node)} || fail 'no node on the PATH: name it with NODE=/path/to/node'

# The unit's ProtectHome= hides a directory from the service, which would start in vain again and again.
for path in "$prefix/" "$node" "$(readlink -f "$node")"; do
  case $path in
  /home/* | /root/* | /run/user/*) fail "the service sees nothing below /home, /root and /run/user, so not $path: name another PREFIX or NODE" ;;
  esac
done

# One line for each directory that the program needs, from the lock file's tree without the development packages.
production_packages() {
  npm ls --omit=dev --all --parseable 2>/dev/null | sed -n "s|^$PWD/||p" | grep '^node_modules/'
}

install_program() {
  rm -rf "$library"
  install -d "$library/dist" "$library/native-bindings"
  cp -R dist/agent dist/native-bindings dist/build.json "$library/dist/"
  cp package.json LICENSE "$library/"
  install_addon native-bindings
  production_packages | while read -r package; do
    install -d "$library/$package"
    # What lies in a package's own node_modules has a line of its own. A built addon needs neither objects nor sources.
    if [ -d "$package/build/Release" ]; then
      install_addon "$package"
      set -- --exclude=./build --exclude=./src --exclude=./deps
    else
      set --
    fi
    tar -C "$package" --exclude=./node_modules "$@" -cf - . | tar -C "$library/$package" --no-same-owner -xf -
  done
}

install_addon() {
  install -d "$library/$1/build/Release"
  install -m 644 "$1"/build/Release/*.node "$library/$1/build/Release/"
}

# wrapper PATH SCRIPT: Node.js by its full path, since a service's PATH is short, and with the options that the script's first line names.
wrapper() {
  install -d "$(dirname "$1")"
  options=$(sed -n '1s/^#!.* -S node//p' "dist/agent/$2")
  printf '#!/bin/sh\nexec %s%s %s/lib/multihomed/dist/agent/%s "$@"\n' "$node" "$options" "$prefix" "$2" >"$1"
  chmod 755 "$1"
}

install_system_files() {
  install -d "$root/lib/systemd/system" "$root/lib/sysusers.d" "$2/etc/iproute2/rt_protos.d" \
    "$documents/docs" "$documents/examples"
  sed "s|/usr/sbin/|$prefix/sbin/|; s|/usr/bin/|$prefix/bin/|; s|/usr/share/|$prefix/share/|" deploy/multihomed.service \
    >"$root/lib/systemd/system/multihomed.service"
  chmod 644 "$root/lib/systemd/system/multihomed.service"
  install -m 644 deploy/multihomed.sysusers.conf "$root/lib/sysusers.d/multihomed.conf"
  install -m 644 deploy/rt_protos.d/multihomed.conf "$2/etc/iproute2/rt_protos.d/"
  install -m 644 README.md CHANGELOG.md LICENSE "$documents/"
  install -m 644 docs/* "$documents/docs/"
  cp -R deploy/networkd deploy/NetworkManager deploy/sysctl.d deploy/wireshark "$documents/examples/"
  # One that is there keeps the mode and the owner that it was given.
  [ -d "$2/etc/multihomed" ] || install -d -m 755 "$2/etc/multihomed"
}

install_program
wrapper "$root/sbin/multihomed" main.js
wrapper "$root/bin/multihomectl" cli/multihomectl.js
install_system_files "$@"
# In a package's root there is nobody to make the user for; the package's own scripts do it.
if [ -z "$2" ] && command -v systemd-sysusers >/dev/null; then
  systemd-sysusers "$root/lib/sysusers.d/multihomed.conf"
  # A line that it doesn't understand it passes over, and ends with 0.
  id multihomed >/dev/null || fail 'systemd-sysusers has not made the user multihomed'
fi
printf 'installed below %s; nothing is enabled: see docs/operations.md\n' "$root"
