# $1 folder with what was uploaded: the configuration from before comes back.
rm -rf "$1"
rm -f "$config.new"
if [ -e "$folder/before.conf" ]; then
  mv -f "$folder/before.conf" "$config"
  start_service
  echo 'The configuration from before is back.'
else
  echo 'Nothing had been changed yet.'
fi
