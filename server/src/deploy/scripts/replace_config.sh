# $1 folder with what was uploaded: another configuration, and nothing else.
stage=$1
if [ -e "$folder/guard" ]; then go_back || :; fi
keep "$config" "$folder/before.conf"
owner=''
if [ -n "$user" ]; then owner=$user:$user; fi
put "$stage/config" "$config" 600 "$owner"
rm -rf "$stage"
start_service
echo 'The Spider was started with its new configuration.'
