#!/usr/bin/env bash
# Builds what the test hosts boot from: root file systems and SSH keys.
#
#   build.sh FOLDER [NAME…]    without names: keys debian openrc router; `all` is everything
#
# `managers` is a layer over debian with the package managers of other systems,
# `sudors` one with sudo-rs. `sysvinit` and `runit` are Debian as Devuan starts it.
#
# What is there already and was made in this very way stays. Each file system is
# made beside its place and renamed when it is whole, one build at a time.
# Needs root and mmdebstrap; packages come from where this machine has its own.
set -euo pipefail

suite=bookworm
passphrase=key-pass
here="$(dirname "$(readlink -f "$0")")"

# Users of the hosts that have sudo. Passwords are of no worth: the hosts live in
# network namespaces of their own, for minutes.
#   ops     sudo asks for the password           deploy  sudo asks for nothing
#   plain   may not use sudo                     rtty    sudo wants a terminal
#   fishy   fish as login shell, sudo as deploy  noisy   a banner before every command
users="ops deploy plain rtty fishy noisy"

main() {
  local folder=$1
  shift
  mkdir -p "$folder"
  cd "$folder"
  exec 9>.lock
  flock 9
  local name stamp
  [[ "$*" != all ]] || set -- keys debian openrc router managers sudors sysvinit runit
  for name in ${*:-keys debian openrc router}; do
    stamp="$(recipe "$name" | sha256sum)"
    [[ "$(cat "$name/.stamp" 2>/dev/null)" == "$stamp" ]] && continue
    rm -rf --one-file-system "$name" "$name.part"
    "make_$name" "$name.part" >"$name.log" 2>&1 || {
      echo "building $name failed:" >&2
      tail -n 20 "$name.log" >&2
      exit 1
    }
    printf '%s\n' "$stamp" >"$name.part/.stamp"
    mv "$name.part" "$name"
  done
}

# All that decides what is built.
recipe() {
  declare -f make_keys
  case $1 in
    keys) ;;
    router) declare -f authorize make_debian make_router && cat "$here/rc.common" ;;
    managers) declare -f bootstrap make_debian make_managers install_managers ;;
    sudors) declare -f make_sudors ;;
    *) declare -f authorize bootstrap people "make_$1" && echo "$users" ;;
  esac
}

# One key of every kind and format that people have.
make_keys() {
  mkdir -m 700 "$1"
  local key=(ssh-keygen -q -C test)
  "${key[@]}" -t ed25519 -N '' -f "$1/ed25519"
  "${key[@]}" -t ed25519 -N "$passphrase" -f "$1/ed25519-locked"
  "${key[@]}" -t ed25519 -N '' -f "$1/stranger"
  local format bits
  for format in RFC4716 PEM PKCS8; do
    "${key[@]}" -t rsa -b 3072 -m "$format" -N '' -f "$1/rsa-$format"
    "${key[@]}" -t rsa -b 3072 -m "$format" -N "$passphrase" -f "$1/rsa-$format-locked"
    "${key[@]}" -t ecdsa -b 256 -m "$format" -N '' -f "$1/ecdsa256-$format"
    "${key[@]}" -t ecdsa -b 256 -m "$format" -N "$passphrase" -f "$1/ecdsa256-$format-locked"
  done
  for bits in 384 521; do
    "${key[@]}" -t ecdsa -b "$bits" -N '' -f "$1/ecdsa$bits"
  done
  # The stranger's is known nowhere.
  find "$1" -name '*.pub' ! -name 'stranger.pub' -exec cat {} + >"$1/authorized_keys"
}

make_debian() {
  bootstrap "$1" systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,doas,iproute2,procps,curl,fish,dropbear-bin,busybox
  # Else they take apt's locks in the middle of a test.
  local unit
  for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dpkg-db-backup.timer fstrim.timer \
    systemd-networkd-wait-online.service getty.target; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit"
  done
  people "$1"
}

# No systemd anywhere: sysvinit starts OpenRC.
make_openrc() {
  bootstrap "$1" openrc,sysvinit-core,openssh-server,sudo,iproute2,procps,wget
  people "$1"
}

# No systemd and no OpenRC: scripts in /etc/rc?.d.
make_sysvinit() {
  bootstrap "$1" sysvinit-core,openssh-server,sudo,iproute2,procps,wget
  people "$1"
}

