# The new Spider is good.
if ! mkdir "$folder/.decided" 2>/dev/null && [ -e "$folder/.went-back" ]; then
  fail 'The node has put the old Spider back: the new one took too long.'
fi
waited=0
while [ -e "$folder/guard" ] && [ $waited -lt 5 ]; do
  sleep 1
  waited=$((waited + 1))
done
rm -f "$bin.old" "$folder/guard" "$folder/.went-back"
rmdir "$folder/.decided" 2>/dev/null || :
echo 'The old version was deleted.'
