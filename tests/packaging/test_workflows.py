"""What .github says of the project is true, and what runs there is pinned and may do little."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from typing import Any

import pytest
from support import pages
from support.pages import GITHUB
from support.project import PROJECT

WORKFLOWS = {path.name: path.read_text() for path in (GITHUB / "workflows").iterdir()}
CI, RELEASE = WORKFLOWS["ci.yml"], WORKFLOWS["release.yml"]
SECURITY = pages.TEXTS[pages.SECURITY]
SCRIPT = (PROJECT / ".ci" / "run").read_text()
METADATA: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
CLASSIFIERS = "\n".join(METADATA["classifiers"])


def uncommented(workflow: str) -> str:
    return re.sub(r"(^|\s)#.*", "", workflow)


def jobs(workflow: str) -> dict[str, str]:
    """The text of each job, by its name."""
    parts = re.split(r"^  ([\w-]+):\n", workflow.partition("\njobs:\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_readme_s_two_commands_run() -> None:
    readme = (PROJECT / "README.md").read_text()
    make, tests = re.findall(r"^    (pip install .+ && .+)$", readme, re.MULTILINE)[:2]
    assert make.endswith("--config config.toml")
    assert tests.endswith("pytest")
    job = jobs(CI)["readme"]
    for command in (make, tests):
        assert f"      - run: {command}\n" in job
        assert command in SCRIPT.replace(" --quiet", "")


def test_all_that_must_hold_is_checked_with_all_the_programs_it_can_use() -> None:
    job = jobs(CI)["whole"]
    assert "      - run: bash .ci/run\n" in job
    listed = re.search(r"^for program in (.*?); do", SCRIPT, re.MULTILINE)
    given = re.search(r"apt-get install -qq -y ((?:.*\\\n)*.*)", job)
    assert listed
    assert given
    packages = {name.rpartition(":")[2] for name in listed[1].split()}
    assert set(given[1].replace("\\", " ").split()) == packages - {"chromium"}  # it is there


def test_every_python_that_is_promised_is_tried() -> None:
    matrix = re.search(r"python: \[(.*)\]", jobs(CI)["readme"])
    assert matrix
    tried = re.findall(r"[\d.]+", matrix[1])
    promised = re.findall(
        r"^Programming Language :: Python :: (3\.\d+)$", CLASSIFIERS, re.MULTILINE
    )
    lowest = METADATA["requires-python"].removeprefix(">=")
    assert {lowest, *promised} <= set(tried)
    assert f'python-version: "{lowest}"' in jobs(CI)["lowest"]
    elsewhere = re.findall(r'system: (macos|windows)-\d+\n +python: "(.*)"', CI)
    assert elsewhere == [("macos", tried[-1]), ("windows", tried[-1])]


def test_only_a_system_that_is_not_promised_may_fail() -> None:
    may_fail = re.findall(r"continue-on-error: (.*)", "".join(map(uncommented, WORKFLOWS.values())))
    assert may_fail == ["${{ matrix.system == 'windows-2025' }}"]
    assert "Windows" not in CLASSIFIERS, "then its tests must pass"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_actions_are_pinned_by_their_hash_and_named_by_their_version(name: str) -> None:
    used = re.findall(r"uses: (.*)", WORKFLOWS[name])
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


def test_an_action_has_one_version_everywhere() -> None:
    used = set(re.findall(r"uses: (\S+@\S+)", "".join(WORKFLOWS.values())))
    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_job_may_do_no_more_than_it_needs(name: str) -> None:
    workflow = uncommented(WORKFLOWS[name])
    assert "\npermissions: {}\n" in workflow
    assert "\nconcurrency:" in workflow
    assert workflow.count("persist-credentials: false") == workflow.count("actions/checkout@")
    for title, job in jobs(workflow).items():
        assert "timeout-minutes: " in job
        granted = re.findall(r"^    permissions:\n((?: {6}.*\n)+)", job, re.MULTILINE)
        publishes = (name, title) == ("release.yml", "publish")
        may = "id-token: write" if publishes else "contents: read"
        assert [lines.split("\n")[0].strip() for lines in granted] == [may]
        assert granted[0].count("\n") == 1


def test_only_the_job_with_the_environment_publishes_and_it_builds_nothing() -> None:
    build, publish = jobs(uncommented(RELEASE)).values()
    secret = ["environment:", "id-token:", "pypi-publish@"]
    assert [word for word in secret if word in build] == []
    assert [word for word in secret if word in publish] == secret
    assert "      name: pypi\n" in publish
    assert "needs: build" in publish
    assert "run:" not in publish
    assert "checkout" not in publish
    assert "attestations: true" in publish
    for step in ("python -m build\n", "twine check --strict", "check-wheel-contents dist"):
        assert build.count(f"- run: {step}") == 1
    assert "secrets." not in RELEASE
    assert "cache" not in uncommented(RELEASE)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_nothing_from_outside_is_pasted_into_a_script(name: str) -> None:
    for _, job in jobs(WORKFLOWS[name]).items():
        for script in re.findall(r"run: (\|\n(?: {10}.*\n)+|.*)", job):
            assert "${{" not in script


def test_every_promise_names_the_tests_that_hold_it() -> None:
    table = re.findall(r"^\| [A-Z].*\| (.*) \|$", SECURITY, re.MULTILINE)
    assert len(table) > 5
    for held_by in table:
        assert re.search(r"`test_\w+`", held_by)


# Pairs of sockets between the program and its workers, and a thread that an event loop waits for.
LOCAL = [
    "engine/worker_main.py",
    "engine/processes/fork_server.py",
    "engine/processes/fork_server_main.py",
    "engine/processes/interpreters.py",
    "engine/processes/start.py",
    "operations/one_picture/thumbnailer.py",
    "watcher/systemd.py",
]


def test_the_network_is_for_buckets_and_clusters_only() -> None:
    users = re.compile(
        r"^\s*(?:import|from) (?:asyncio|boto3|ftplib|http|obstore|ray|requests|smtplib|socket|ssl"
        r"|socketserver|urllib\.request|urllib3|xmlrpc)\b",
        re.MULTILINE,
    )
    package = PROJECT / "thumbnailer"
    found = {
        path.relative_to(package)
        for path in package.rglob("*.py")
        if users.search(path.read_text())
    }
    elsewhere = {path.parts[0] for path in found if path.as_posix() not in LOCAL}
    assert elsewhere == {"buckets", "cluster"}
    for name in LOCAL:
        assert "AF_INET" not in (package / name).read_text()


def test_only_who_is_trusted_is_unpickled() -> None:
    """Jobs by workers, which trust their parent; and what the members of a cluster exchange."""
    package = PROJECT / "thumbnailer"
    readers = re.compile(r"\bpickle\.(?!dumps|HIGHEST)|\b(?:marshal|shelve)\.|Unpickl|\.recv\(\)")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if readers.search(
            path.read_text().replace("pickle.dumps", "").replace("pickle.HIGHEST", "")
        )
    }
    cluster = {"cluster/ray_cluster.py", "cluster/remote_task.py"}
    assert found == {"engine/worker_main.py", *cluster}
    assert "They exchange pickled Python objects" in SECURITY


@pytest.mark.slow
@pytest.mark.extra
def test_zizmor_finds_nothing() -> None:
    if not shutil.which("zizmor"):
        pytest.skip("zizmor is not installed")
    words = ["zizmor", "--offline", "--persona=pedantic", "--no-progress", str(GITHUB)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
