# `just` lists the recipes; `just ready` is what must pass before a change is offered.

default:
    @just --list

# Everything: formatting, lints, tests, rustdoc.
ready:
    bash .ci/run

# The tests that need nothing but this repository.
test:
    cargo test --workspace

# Draw the modules and their imports anew in ARCHITECTURE.md; a test holds the drawing true.
modules:
    LINGO_DRAW_MODULES=1 cargo test --workspace --test modules

# Write docs/reference anew from the program's own help and schema; a test holds it true.
reference:
    LINGO_WRITE_REFERENCE=1 cargo test --workspace --test docs reference

# The demo, with the optimised binary.
demo:
    cargo run --release -- run pipelines/demo.yaml

# Refresh the committed golden values from the reference implementations (needs Python 3.11).
oracles:
    python3 -m venv .venv
    .venv/bin/pip install -r tests/oracles/requirements.txt
    tests/oracles/run.sh .venv/bin/python

# Adapters of seven methods loaded in PEFT of the pinned version, logits held against ours (needs Python 3.11).
peft:
    python3 -m venv .venv
    .venv/bin/pip install -r tests/oracles/requirements.txt
    cargo build --workspace
    tests/oracles/peft.sh .venv/bin/python

# Ten minutes of broken files of one kind: the targets stand in fuzz/README.md (needs a nightly compiler and cargo-fuzz).
fuzz target="tokenizer_json":
    mkdir -p fuzz/corpus/tokenizer_json
    cp -r fuzz/seeds/. fuzz/corpus
    cp crates/tokenize/tests/fixtures/exported/*.json fuzz/corpus/tokenizer_json
    cargo +nightly fuzz run {{target}} -- -max_total_time=600

# Whether the dependencies' licences and sources are those that packaging/deny.toml allows (needs cargo-deny).
licences:
    cargo deny --locked --config packaging/deny.toml check bans licenses sources

# A wheel with the binary, for Linux from glibc 2.17 on, in dist/ (needs Python and cargo-about).
package: packaging-tools
    cargo about generate --locked --offline --fail --config packaging/about.toml --output-file packaging/THIRD-PARTY-LICENSES.txt packaging/about.hbs
    cp "$(rustc --print sysroot)/share/doc/rust/COPYRIGHT-library.html" packaging/THIRD-PARTY-LICENSES-rust.html
    PATH="$PWD/.venv/bin:$PATH" maturin build --release --zig --compatibility manylinux2014 --out dist

# The wheel installed and run as a user would, and the recipes read.
check-package: packaging-tools
    packaging/check.sh dist/lingo_pipe-*.whl
    PATH="$PWD/.venv/bin:$PATH" python3 packaging/check_recipes.py

[private]
packaging-tools:
    python3 -m venv .venv
    .venv/bin/pip install --quiet --requirement packaging/requirements.txt
