#!/bin/sh
# sign-repos.sh DIR KIND: signs a copy of version 2 that make-repos.sh has made, with
# a key that nobody knows: DIR/KIND2-signed, and the key in DIR/lab.asc.
set -eu
cd "$1"
export GNUPGHOME="$PWD/gnupg"
key='Lab <lab@example.org>'
if [ ! -d "$GNUPGHOME" ]; then
  mkdir -m 700 "$GNUPGHOME"
  gpg --batch --quiet --passphrase '' --quick-gen-key "$key" rsa2048 sign never 2>/dev/null
  gpg --batch --armor --export >lab.asc
fi
repo=$2-signed
rm -rf "$repo"
cp -a "$2" "$repo"
case $2 in
  deb*) gpg --batch --clearsign -o "$repo/InRelease" "$repo/Release" ;;
  rpm*)
    find "$repo" -name '*.rpm' | sort | xargs rpmsign --define "_gpg_name $key" --define "__gpg /usr/bin/gpg" --addsign >/dev/null 2>&1
    rm -rf "$repo/repodata"
    createrepo_c -q "$repo"
    gpg --batch --armor --detach-sign "$repo/repodata/repomd.xml"
    cp lab.asc "$repo/repodata/repomd.xml.key" ;;
  pac*)
    for file in "$repo"/*.pkg.tar.zst; do gpg --batch --detach-sign "$file"; done
    rm -f "$repo"/lab.*
    (cd "$repo" && repo-add -q lab.db.tar.gz ./*.pkg.tar.zst >/dev/null)
    touch -d '+2 min' "$repo/lab.db.tar.gz" ;;
esac
