"""BusyBox's adduser and addgroup, which Alpine images have, by this machine's useradd and groupadd.

Long options are left to Debian's commands of the same names, which know them too.
"""

ADDUSER = """\
#!/bin/sh
set -e
case "$1" in --*) exec /usr/sbin/adduser "$@" ;; esac
system='' home='' gecos='' shell=/bin/sh group='' number='' make=--create-home
while getopts h:g:s:G:u:k:SDH flag; do
  case $flag in
    h) home=$OPTARG ;; g) gecos=$OPTARG ;; s) shell=$OPTARG ;; G) group=$OPTARG ;; u) number=$OPTARG ;; k) ;;
    S) system=--system ;; D) ;; H) make=--no-create-home ;; *) exit 1 ;;
  esac
done
shift $((OPTIND - 1))
if [ $# = 2 ]; then exec usermod --append --groups "$2" "$1"; fi
[ -n "$group" ] || [ -z "$system" ] || group=nogroup
set -- $system $make --shell "$shell" --comment "$gecos" --home-dir "${home:-/home/$1}" "$1"
[ -z "$group" ] || set -- --gid "$group" "$@"
[ -z "$number" ] || set -- --uid "$number" "$@"
exec useradd "$@"
"""
ADDGROUP = """\
#!/bin/sh
set -e
case "$1" in --*) exec /usr/sbin/addgroup "$@" ;; esac
system='' number=''
while getopts g:S flag; do
  case $flag in g) number=$OPTARG ;; S) system=--system ;; *) exit 1 ;; esac
done
shift $((OPTIND - 1))
if [ $# = 2 ]; then exec usermod --append --groups "$2" "$1"; fi
exec groupadd $system ${number:+--gid "$number"} "$1"
"""
COMMANDS = {"adduser": ADDUSER, "addgroup": ADDGROUP}
