# The new Spider is good.
if ! mkdir "$folder/.decided" 2>/dev/null && [ -e "$folder/.went-back" ]; then
  fail 'The node has put the old Spider back: the new one took too long.'
fi
await_guard
rm -f "$bin.old" "$folder/guard" "$folder/.went-back"
rmdir "$folder/.decided" 2>/dev/null || :
echo 'The old version was deleted.'
