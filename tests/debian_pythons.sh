#!/bin/sh
# ROOT PLACE PATCHELF: install CPython 3.14 and 3.15, and PyPy, from Debian's development suite into
# the folder ROOT, which is to become PLACE. There they run as any other Python does, without a
# chroot: PATCHELF writes the path of that suite's loader and libraries into each.
# It takes root, a Debian, and a minute.
set -eu
root=$1 place=$2 patchelf=$3
log=$(mktemp)
trap '[ $? = 0 ] || tail -n 3 "$log" >&2; rm -f "$log"' EXIT

install_packages() {
  command -v debootstrap || { apt-get -qq update && apt-get -qq install -y debootstrap; }
  # From where this machine has its own packages.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Label: Debian' |
    head -n 1)
  debootstrap --variant=minbase --include=ca-certificates sid "$root" "$mirror"
  chroot "$root" apt-get -qq install -y --no-install-recommends \
    python3.14-venv python3.15-venv pypy3-venv
  rm -rf "$root"/var/cache/apt "$root"/var/lib/apt/lists
}

let_run_without_chroot() { # EXECUTABLE...
  multiarch=$(chroot "$root" python3.14 -c 'import sys; print(sys.implementation._multiarch)')
  # All parts of glibc: wheels ask for them by name, and would be given this machine's.
  for executable; do
    "$patchelf" --set-interpreter "$place$("$patchelf" --print-interpreter "$executable")" \
      --force-rpath --set-rpath "$place/usr/lib/$multiarch" \
      --add-needed libpthread.so.0 --add-needed libdl.so.2 --add-needed librt.so.1 \
      --add-needed libutil.so.1 --add-needed libresolv.so.2 "$executable"
  done
  # Where `venv` finds pip.
  sed -i "s|'/usr/share/python-wheels|'$place/usr/share/python-wheels|" \
    "$root"/usr/lib/py*/_sysconfigdata*.py
}

{
  install_packages
  let_run_without_chroot "$root"/usr/bin/python3.1[45] "$root"/usr/bin/pypy3.[0-9]*
} >> "$log" 2>&1
