#!/usr/bin/env bash
set -euxo pipefail

cargo-bundle-licenses --format yaml --output THIRDPARTY.yml
cargo install --path . --locked --no-track --root "$PREFIX"
