# `just` lists the recipes; `just ready` is what must pass before a change is offered.

default:
    @just --list

# Everything: formatting, lints, tests, rustdoc.
ready:
    bash .ci/run

# The tests that need nothing but this repository.
test:
    cargo test --workspace

# The demo, with the optimised binary.
demo:
    cargo run --release -- run pipelines/demo.yaml

# Refresh the committed golden values from the reference implementations (needs Python 3.11).
oracles:
    python3 -m venv .venv
    .venv/bin/pip install -r tests/oracles/requirements.txt
    for script in tests/oracles/*.py; do .venv/bin/python "$script"; done

# Ten minutes of broken tokenizer.json files (needs a nightly compiler and cargo-fuzz).
fuzz:
    mkdir -p fuzz/corpus/tokenizer_json
    cp crates/tokenize/tests/fixtures/exported/*.json fuzz/corpus/tokenizer_json
    cargo +nightly fuzz run tokenizer_json -- -max_total_time=600
