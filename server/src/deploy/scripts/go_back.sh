# $1 folder with what was uploaded. The new Spider is not good, or never got there.
rm -rf "$1"
if [ -e "$bin.old" ]; then
  go_back
  echo 'The old Spider is back.'
else
  go_back
  echo 'Nothing was switched, or it is decided already.'
fi
