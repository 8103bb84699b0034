# $1 folder with what was uploaded.
rm -rf "$1"
if [ -e "$folder/.fresh" ]; then
  remove_all
  echo 'Everything was removed again.'
  exit 0
fi
back=no
put_back() {
  if [ -e "$1" ]; then
    mv -f "$1" "$2"
    back=yes
  fi
}
put_back "$bin.old" "$bin"
put_back "$folder/old.conf" "$config"
put_back "$folder/old.unit" "$unit"
rm -f "$bin.new" "$config.new" "$unit.new"
if [ $back = yes ]; then
  start_service
  echo 'What was installed before is back.'
else
  echo 'Nothing had been changed yet.'
fi
