"""Programs that the tests use and the project does not install: tests/run unpacks them into build/tools."""
import os
import shutil
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
UNPACKED = os.path.join(TOP, "build", "tools", "usr", "bin")


def find(program):
    """Its path; fails, naming the remedy, when it is nowhere."""
    path = shutil.which(program, path=UNPACKED + os.pathsep + os.environ["PATH"])
    assert path, f"{program} is missing: deploy/install --unpack build/tools tools"
    return path


def promtool(*arguments, stdin=None):
    """Runs promtool; returns its exit status and all that it says."""
    done = subprocess.run([find("promtool"), *arguments], input=stdin, cwd=TOP, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout
