"""Fetches a model with lingo-pipe and with Python's huggingface_hub from a hub on this machine, each into a cache of its own, and
has each take the other's without fetching a file again.

    python tests/oracles/hub_cache.py target/debug/lingo-pipe
"""

import hashlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = Path(__file__).parents[2] / "crates" / "lm" / "tests" / "fixtures" / "bert"
WEIGHTS = "model.safetensors"
FILES = {name: (MODEL / name).read_bytes() for name in ("config.json", WEIGHTS)} | {"tokenizer.json": b"{}"}


def git_hash(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    downloads = []

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path.startswith("/api/models/org/tiny"):
            return self.answer(200, {"Content-Type": "application/json"}, json.dumps(listing("/tree/" in path)).encode())
        name = path.rsplit("/", 1)[1]
        content = FILES.get(name)
        if content is None or not path.startswith(("/org/tiny/resolve/", "/storage/")):
            return self.answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{git_hash(content)}"'}
        if name == WEIGHTS and not path.startswith("/storage/"):
            headers |= {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
            # Another name of this machine, as large files lie on another host.
            return self.answer(302, headers | {"Location": f"http://localhost:{self.server.server_port}/storage/{name}"})
        if self.command == "GET":
            self.downloads.append(name)
        return self.answer(200, headers, content)

    do_HEAD = do_GET


def listing(is_tree):
    """What the API says of the model, or of its files alone."""
    files = []
    for name, content in FILES.items():
        size, lfs = len(content), {}
        if name == WEIGHTS:
            lfs = {"lfs": {"sha256": sha256(content), "oid": sha256(content), "size": size, "pointerSize": 130}}
        if is_tree:
            files.append({"type": "file", "path": name, "size": size, "oid": git_hash(content)} | lfs)
        else:
            files.append({"rfilename": name, "size": size, "blobId": git_hash(content)} | lfs)
    return files if is_tree else {"id": "org/tiny", "modelId": "org/tiny", "sha": COMMIT, "siblings": files, "tags": []}


PYTHON = """
import huggingface_hub
print(huggingface_hub.snapshot_download("org/tiny", allow_patterns=["*.json", "*.safetensors"]))
assert not huggingface_hub.scan_cache_dir().warnings
"""


def main(binary):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ours, theirs = [binary, "--quiet", "model", "fetch", "org/tiny"], [sys.executable, "-c", PYTHON]

    def fetched(command, home, **variables):
        """The files that a command fetched; it must end with the folder of the commit."""
        Hub.downloads.clear()
        environment = os.environ | {
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "HF_HOME": home,
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        ran = subprocess.run(command, env=environment | variables, stdout=subprocess.PIPE, text=True, check=True)
        folder = Path(ran.stdout.split()[-1])
        assert folder == Path(home) / "hub" / "models--org--tiny" / "snapshots" / COMMIT, folder
        assert all((folder / name).read_bytes() == content for name, content in FILES.items())
        return sorted(Hub.downloads)

    for first, second in [(ours, theirs), (theirs, ours)]:
        with tempfile.TemporaryDirectory() as home:
            assert fetched(first, home) == sorted(FILES)
            assert fetched(second, home) == []
            assert fetched(second, home, HF_HUB_OFFLINE="1") == []
    print("each takes what the other has fetched")


if __name__ == "__main__":
    main(str(Path(sys.argv[1]).absolute()))
