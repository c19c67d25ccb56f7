"""Reads the conda recipe and the Containerfile, and holds what they name against this repository.

It renders, parses and lints; it builds nothing. Needs packaging/requirements.txt.
"""

import json
import pathlib
import re
import subprocess
import tomllib

import jinja2
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def recipe() -> None:
    """conda/meta.yaml: rendered with conda-build's own functions stubbed, then parsed as YAML."""
    file = HERE / "conda" / "meta.yaml"
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    text = environment.from_string(file.read_text()).render(
        compiler=lambda language: f"{language}_compiler_stub",
        stdlib=lambda language: f"{language}_stdlib_stub",
        pin_subpackage=lambda name, max_pin: f"{name} pinned to {max_pin}",
    )
    meta = yaml.safe_load(text)
    assert list(meta) == ["package", "source", "build", "requirements", "test", "about", "extra"], list(meta)

    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    package, workspace = cargo["package"], cargo["workspace"]["package"]
    assert meta["package"] == {"name": package["name"], "version": workspace["version"]}, meta["package"]
    assert meta["about"]["license"] == workspace["license"], meta["about"]
    assert meta["about"]["summary"] == package["description"], meta["about"]
    assert f"rust >={workspace['rust-version']}" in meta["requirements"]["build"], meta["requirements"]

    assert (file.parent / meta["source"]["path"]).resolve() == ROOT, meta["source"]
    script = file.with_name("build.sh")
    subprocess.run(["bash", "-n", script], check=True)
    for licence in meta["about"]["license_file"]:
        made = f"--output {licence}" in script.read_text()
        assert made or (ROOT / licence).is_file(), f"{licence} is neither here nor made by build.sh"
    assert meta["test"]["commands"], "the recipe tests nothing"


def containerfile() -> None:
    """Containerfile: linted by hadolint, every COPY from the repository or from an earlier stage."""
    file = HERE / "Containerfile"
    # Debian's versions are not pinned: its mirrors keep only the newest, and a pin breaks at the next fix.
    linted = subprocess.run(
        ["hadolint", "--ignore", "DL3008", "--format", "json", file], capture_output=True, text=True, check=False
    )
    findings = json.loads(linted.stdout)
    assert not findings, findings

    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", file.read_text(), flags=re.M)).splitlines()
    stages: list[str] = []
    copied: set[str] = set()
    for line in filter(str.strip, lines):
        instruction, *words = line.split()
        if instruction == "FROM":
            stages.append(words[2] if len(words) == 3 else "")
        elif instruction == "COPY" and words[0].startswith("--from="):
            stage = words[0].removeprefix("--from=")
            assert stage in stages[:-1], f"{line}: no earlier stage {stage}"
        elif instruction == "COPY":
            for source in words[:-1]:
                assert (ROOT / source).exists(), f"{line}: {source} is not here"
            if len(stages) == 1:
                copied.update(words[:-1])
    assert len(stages) == 2, f"{len(stages)} stages"

    # The build stage has everything that the sources embed.
    embedded = 0
    for source in (ROOT / "crates").rglob("*.rs"):
        for name in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', source.read_text()):
            path = (source.parent / name).resolve().relative_to(ROOT)
            assert path.parts[0] in copied, f"{source} embeds {path}, which the Containerfile does not copy"
            embedded += 1
    assert embedded >= 4, f"{embedded} embedded files"


def wheel() -> None:
    """pyproject.toml: the same package as Cargo.toml's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())
    assert project["name"] == cargo["package"]["name"], project
    assert project["description"] == cargo["package"]["description"], project
    assert project["license"] == cargo["workspace"]["package"]["license"], project


if __name__ == "__main__":
    for check in (recipe, containerfile, wheel):
        check()
        print(f"ok  {check.__name__}")
