#!/usr/bin/env bash
# Tracked files name neither the places that this machine downloads from nor its folders.
set -euo pipefail

if ! git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  echo "not a git work tree: nothing is tracked here"
  exit 0
fi

found=0
forbid() {
  # Texts are looked for as they are; whoever finds one is told where, not what.
  if [[ ${#1} -ge 6 ]] && git grep -qIF -e "$1"; then
    echo "$2:" >&2
    git grep -lIF -e "$1" >&2
    found=1
  fi
}

host_of() {
  sed -nE 's#^.*://([^/@]*@)?([^/:]+).*$#\2#p'
}

# Where npm, cargo, pip and apt are told to download from on this machine.
hosts() {
  { npm config get registry 2>/dev/null || true; } | host_of
  { cat "${CARGO_HOME:-$HOME/.cargo}"/config* /etc/pip.conf "$HOME"/.pip/pip.conf "$HOME"/.config/pip/pip.conf 2>/dev/null || true; } |
    tr '"' '\n' | { grep -o '[a-z+]*://[^ ]*' || true; } | host_of
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
    { grep -vE '^[[:space:]]*#' || true; } | { grep -oE 'https?://[^ ]*' || true; } | host_of
  local name
  for name in HTTP_PROXY HTTPS_PROXY http_proxy https_proxy npm_config_registry PIP_INDEX_URL; do
    printf '%s\n' "${!name:-}" | host_of
  done
}

# Known to everyone, and named by lock files and documents of any project.
public='^(github\.com|localhost|127\.0\.0\.1|crates\.io|index\.crates\.io)$'
while read -r host; do
  forbid "$host" "a host that this machine downloads from is named in"
done < <(hosts | sort -u | grep -vE "$public" || true)

forbid "$PWD/" "the folder of this clone is named in"
if [[ "$HOME" != / && "$HOME" != /root ]]; then
  forbid "$HOME/" "the home folder of this user is named in"
fi
# Written by an npm that was told to record where each package came from.
if git grep -qE '"resolved": *"http' -- '*package-lock.json'; then
  echo "a package-lock.json records download addresses: run npm with omit-lockfile-registry-resolved" >&2
  found=1
fi
exit "$found"
