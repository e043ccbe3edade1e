"""Packages from npm for tests that run in node: installed once into a folder of the build, and kept there."""
import fcntl
import hashlib
import shutil
import subprocess

INSTALL_TIMEOUT_S = 300


def install(sources, folder):
    """The packages of `sources`/package-lock.json in `folder`, and the tests with them: node looks for packages beside
    who imports them."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        packages = [sources / "package.json", sources / "package-lock.json"]
        wanted = hashlib.sha256(b"".join(path.read_bytes() for path in packages)).hexdigest()
        installed = folder / "installed"
        if not installed.exists() or installed.read_text() != wanted:
            for path in packages:
                shutil.copy(path, folder)
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, check=True,
                           timeout=INSTALL_TIMEOUT_S)
            installed.write_text(wanted)
        for path in sources.glob("*.mjs"):
            copy = folder / path.name
            if not copy.exists() or copy.read_bytes() != path.read_bytes():  # one that runs is left alone
                shutil.copy(path, copy)
