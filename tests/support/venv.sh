# To be sourced: `prepare FOLDER PACKAGES...` makes a virtual environment with these packages, unless it is there.
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

# securetar's newest release, which says what is right.
prepare_reference() { prepare reference securetar==2026.10.0 pytest==8.4.2; }
