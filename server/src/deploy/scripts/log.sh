case $method in
  systemd) journalctl -u $name.service -n 40 --no-pager -o cat 2>/dev/null || : ;;
  systemd_user) journalctl --user -u $name.service -n 40 --no-pager -o cat 2>/dev/null || : ;;
  openrc | sysvinit) tail -n 40 "$log" 2>/dev/null || : ;;
  runit) tail -n 40 "$logs/current" 2>/dev/null || : ;;
  procd) logread 2>/dev/null | grep -i stardust | tail -n 40 || : ;;
esac
