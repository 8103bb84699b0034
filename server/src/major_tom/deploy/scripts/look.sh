# Names what is still there, a line each.
for each in "$bin" "$bin.old" "$bin.new" "$unit" "$unit.new" "$config" "$folder" "$folder/guard"; do
  if [ -e "$each" ]; then echo "left $each"; fi
done
if [ "$method" = openrc ] && [ -e "$log" ]; then echo "left $log"; fi
if [ -n "$user" ] && [ "$user" = stardust-spider ] && grep -q "^$user:" /etc/passwd; then echo "left user $user"; fi
for each in /proc/[0-9]*; do
  if [ "$(readlink "$each/exe" 2>/dev/null || :)" = "$bin" ]; then echo "left process ${each#/proc/}"; fi
done
echo 'looked'