# runit is init, and its services lie in /etc/service.
make_runit() {
  bootstrap "$1" runit-init,runit,openssh-server,sudo,iproute2,procps,wget
  people "$1"
}

# For `host.sh FOLDER debian layer=FOLDER/sudors`. Debian has it from 13 on, and
# that one runs on 12 too.
make_sudors() {
  local sources=() file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    # shellcheck disable=SC2016
    ! grep -qsE '^(deb |Types:)' "$file" || sources+=("$file")
  done
  mkdir "$1.sources"
  for file in "${sources[@]}"; do
    sed "s/\\b$suite\\b/trixie/g" "$file" >"$1.sources/${file##*/}"
  done
  mmdebstrap --variant=extract --include=sudo-rs trixie "$1.all" "$1.sources"/*
  install -D -m 4755 "$1.all/usr/lib/cargo/bin/sudo" "$1/usr/bin/sudo-rs"
  rm -rf "$1.all" "$1.sources"
}

bootstrap() {
  local sources=() file
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
    # shellcheck disable=SC2016
    ! grep -qsE '^(deb |Types:)' "$file" || sources+=("$file")
  done
  mmdebstrap --variant=minbase --include="$2" --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='Acquire::Languages "none"' \
    "$suite" "$1" "${sources[@]}"
}

people() {
  local root=$1 user home
  for user in $users; do
    chroot "$root" useradd --create-home --shell /bin/bash "$user"
    printf '%s:%s-pass\n' "$user" "$user" | chroot "$root" chpasswd
  done
  printf 'root:root-pass\n' | chroot "$root" chpasswd
  if [[ -x "$root/usr/bin/fish" ]]; then
    chroot "$root" usermod --shell /usr/bin/fish fishy
  fi
  cat >"$root/etc/sudoers.d/people" <<'SUDO'
ops ALL=(ALL) ALL
deploy ALL=(ALL) NOPASSWD: ALL
fishy ALL=(ALL) NOPASSWD: ALL
noisy ALL=(ALL) NOPASSWD: ALL
rtty ALL=(ALL) NOPASSWD: ALL
Defaults:rtty requiretty
SUDO
  chmod 440 "$root/etc/sudoers.d/people"
  # bash reads it for commands over SSH too.
  { echo 'echo "*** Authorised use only. All is recorded. ***"' && echo 'echo "*** and on stderr ***" >&2'; } |
    cat - "$root/home/noisy/.bashrc" >"$root/noisy" && cat "$root/noisy" >"$root/home/noisy/.bashrc" && rm "$root/noisy"
  for user in root $users; do
    home="$(chroot "$root" sh -c "echo ~$user")"
    authorize "$root$home"
    chroot "$root" chown -R "$user:" "$home/.ssh"
  done
  rm -f "$root"/etc/ssh/ssh_host_*
  # Many logins at once from one address: the tests of those set their own.
  printf 'UseDNS no\n' >"$root/etc/ssh/sshd_config.d/test.conf"
}

authorize() {
  mkdir -m 700 "$1/.ssh"
  install -m 600 keys/authorized_keys "$1/.ssh/authorized_keys"
}

# A router as OpenWrt makes one, as far as it can be had: busybox as init and as
# all tools, dropbear without SFTP; no bash, sudo, scp, systemd. procd itself is
# not in Debian: rc.common stands in for what init scripts ask of it. It has the
# libraries of a Spider that was not linked statically, which a real one has not.
make_router() {
  local root=$1 from=debian tool type lib
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,usr/lib,lib/functions,etc/init.d,etc/rc.d,etc/dropbear,proc,sys,dev,run,tmp,var/run,var/lock,var/log,lib,lib64,overlay}
  mkdir -m 700 "$root/root"
  cp "$from/bin/busybox" "$root/bin/"
  for tool in $(chroot "$from" busybox --list); do
    # OpenWrt's busybox has none of these.
    case $tool in busybox | dpkg | dpkg-deb | rpm | rpm2cpio | bash) continue ;; esac
    ln -s busybox "$root/bin/$tool"
  done
  ln -s ../bin/busybox "$root/sbin/init"
  cp "$from/usr/sbin/dropbear" "$root/usr/sbin/"
  cp "$from/usr/bin/dropbearkey" "$root/usr/bin/"
  for lib in $(chroot "$from" ldd /bin/busybox /usr/sbin/dropbear /usr/bin/dropbearkey | grep -o '/[^ )]*\.so[^ )]*' | sort -u) \
    /lib/x86_64-linux-gnu/libnss_files.so.2 /lib/x86_64-linux-gnu/libgcc_s.so.1 /lib/x86_64-linux-gnu/libm.so.6; do
    [[ ! -e "$from$lib" ]] || install -D "$from$lib" "$root$lib"
  done
  printf 'root:*:0:0:root:/root:/bin/sh\nnobody:*:65534:65534:nobody:/var:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  printf 'root:*:19000:0:99999:7:::\nnobody:*:0:0:99999:7:::\n' >"$root/etc/shadow"
  chmod 600 "$root/etc/shadow"
  echo /bin/sh >"$root/etc/shells"
  cat >"$root/etc/os-release" <<'OS'
NAME="OpenWrt"
VERSION="23.05.5"
ID="openwrt"
ID_LIKE="lede openwrt"
PRETTY_NAME="OpenWrt 23.05.5"
VERSION_ID="23.05.5"
OS
  cat >"$root/etc/inittab" <<'INIT'
::sysinit:/etc/init.d/rcS
::respawn:/bin/syslogd -n -C64
::respawn:/usr/sbin/dropbear -F -E -p 22 -K 60
::shutdown:/bin/umount -a -r
INIT
  install -m 755 "$here/rc.common" "$root/etc/rc.common"
  # By this file a procd is recognised.
  ln -s ../etc/rc.common "$root/sbin/procd"
  cat >"$root/etc/init.d/rcS" <<'RC'
#!/bin/sh
hostname -F /etc/hostname
mkdir -p /var/run /var/lock
for script in /etc/rc.d/S*; do
  [ ! -x "$script" ] || "$script" boot
done
RC
  chmod 755 "$root/etc/init.d/rcS"
  printf '# files that a firmware upgrade keeps\n' >"$root/etc/sysupgrade.conf"
  for type in ed25519 ecdsa; do
    chroot "$from" dropbearkey -t "$type" -f /tmp/key >/dev/null
    mv "$from/tmp/key" "$root/etc/dropbear/dropbear_${type}_host_key"
  done
  authorize "$root/root"
}

# For `host.sh FOLDER debian layer=FOLDER/managers`.
make_managers() {
  local room=$1.room status=0
  rm -rf --one-file-system "$room"
  # Overlays lie on a tmpfs: the folder itself may be on one.
  mkdir "$room"
  mount -t tmpfs stardust-build "$room"
  mkdir "$room"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=debian,upperdir=$room/upper,workdir=$room/work" "$room/root"
  install_managers "$room/root" || status=$?
  umount "$room/root"
  [[ $status != 0 ]] || cp -a "$room/upper" "$1"
  umount "$room"
  rmdir "$room"
  return "$status"
}

install_managers() {
  cp -L /etc/resolv.conf "$1/etc/resolv.conf"
  # No service of theirs starts in here.
  printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
  chmod 755 "$1/usr/sbin/policy-rc.d"
  # They speak German or Japanese where they are let: what is read must not depend on it.
  local apt=(chroot "$1" env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Options::=--force-unsafe-io
    -o 'Dpkg::Options::=--path-include=/usr/share/locale/de/*' -o 'Dpkg::Options::=--path-include=/usr/share/locale/ja/*')
  "${apt[@]}" update &&
    "${apt[@]}" install -y --no-install-recommends apt-utils dnf zypper pacman-package-manager makepkg rpm createrepo-c libarchive-tools dpkg-dev zstd locales &&
    "${apt[@]}" install -y --reinstall apt libapt-pkg6.0 dpkg &&
    chroot "$1" localedef -i de_DE -f UTF-8 de_DE.UTF-8 &&
    chroot "$1" localedef -i ja_JP -f UTF-8 ja_JP.UTF-8 &&
    # Only where a test wants it: it looks at all processes after each run of dpkg.
    mkdir -p "$1/opt/needrestart/partial" &&
    "${apt[@]}" install -y --no-install-recommends --download-only -o Dir::Cache::archives=/opt/needrestart needrestart &&
    "${apt[@]}" clean || return 1
  rm -rf "$1/usr/sbin/policy-rc.d" "$1/etc/resolv.conf" "$1"/var/lib/apt/lists/* "$1"/usr/share/i18n
}

main "$@"
