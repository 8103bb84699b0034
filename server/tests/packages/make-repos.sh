#!/bin/sh
# make-repos.sh DIR [deb] [rpm] [pac]: local repositories with versions 1 and 2 of
# small packages, each of which stands for one thing that upgrades have to get right.
#
#   labtool    ordinary                       lablib    ordinary, from the security origin
#   labconf    its config file changes        labslow   version 2's script takes 4 s and
#                                                       waits while /run/lab-hold is there
#   labbroken  version 2 can't be configured  labservice  restarts its service
#   labnew     version 2 needs labdep         labess    essential; labbad 2 conflicts with it
#   labbig     version 2 claims 4 TB          labheld   ordinary, to be held
#
# While /run/lab-fill is there the disk is filled in the midst of an upgrade: by the rpm
# of labtool, and by labconf for pacman, which has labtool come after it.
#
# Debian packages: apt-utils dpkg-dev rpm createrepo-c pacman-package-manager makepkg libarchive-tools zstd
set -eu
mkdir -p "$1"
cd "$1"
shift
[ $# -gt 0 ] || set -- deb rpm pac

all="labtool lablib labconf labslow labbroken labservice labnew labess labbad labbig labheld"

# In the middle it says where it is, and waits as long as it is told to. It is never
# silent for long: zypper drops what a script says after five seconds without a word.
slow='n=0
while [ $n -lt 40 ]; do
  n=$((n + 1)); echo "labslow line $n of 40"
  [ $n != 20 ] || { : >/run/lab-there; while [ -e /run/lab-hold ]; do echo "labslow waits"; sleep 0.5; done; }
  sleep 0.1
done'
fill='[ ! -e /run/lab-fill ] || dd if=/dev/zero of=/fill bs=64k 2>/dev/null || true'
unit='[Unit]
Description=Lab service
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target'

# deb NAME VERSION REPO [CONTROL-LINE…]: the package in src/deb-NAME-VERSION.
deb() {
  name=$1 version=$2 repo=$3 d=src/deb-$1-$2
  shift 3
  mkdir -p "$d/DEBIAN" "$d/usr/share/lab" "$repo"
  echo "$name $version" >"$d/usr/share/lab/$name"
  { printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Lab <lab@example.org>\n' "$name" "$version"
    for line in "$@"; do echo "$line"; done
    printf 'Description: lab test package %s\n It does nothing, of which there is not much to tell.\n' "$name"
  } >"$d/DEBIAN/control"
  if [ "$name" = labconf ]; then
    mkdir -p "$d/etc"
    echo "setting = $version" >"$d/etc/labconf.conf"
    echo /etc/labconf.conf >"$d/DEBIAN/conffiles"
  fi
  if [ "$name" = labservice ]; then
    mkdir -p "$d/lib/systemd/system"
    echo "$unit" >"$d/lib/systemd/system/labservice.service"
  fi
  { echo '#!/bin/sh'
    echo "echo postinst of $name $version"
    case $name in
      labslow) [ "$version" = 1.0-1 ] || echo "$slow" ;;
      labbroken) [ "$version" = 1.0-1 ] || echo 'echo the setup of labbroken fails >&2; exit 1' ;;
      labservice) echo 'if [ -d /run/systemd/system ]; then systemctl daemon-reload; systemctl restart labservice.service; fi' ;;
    esac
    echo 'exit 0'
  } >"$d/DEBIAN/postinst"
  chmod 755 "$d/DEBIAN/postinst"
  dpkg-deb --root-owner-group -b "$d" "$repo/${name}_${version}_all.deb" >/dev/null
}

# rpm NAME VERSION REPO [SPEC-LINE…]
rpm_package() {
  name=$1 version=$2 repo=$3 spec=src/$1-$2.spec
  shift 3
  mkdir -p src "$repo"
  { printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: lab test package %s\nLicense: MIT\nBuildArch: noarch\nURL: http://example.org\n' "$name" "$version" "$name"
    for line in "$@"; do echo "$line"; done
    printf '%%description\nIt does nothing, of which there is not much to tell.\n%%install\nmkdir -p %%{buildroot}/usr/share/lab %%{buildroot}/etc\n'
    printf 'echo %s %s > %%{buildroot}/usr/share/lab/%s\necho setting = %s > %%{buildroot}/etc/%s.conf\n' "$name" "$version" "$name" "$version" "$name"
    if [ "$name" = labservice ]; then
      printf 'mkdir -p %%{buildroot}/usr/lib/systemd/system\ncat >%%{buildroot}/usr/lib/systemd/system/labservice.service <<END\n%s\nEND\n' "$unit"
    fi
    if [ "$name" = labbroken ] && [ "$version" = 2.0 ]; then
      printf '%%pre\necho the setup of labbroken fails; exit 1\n'
    fi
    if [ "$name" = labtool ]; then printf '%%pre\n%s\n' "$fill"; fi
    printf '%%post\necho post of %s %s\n' "$name" "$version"
    if [ "$name" = labslow ] && [ "$version" = 2.0 ]; then echo "$slow"; fi
    if [ "$name" = labservice ]; then
      printf '%%postun\nif [ $1 -ge 1 ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; systemctl try-restart labservice.service; fi\n'
    fi
    printf '%%files\n/usr/share/lab/%s\n%%config(noreplace) /etc/%s.conf\n' "$name" "$name"
    [ "$name" != labservice ] || echo /usr/lib/systemd/system/labservice.service
  } >"$spec"
  rpmbuild -bb --define "_topdir $PWD/src/rb" --define "_rpmdir $PWD/$repo" "$spec" >src/rpmbuild.log 2>&1 || { cat src/rpmbuild.log >&2; return 1; }
}

