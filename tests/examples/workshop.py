"""A virtual environment of one's own beside ours, in which a page's commands are typed one by one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"[#;] ([\w./-]+\.\w+)\n")
COMMANDS = {
    "nsctl": "import re, sys\nfrom nsctl.cli import main\nsys.argv[0] = 'nsctl'\nsys.exit(main())\n",
    "pytest": "import sys\nimport pytest\nsys.exit(pytest.main())\n",
    "pip": ("import os, sys\nos.execv({ours!r}, [{ours!r}, '-m', 'pip', '--python', sys.executable, *sys.argv[1:]])\n"),
}


@dataclass
class Workshop:
    """A folder to work in and the environment that commands find there: ours, and what is installed on top of it."""

    folder: Path
    environment: dict[str, str]

    @classmethod
    def found(cls, place: Path) -> Workshop:
        """Set one up in an empty folder."""
        home, folder = place / "venv", place / "work"
        venv.create(home, symlinks=True, with_pip=False)
        folder.mkdir()
        ours = sysconfig.get_paths()["purelib"]
        site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
        (site / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
        for name, code in COMMANDS.items():
            script = home / "bin" / name
            script.write_text(f"#!{home / 'bin' / 'python'}\n" + code.replace("{ours!r}", repr(sys.executable)))
            script.chmod(0o755)
        hidden = {"PYTHONPATH", "VIRTUAL_ENV", "COLUMNS"}
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        environment |= {"PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}", "PIP_NO_DEPS": "1", "COLUMNS": "200"}
        if _can_build():
            environment["PIP_NO_BUILD_ISOLATION"] = "0"  # which, to pip, means that there is to be none
        return cls(folder, environment)

    def type(self, command: str, expect: int = 0) -> str:
        """Let a shell run ``command``; what it printed. It must end with the code that is expected."""
        done = subprocess.run(
            command,
            check=False,
            shell=True,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        told = done.stdout + done.stderr
        assert done.returncode == expect, f"{command}\nended with {done.returncode}, not {expect}:\n{told}"
        return told

    def work_through(self, page: str) -> dict[str, str]:
        """Write each file that a page gives and type each command; what every command printed."""
        told: dict[str, str] = {}
        for kind, text in BLOCK.findall(page):
            if kind == "bash":
                for line in filter(None, text.splitlines()):
                    command, _, note = line.partition(" # ")
                    told[command.strip()] = self.type(command, _expected(note, command))
            elif named := NAMED.match(text):
                (self.folder / named[1]).write_text(text)
            else:
                raise AssertionError(f"a block of {kind} says neither what to type nor which file it is:\n{text[:80]}")
        return told


def _expected(note: str, command: str) -> int:
    """The code that a command ends with: 0, but where the page says that it fails."""
    if "FAILED" not in note:
        return 0
    return 2 if " run " in command else 1


def _can_build() -> bool:
    """Whether our setuptools can build a wheel without fetching anything."""
    if find_spec("setuptools") is None:
        return False
    return find_spec("wheel") is not None or tuple(map(int, version("setuptools").split(".")[:2])) >= (70, 1)
