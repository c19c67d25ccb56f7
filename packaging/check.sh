#!/usr/bin/env bash
# Tests a wheel as a user meets it: `packaging/check.sh dist/lingo_pipe-*.whl`.
# Installs it into an empty virtual environment, runs the built-in demo in an empty folder with an empty home, while this
# repository lies hidden under an empty file system (where the kernel lets us mount one), and holds the result to what
# the demo promises. Prints the sizes and the glibc that the binary asks for.
set -euo pipefail

if [ $# -ne 1 ] || [ ! -f "$1" ]; then
  echo "usage: packaging/check.sh WHEEL" >&2
  exit 2
fi
wheel="$(realpath "$1")"
repository="$(realpath "$(dirname "$0")/..")"
largest_mb=60

fail() {
  echo "FAILED: $*" >&2
  exit 1
}
for tool in objdump python3; do
  command -v "$tool" >/dev/null || fail "$tool is not installed"
done
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/home" "$work/empty"

echo "== install"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$wheel"
binary="$work/venv/bin/lingo-pipe"
[ -x "$binary" ] || fail "the wheel put no lingo-pipe on the path"
packages="$("$work/venv/bin/pip" list --disable-pip-version-check --format freeze | grep -vE '^(pip|setuptools|wheel)==' || true)"
[ "$(wc -l <<<"$packages")" = 1 ] || fail "the wheel brought more than itself: $packages"

echo "== size"
size_of() { stat --format %s "$1"; }
megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.1f MB", bytes / 1e6 }'; }
echo "wheel   $(megabytes "$(size_of "$wheel")")"
echo "binary  $(megabytes "$(size_of "$binary")")"
[ "$(size_of "$wheel")" -lt $((largest_mb * 1000000)) ] || fail "the wheel is larger than $largest_mb MB"

echo "== glibc"
# The newest version that the binary asks for, and what the name of the wheel promises.
asked="$(objdump -T "$binary" | grep -o 'GLIBC_2\.[0-9]*' | sort -V | tail -1)"
promised="$(basename "$wheel" | grep -oE 'manylinux_2_[0-9]+' | sort -V | tail -1 || true)"
echo "binary asks for $asked, the wheel says ${promised:-nothing about glibc}"
if [ -n "$promised" ]; then
  [ "${asked#GLIBC_2.}" -le "${promised#manylinux_2_}" ] || fail "the binary asks for more than the wheel says"
fi
echo "libraries: $(objdump -p "$binary" | awk '$1 == "NEEDED" { print $2 }' | xargs)"

echo "== licences"
licences="$(find "$work/venv/lib" -path '*lingo_pipe-*.dist-info/licenses/*' -type f | sort)"
for name in LICENSE-MIT LICENSE-APACHE THIRD-PARTY-LICENSES.txt THIRD-PARTY-LICENSES-rust.html; do
  grep -q "/$name\$" <<<"$licences" || fail "$name is not in the wheel"
done
third_party="$(grep '/THIRD-PARTY-LICENSES.txt$' <<<"$licences")"
for name in burn-flex polars-core wgpu-core tokenizers zstd-sys lz4-sys; do
  grep -q "^  $name " "$third_party" || fail "the licence of $name is not in the wheel"
done
echo "$(grep -E '^  [^ ]+ [0-9]' "$third_party" | sort -u | wc -l) crates, $(grep -c '^licence: ' "$third_party") texts"

echo "== demo"
# `outside COMMAND...` runs a command in the empty folder with nothing of this shell's environment; where that can be
# had, in a mount namespace in which the repository is empty.
clean=(env -i "HOME=$work/home" "PATH=$work/venv/bin:/usr/bin:/bin" LANG=C.UTF-8)
hide='mount -t tmpfs none "$0" && cd "$1" && shift && exec "$@"'
outside() { (cd "$work/empty" && "${clean[@]}" "$@"); }
for unshare in "unshare --mount" "unshare --map-root-user --mount"; do
  if $unshare sh -c "$hide" "$repository" "$work/empty" true 2>/dev/null; then
    outside() { $unshare sh -c "$hide" "$repository" "$work/empty" "${clean[@]}" "$@"; }
    hidden=yes
    break
  fi
done
if [ -n "${hidden:-}" ]; then
  outside test ! -e "$repository/Cargo.toml" || fail "the repository can still be seen"
  echo "the repository is out of reach"
else
  echo "the repository could not be hidden (no mount namespaces here): only the folder is empty"
fi
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$repository/Cargo.toml")"
[ "$(outside lingo-pipe --version)" = "lingo-pipe $version" ] || fail "another version than $version"
begun=$SECONDS
outside lingo-pipe run
echo "the demo took $((SECONDS - begun)) s"

run="$work/empty/runs/demo"
cells="$(find "$run" -name predictions.parquet | wc -l)"
adapters="$(find "$run" -name adapter_model.safetensors | wc -l)"
[ "$cells" = 12 ] || fail "$cells cells with predictions instead of 12 (2 tasks, 3 methods, 2 seeds)"
[ "$adapters" = 12 ] || fail "$adapters adapters instead of 12"
for file in report.html metrics.csv lingo.lock; do
  [ -s "$run/$file" ] || fail "the demo wrote no $file"
done
outside lingo-pipe verify runs/demo >/dev/null || fail "the demo's files are not what its lock says"
plan="$(outside lingo-pipe run --dry-run)"
# Of all cells, those that are finished.
grep -qE '^total +12 +12 ' <<<"$plan" || fail "the demo would not be skipped now: $plan"
echo "== passed: $(basename "$wheel")"
