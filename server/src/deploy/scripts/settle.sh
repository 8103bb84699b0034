# $1 folder with what was uploaded.
rm -rf "$1"
rm -f "$bin.old" "$folder/before.conf" "$folder/old.conf" "$folder/old.unit" "$folder/.fresh" \
  "$folder/.went-back"
echo 'Done.'
