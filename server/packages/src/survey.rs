//! What is asked of every node, whichever its manager.

pub use stardust_shell::detached::HOLDERS;

/// Finds the manager: `manager NAME VERSION`. On SUSE a dnf is a guest.
pub const DETECT: &str = r#"
detect() {
  like=$(sed -n 's/^ID\(_LIKE\)\{0,1\}=//p' /etc/os-release /usr/lib/os-release 2>/dev/null | tr -d '"' | tr '\n' ' ')
  order="apt-get dnf5 dnf zypper pacman apk opkg yum"
  case " $like " in *suse*) order="zypper $order" ;; *arch*) order="pacman $order" ;; *fedora*|*rhel*) order="dnf5 dnf yum $order" ;; esac
  for name in $order; do
    has "$name" || continue
    case $name in
      apt-get) echo "manager apt $(apt-get --version | sed -n '1s/^apt \([^ ]*\).*/\1/p')" ;;
      dnf5) echo "manager dnf5 $(dnf5 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')" ;;
      dnf)
        said=$(dnf --version | head -n 1)
        case $said in *dnf5*) echo "manager dnf5 ${said##* }" ;; *) echo "manager dnf $said" ;; esac ;;
      yum) echo "manager yum $(yum --version | head -n 1)" ;;
      zypper) echo "manager zypper $(zypper --version | sed 's/^zypper //')" ;;
      pacman) echo "manager pacman $(pacman --version | sed -n 's/.*Pacman v\([^ ]*\).*/\1/p')" ;;
      apk) echo "manager apk $(apk --version | sed 's/^apk-tools \([^ ,]*\).*/\1/')" ;;
      opkg) echo "manager opkg $(opkg --version | sed -n '1s/^opkg version \([^ ]*\).*/\1/p')" ;;
    esac
    return
  done
  echo "manager none"
}
quiet detect detect
"#;

/// `$@`: the files that the manager locks. Needs [`HOLDERS`] before it.
pub const COMMON: &str = r#"
disks() {
  for folder in / /boot /usr /var /var/cache /overlay /tmp; do
    [ -d "$folder" ] || continue
    df -Pk "$folder" | sed -n '2s/^.* \([0-9][0-9]*\)  *[0-9][0-9]*  *\([0-9][0-9]*\)  *[0-9-]*%  *\(.*\)$/\1 \2 \3/p'
  done
}
quiet disks disks
kernels() {
  largest=0
  for file in /boot/initrd.img-* /boot/initramfs-*; do
    [ -f "$file" ] || continue
    bytes=$(wc -c <"$file"); [ "$bytes" -gt "$largest" ] && largest=$bytes
  done
  image=0
  for file in /boot/vmlinuz-*; do
    [ -f "$file" ] || continue
    bytes=$(wc -c <"$file"); [ "$bytes" -gt "$image" ] && image=$bytes
  done
  echo "boot $((largest + image))"
  echo "running $(uname -r)"
  [ -d /lib/modules ] && [ -n "$(ls /lib/modules)" ] && [ ! -d "/lib/modules/$(uname -r)" ] && echo gone
  ls /boot/vmlinuz-* | sed 's#.*/vmlinuz-#kernel #' | sort -V
}
quiet kernels kernels
marks() {
  for file in /run/reboot-required /var/run/reboot-required; do
    if [ -e "$file" ]; then
      echo required
      head -n 20 "$file.pkgs" | sort -u
      break
    fi
  done
  [ -e /run/reboot-needed ] && echo required
}
quiet marks marks
leftovers() {
  find /etc -xdev \( -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.ucf-dist' -o -name '*.rpmnew' \
    -o -name '*.rpmsave' -o -name '*.pacnew' -o -name '*.pacsave' -o -name '*.apk-new' -o -name '*-opkg' \) | head -n 100
}
quiet leftovers leftovers
services() {
  for maps in /proc/[0-9]*/maps; do
    grep -q '\.so[^ ]* (deleted)$' "$maps" || continue
    folder=${maps%/maps}
    unit=$(sed -n 's#^.*/\([^/]*\.service\).*$#\1#p' "$folder/cgroup" | head -n 1)
    if [ -n "$unit" ]; then echo "$unit"; else read -r name <"$folder/comm" && echo "$name"; fi
  done | sort -u | head -n 100
}
quiet services services
quiet holders holders "$@"
quiet left left_behind "$@"
read -r boot </proc/sys/kernel/random/boot_id; quiet boot echo "$boot"
quiet end echo end
"#;
