# $1 folder with what was uploaded. The new Spider is not good, or never got there.
rm -rf "$1"
if [ ! -e "$bin.old" ]; then
  rm -f "$folder/guard" "$bin.new"
  rmdir "$folder/.decided" 2>/dev/null || :
  echo 'The old Spider is in its place.'
  exit 0
fi
if mkdir "$folder/.decided" 2>/dev/null; then
  mv -f "$bin.old" "$bin"
  start_service
fi
waited=0
while [ -e "$folder/guard" ] && [ $waited -lt 5 ]; do
  sleep 1
  waited=$((waited + 1))
done
rm -f "$folder/guard" "$folder/.went-back"
rmdir "$folder/.decided" 2>/dev/null || :
echo 'The old Spider is back.'
