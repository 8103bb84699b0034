rm -rf "${bin%/*}"/.stardust-stage-*
remove_all
echo 'Removed.'
