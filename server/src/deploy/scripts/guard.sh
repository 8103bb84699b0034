# Puts the old Spider back, unless it is decided in time that the new one is good.
seconds=$1
while [ "$seconds" -gt 0 ]; do
  if [ -d "$folder/.decided" ]; then
    rm -f "$folder/guard"
    exit 0
  fi
  sleep 1
  seconds=$((seconds - 1))
done
# Making a folder succeeds for one of two.
if ! mkdir "$folder/.decided" 2>/dev/null; then
  rm -f "$folder/guard"
  exit 0
fi
: >"$folder/.went-back"
if [ -e "$bin.old" ]; then
  mv -f "$bin.old" "$bin"
  start_service || :
fi
rm -f "$folder/guard"
