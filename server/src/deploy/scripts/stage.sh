# As the login: a folder that only it can enter. $1 the folder.
set -eu
umask 077
rm -rf "${1%/*}"/.stardust-stage-* 2>/dev/null || :
mkdir "$1"