# pac NAME VERSION REPO [PKGINFO-LINE…]
pac() {
  name=$1 version=$2 repo=$3 d=src/pac-$1-$2
  shift 3
  mkdir -p "$d/usr/share/lab" "$d/etc" "$repo"
  echo "$name $version" >"$d/usr/share/lab/$name"
  echo "setting = $version" >"$d/etc/$name.conf"
  { printf 'pkgname = %s\npkgbase = %s\npkgver = %s\npkgdesc = lab test package %s\nurl = http://example.org\nbuilddate = 1700000000\npackager = Lab\nsize = 60\narch = any\nlicense = MIT\nbackup = etc/%s.conf\n' "$name" "$name" "$version" "$name" "$name"
    for line in "$@"; do echo "$line"; done
  } >"$d/.PKGINFO"
  # On a disk that is full there is room for what is small, or as large as what it replaces.
  if [ "$name$version" = labtool2.0-1 ]; then dd if=/dev/urandom of="$d/usr/share/lab/$name.data" bs=64k count=4 2>/dev/null; fi
  { echo "post_install() { echo installing $name $version; }"
    case $name in
      labslow) printf 'post_upgrade() {\n%s\n}\n' "$slow" ;;
      labconf) printf 'post_upgrade() {\n%s\n}\n' "$fill" ;;
      labbroken) echo 'post_upgrade() { echo the setup of labbroken fails; false; }' ;;
      *) echo "post_upgrade() { echo upgrading $name to $version; }" ;;
    esac
  } >"$d/.INSTALL"
  (cd "$d" && bsdtar --uid 0 --gid 0 --zstd -cf "../../$repo/$name-$version-any.pkg.tar.zst" .PKGINFO .INSTALL usr etc)
}

# release REPO LABEL SUITE
release() {
  (cd "$1" && dpkg-scanpackages -m . /dev/null 2>/dev/null >Packages &&
    apt-ftparchive -o "APT::FTPArchive::Release::Origin=$2" -o "APT::FTPArchive::Release::Label=$2" \
      -o "APT::FTPArchive::Release::Suite=$3" -o "APT::FTPArchive::Release::Version=12" \
      release . >../Release.part && mv ../Release.part Release)
}

# advisory ID TYPE NAME: that version 2 of the package is for.
advisory() {
  printf '<update from="lab@example.org" status="stable" type="%s" version="1"><id>%s</id><title>%s</title>' "$2" "$1" "$3"
  printf '<release>Lab</release><issued date="2026-01-01 00:00:00"/><severity>Important</severity><description>x</description>'
  printf '<pkglist><collection short="lab"><name>lab</name><package name="%s" version="2.0" release="1" epoch="0" arch="noarch"' "$3"
  printf ' src="%s-2.0-1.src.rpm"><filename>%s-2.0-1.noarch.rpm</filename></package></collection></pkglist></update>\n' "$3" "$3"
}

for kind in "$@"; do
  case $kind in
    deb)
      for v in 1 2; do
        for name in $all; do
          repo=deb$v
          [ "$name" != lablib ] || repo=deb$v-security
          set -- 
          case $name$v in
            labess?) set -- "Essential: yes" ;;
            labbad2) set -- "Conflicts: labess" ;;
            labnew2) set -- "Depends: labdep" "Installed-Size: 100" ;;
            labbig2) set -- "Installed-Size: 4000000000" ;;
          esac
          deb "$name" "$v.0-1" "$repo" "$@"
        done
        deb labdep "$v.0-1" "deb$v" "Section: libs"
        deb 'lab-odd.name+x' "1:$v.0~rc1-1" "deb$v" 2>/dev/null || true
        release "deb$v" Lab stable
        release "deb$v-security" Lab-Security stable-security
      done ;;
    rpm)
      for v in 1 2; do
        for name in labtool lablib labconf labslow labbroken labnew labheld labservice; do
          set --
          [ "$name$v" != labnew2 ] || set -- "Requires: labdep"
          rpm_package "$name" "$v.0" "rpm$v" "$@"
        done
        rpm_package labdep "$v.0" "rpm$v"
        # An rpm database that starts empty needs someone to provide the shell and the release.
        rpm_package labbase 1 "rpm$v" 'AutoReqProv: no' 'Provides: /bin/sh' 'Provides: system-release = 40' 'Provides: system-release(releasever) = 40'
        createrepo_c -q "rpm$v"
      done
      { echo '<updates>'
        advisory LAB-1 security lablib
        advisory LAB-2 bugfix labtool
        echo '</updates>'
      } >src/updateinfo.xml
      modifyrepo_c src/updateinfo.xml rpm2/repodata >src/modifyrepo.log 2>&1 ;;
    pac)
      for v in 1 2; do
        for name in labtool lablib labconf labslow labbroken labnew labheld; do
          set --
          [ "$name$v" != labnew2 ] || set -- "depend = labdep"
          pac "$name" "$v.0-1" "pac$v" "$@"
        done
        pac labdep "$v.0-1" "pac$v"
        (cd "pac$v" && repo-add -q lab.db.tar.gz ./*.pkg.tar.zst >/dev/null)
      done
      # pacman takes a database that is not newer for unchanged.
      touch -d '+1 min' pac2/lab.db.tar.gz ;;
  esac
done
