# Source this file from a script that has changed to the top of the repository. It finds the root with
# the compilers for other systems, wine and qemu, and defines `inside`, which runs a command in it.
#
# The scripts setup.sh and in.sh in $HASLIM_CROSS make and enter the root (default ../shared/cross
# beside the repository). It is in $XDG_CACHE_HOME/haslim-ci/cross (default ~/.cache); `.ci/cross
# setup` makes it.
scripts=${HASLIM_CROSS:-$PWD/../shared/cross}
root=${XDG_CACHE_HOME:-$HOME/.cache}/haslim-ci/cross
[ -e "$scripts/setup.sh" ] || { echo "no scripts at $scripts" >&2; exit 1; }
scripts=$(cd "$scripts" && pwd)

complain() { echo "$*" >&2; exit 1; }

# inside COMMAND: run a command in the root, in its folder for work, /w. The lock of .ci/cross is not
# passed on: what wine leaves running would hold it after the script was killed.
inside() { bash "$scripts/in.sh" "$root" "$*" 9>&-; }

# What programs for Windows need in the root.
wine='export XDG_RUNTIME_DIR=/tmp WINEPREFIX=/w/wp WINEDEBUG=-all'

# Prepare wine's folder once.
start_wine() { inside "$wine WINEDLLOVERRIDES=mscoree,mshtml=; [ -e /w/wp/system.reg ] || wineboot -i"; }

# run HEADING COMMAND...: print the heading, run the command, print the time.
run() {
  step=$1
  local begun=$SECONDS
  printf '\n== %s\n' "$step"
  "${@:2}"
  printf '%5d s  %s\n' $((SECONDS - begun)) "$step"
}
