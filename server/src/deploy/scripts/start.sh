if [ "$method" = systemd_user ] && have loginctl; then
  # Without it the Spider would stop when the login ends.
  if ! loginctl enable-linger 2>/dev/null && [ ! -e "/var/lib/systemd/linger/$(id -un)" ]; then
    fail "The user may not have services that go on after logout: loginctl enable-linger $(id -un) is refused."
  fi
fi
start_service
sleep 1
case $method in
  systemd | systemd_user)
    state=$(ctl is-active $name.service || :)
    if [ "$state" != active ] && [ "$state" != activating ]; then
      ctl status --no-pager --lines=10 $name.service || :
      fail "The service is $state."
    fi
    ;;
esac
echo 'Started.'
