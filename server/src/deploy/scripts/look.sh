# Names what is still there, a line each.
if [ "$method" != systemd_user ] && [ -d /var/lib/stardust-jobs ]; then
  echo 'left /var/lib/stardust-jobs'
fi
for each in "$bin" "$bin.old" "$bin.new" "$unit" "$unit.new" "$config" "$folder" "$folder/guard"; do
  if [ -e "$each" ]; then echo "left $each"; fi
done
case $method in
  openrc | sysvinit) if [ -e "$log" ]; then echo "left $log"; fi ;;
  runit)
    for each in "$service" "$logs"; do
      if [ -e "$each" ]; then echo "left $each"; fi
    done
    ;;
esac
if [ -n "$user" ] && [ "$user" = stardust-spider ] && grep -q "^$user:" /etc/passwd; then echo "left user $user"; fi
for each in /proc/[0-9]*; do
  if [ "$(readlink "$each/exe" 2>/dev/null || :)" = "$bin" ]; then echo "left process ${each#/proc/}"; fi
done
echo 'looked'
