# Source this file. `prepare FOLDER PACKAGES...` creates a virtual environment with these packages,
# unless it exists.
venvs=${HASLIM_INTEROP_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/haslim-interop}

prepare() { # folder, packages...
  local folder=$venvs/$1; shift
  local wanted="$*"
  [ "$(cat "$folder/installed" 2>/dev/null)" = "$wanted" ] && return
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
  echo "$wanted" >"$folder/installed"
}

# The newest release of securetar, which is the reference.
prepare_reference() { prepare reference securetar==2026.10.0 pytest==8.4.2; }
