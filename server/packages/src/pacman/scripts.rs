//! What pacman is asked and told on a node.

/// Where the index of our own is, and the real one's place.
pub const PLACES: &str = r#"
real=$(pacman-conf DBPath 2>/dev/null); real=${real:-/var/lib/pacman/}; real=${real%/}
own=/var/lib/stardust-pacman
busy() {
  for comm in /proc/[0-9]*/comm; do
    read -r name 2>/dev/null <"$comm" || continue
    case $name in pacman|pacman-*|yay|paru|pamac*|packagekitd|makepkg) echo "${comm%/comm}" | sed "s#/proc/##;s#\$# $name#"; return 0 ;; esac
  done
  return 1
}
"#;

/// On a disk that is full pacman leaves a package half unpacked and counts it as
/// installed, with nothing written down of it: it would never be looked at again.
pub const TORN: &str = r#"
torn() {
  find "$real/local" -mindepth 2 -maxdepth 2 -name desc -size 0 |
    sed 's#/desc$##; s#.*/##; s#-[^-]*-[^-]*$##' | sort -u | head -n 50
}
"#;

pub const LEDGER: &str = r#"
ledger() {
  torn=" $(torn | tr '\n' ' ')"
  pacman -Q | while read -r name version; do
    case $torn in *" $name "*) echo "$name|$version||torn" ;; *) echo "$name|$version||" ;; esac
  done
}
"#;

pub const SURVEY: &str = r#"
db=$real; [ -d "$own/sync" ] && db=$own
quiet list pacman -Qu --dbpath "$db"
quiet sim pacman -Su --print --print-format '%n|%v|%r|%s' --dbpath "$db"
held() { pacman-conf IgnorePkg 2>/dev/null || sed -n 's/^[[:space:]]*IgnorePkg[[:space:]]*=//p' /etc/pacman.conf; }
quiet held held
count() { pacman -Qq | wc -l; }
quiet count count
stale() { [ -e "$real/db.lck" ] && ! busy >/dev/null; }
quiet stale stale
quiet torn torn
# pacman knows nothing of security; arch-audit asks Arch's own list, where it is there.
if has arch-audit; then quiet audit timeout 20 arch-audit --upgradable --quiet; fi
"#;

/// A transaction's list, and what it says of sizes before it asks.
pub const PREVIEW: &str = r#"
db=$real; [ -d "$own/sync" ] && db=$own
run sim pacman -Su --needed --print --print-format '%n|%v|%r|%s' --dbpath "$db" -- "$@"
run sizes pacman -Su --needed --dbpath "$db" --logfile /dev/null -- "$@"
quiet all pacman -Q
"#;

pub const PREVIEW_REMOVE: &str = r#"
option=$1; shift
run sim pacman "$option" --print --print-format '%n|%v' -- "$@"
quiet all pacman -Q
"#;

pub const PREVIEW_ORPHANS: &str = r#"
names=$(pacman -Qdtq)
if [ -n "$names" ]; then run sim pacman -Rs --print --print-format '%n|%v' -- $names
else run sim true; fi
quiet all pacman -Q
"#;

/// The index of our own beside the real list of what is installed. `--ask 64` turns
/// the answer to one question: whether an unknown key is to be fetched and taken.
pub const REFRESH: &str = r#"
mkdir -p "$own" && chmod 755 "$own" && ln -sfn "$real/local" "$own/local" || exit 1
rm -f "$own/db.lck"
exec pacman -Sy --noconfirm --ask 64 --noprogressbar --color never --dbpath "$own" --logfile /dev/null
"#;

pub const DOWNLOAD: &str = r#"
mkdir -p "$own" && chmod 755 "$own" && ln -sfn "$real/local" "$own/local" || exit 1
rm -f "$own/db.lck"
exec pacman -Syuw --needed --noconfirm --ask 64 --noprogressbar --color never --dbpath "$own" --logfile /dev/null -- "$@"
"#;

pub const INSTALL: &str = r#"
exec pacman -Syu --needed --noconfirm --ask 64 --noprogressbar --color never -- "$@"
"#;

pub const REMOVE: &str = "exec pacman \"$@\"\n";

pub const ORPHANS: &str = r#"
names=$(pacman -Qdtq)
if [ -z "$names" ]; then echo 'there is nothing to do'; exit 0; fi
exec pacman -Rs --noconfirm --noprogressbar --color never -- $names
"#;

/// One line for each, right after `[options]`; only such lines are taken out.
pub const HOLD: &str = r#"
umask 022
part=/etc/pacman.conf.stardust
for name in "$@"; do
  grep -qxF "IgnorePkg = $name" /etc/pacman.conf && continue
  NAME=$name awk '{ print } /^\[options\]/ { print "IgnorePkg = " ENVIRON["NAME"] }' /etc/pacman.conf >"$part" \
    && mv "$part" /etc/pacman.conf || exit 1
  echo "$name is held"
done
"#;

pub const UNHOLD: &str = r#"
umask 022
part=/etc/pacman.conf.stardust
for name in "$@"; do
  grep -vxF "IgnorePkg = $name" /etc/pacman.conf >"$part" && mv "$part" /etc/pacman.conf || exit 1
  if pacman-conf IgnorePkg 2>/dev/null | grep -qxF "$name"; then
    echo "error: $name is in another IgnorePkg line of /etc/pacman.conf; take it out by hand"; exit 1
  fi
  echo "$name is no longer held"
done
"#;

pub const UNLOCK: &str = r#"
if holder=$(busy); then echo "error: the lock is in use by process $holder"; exit 1; fi
rm -f "$real/db.lck" && echo "removed $real/db.lck"
"#;

/// With all else, as every installation; nobody knows any more whose its files are.
pub const REINSTALL: &str = r#"
names=$(torn)
if [ -z "$names" ]; then echo 'there is nothing to do'; exit 0; fi
exec pacman -Syu --noconfirm --ask 64 --noprogressbar --color never --overwrite '*' -- $names
"#;

pub const DETAILS: &str = r#"
quiet show pacman -Si -- "$1"
quiet here pacman -Qi -- "$1"
"#;
