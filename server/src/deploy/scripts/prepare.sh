# Makes the folders, and clears away what an attempt that was cut off has left.
note=
# Before anything is made.
case $method in
  sysvinit) wanted=start-stop-daemon ;;
  runit) wanted='sv chpst svlogd' ;;
  *) wanted= ;;
esac
for each in $wanted; do
  if ! have "$each"; then fail "There is no $each here, which a service of $method needs."; fi
done
make_folder() {
  if [ -d "$1" ]; then return 0; fi
  parent=${1%/*}
  if [ -n "$parent" ]; then make_folder "$parent"; fi
  mkdir "$1"
  note="$1 $note"
}
# An upgrade that nobody has confirmed is not what to come back to.
if [ -e "$folder/guard" ]; then go_back || :; fi
fresh=yes
for file in "$bin" "$config" "$unit"; do
  if [ -e "$file" ]; then fresh=no; fi
done
make_folder "$folder"
make_folder "${bin%/*}"
make_folder "${unit%/*}"
if [ -n "$note" ]; then
  { echo "$note"; cat "$folder/.made" 2>/dev/null || :; } >"$folder/.made.new"
  mv -f "$folder/.made.new" "$folder/.made"
fi
rm -f "$bin.new" "$config.new" "$unit.new" "$folder/guard.new" "$folder/before.conf"
rm -rf "${bin%/*}"/.stardust-stage-*
if [ $fresh = yes ]; then
  : >"$folder/.fresh"
  echo 'Nothing is installed yet.'
elif [ -e "$folder/.fresh" ]; then
  echo 'An earlier attempt was cut off.'
else
  echo 'A Spider is installed already.'
fi
