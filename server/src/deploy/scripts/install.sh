# $1 folder with what was uploaded, $2 SHA-256 of the Spider.
stage=$1 sum=$2
make_user() {
  if grep -q "^$user:" /etc/passwd || id "$user" >/dev/null 2>&1; then return 0; fi
  : >"$folder/.user"
  shell=/bin/false
  for each in /usr/sbin/nologin /sbin/nologin; do
    if [ -x "$each" ]; then shell=$each; break; fi
  done
  if have useradd; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell "$shell" "$user"
  elif have adduser && have addgroup; then
    addgroup -S "$user"
    adduser -S -D -H -h /nonexistent -s "$shell" -G "$user" "$user"
  else
    number=900
    while grep -q "^[^:]*:[^:]*:$number:" /etc/passwd /etc/group; do number=$((number + 1)); done
    echo "$user:x:$number:" >>/etc/group
    if [ -f /etc/shadow ]; then echo "$user:*:0:0:99999:7:::" >>/etc/shadow; fi
    echo "$user:x:$number:$number::/nonexistent:$shell" >>/etc/passwd
  fi
}
if [ ! -e "$folder/.fresh" ]; then
  keep "$bin" "$bin.old"
  keep "$config" "$folder/old.conf"
  keep "$unit" "$folder/old.unit"
fi
owner='' root=''
if [ -n "$user" ]; then
  make_user
  owner=$user:$user root=0:0
fi
mode=644
case $method in openrc | procd | sysvinit | runit) mode=755 ;; esac
put "$stage/config" "$config" 600 "$owner"
put "$stage/unit" "$unit" $mode "$root"
put "$stage/spider" "$bin" 755 "$root"
if [ "$(sum_of "$bin")" != "$sum" ]; then fail 'The Spider in its place is not the one that was sent.'; fi
try_spider "$bin"
if [ "$method" = procd ] && [ -f /etc/sysupgrade.conf ] && ! grep -q stardust /etc/sysupgrade.conf; then
  # A firmware upgrade keeps only what is listed there.
  { echo "$bin"; echo "$folder/"; echo "$unit"; echo "/etc/rc.d/S95$name"; } >>/etc/sysupgrade.conf
fi
rm -rf "$stage"
sync 2>/dev/null || :
echo "Installed $bin."
