"""What the image, the manifests and the PM2 file say of the program is true of it."""

# mypy: allow-untyped-calls

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from twisted.internet.testing import MemoryReactorClock

from snowflake_mcp.app import network_services
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.tap import Options
from tests.support import keys

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
KUBERNETES = DEPLOY / "kubernetes"
PM2 = (DEPLOY / "pm2" / "ecosystem.config.cjs").read_text()
MOUNTED = "/run/secrets/snowflake-mcp"
CACHE = "/var/cache/snowflake-mcp"


def manifest(kind: str) -> Any:
    return yaml.safe_load((KUBERNETES / f"{kind}.yaml").read_text())


POD = manifest("deployment")["spec"]["template"]["spec"]
SERVER = POD["containers"][0]
STOP_S = network_services(load(Flags(), {}), MemoryReactorClock()).stop_within_s


def instruction(name: str) -> list[str]:
    """The words of an instruction in its JSON form."""
    found = re.search(rf"^{name} (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found.group(1))
    return words


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """The configuration of the manifests, with its secrets where this test may write."""
    text = (KUBERNETES / "config.toml").read_text()
    for name in re.findall(rf"{MOUNTED}/([\w.-]+)", text):
        (tmp_path / name).write_bytes(keys.pem() if name.endswith(".p8") else b"")
    file = tmp_path / "config.toml"
    file.write_text(text.replace(MOUNTED, str(tmp_path)))
    return file


def parsed(words: list[str], config: Path) -> Options:
    given = [str(config) if word == "/etc/snowflake-mcp/config.toml" else word for word in words]
    options = Options()
    options.parseOptions(given)
    return options


def test_the_image_starts_the_server(configured: Path) -> None:
    """Twistd in the foreground, logging to standard output, on every address of the container."""
    start = instruction("ENTRYPOINT")
    assert start[0] == "twistd"
    assert start[-1] == "snowflake-mcp"
    options = parsed([*instruction("CMD"), "--config", str(configured)], configured)
    assert options.config is not None
    assert (options.config.http.host, options.config.http.endpoints) == ("0.0.0.0", ("8000",))
    assert not options.config.is_demo


def test_the_image_is_built_of_what_is_there() -> None:
    """What it copies is let through by the list of what the builder may see, and exists."""
    seen = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    copied = re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE, re.MULTILINE)
    assert copied == [".", "deploy/healthcheck.py"]
    kept = [line[1:] for line in seen if line.startswith("!")]
    assert {"pyproject.toml", "README.md", "snowflake_mcp", "twisted"} <= set(kept)
    assert "deploy/healthcheck.py" in kept
    assert all((ROOT / each).exists() for each in kept)


def test_the_pod_starts_the_server(configured: Path) -> None:
    """With the configuration that is mounted, and the port that the probes and service ask."""
    options = parsed(SERVER["args"], configured)
    assert options.config is not None
    assert options.config.connection.name == "prod"
    assert options.config.http.endpoints == (str(SERVER["ports"][0]["containerPort"]),)
    mounts = {mount["mountPath"] for mount in SERVER["volumeMounts"]}
    assert {"/etc/snowflake-mcp", MOUNTED, "/var/lib/snowflake-mcp", CACHE, "/tmp"} == mounts


def test_the_probes_ask_what_the_server_answers() -> None:
    """Life by what looks at nothing else; readiness by what follows Snowflake."""
    asked = {name: SERVER[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness")}
    assert {probe["path"] for probe in asked.values()} == {"/health/live"}
    assert SERVER["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    ports = {SERVER[f"{name}Probe"]["httpGet"]["port"] for name in ("startup", "readiness")}
    assert ports == {"http"} == {manifest("service")["spec"]["ports"][0]["targetPort"]}


def test_nobody_is_killed_while_it_drains() -> None:
    """The grace holds the pause before the stop and every stage of it; PM2's is as long."""
    pause_s = int(SERVER["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert POD["terminationGracePeriodSeconds"] > pause_s + STOP_S
    kill_ms = re.search(r"kill_timeout: (\d+)", PM2)
    assert kill_ms is not None
    assert int(kill_ms.group(1)) > STOP_S * 1000


def test_the_image_and_the_pod_agree_on_the_user() -> None:
    """By number, as a pod that must not be root is checked by number."""
    user = str(POD["securityContext"]["runAsUser"])
    assert f"USER {user}:{user}" in DOCKERFILE
    assert f"--uid {user}" in DOCKERFILE


def test_every_manifest_is_part_of_the_whole() -> None:
    """And all select the same pods."""
    listed = manifest("kustomization")["resources"]
    there = {each.name for each in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(listed) == there
    labels = manifest("deployment")["spec"]["template"]["metadata"]["labels"]
    for kind, path in {
        "service": ("selector",),
        "poddisruptionbudget": ("selector", "matchLabels"),
        "networkpolicy": ("podSelector", "matchLabels"),
    }.items():
        selected = manifest(kind)["spec"]
        for key in path:
            selected = selected[key]
        assert selected == labels


def test_pm2_starts_the_server(configured: Path) -> None:
    """With options that it has, and in a way that SIGINT reaches twistd alone."""
    words = re.search(r"args: \[(.*?)\]", PM2, re.DOTALL)
    assert words is not None
    given = re.findall(r'"([^"]*)"|(\w+)', words.group(1))
    constants = dict(re.findall(r'const (\w+) = "([^"]*)"', PM2))
    line = [text or constants[name] for text, name in given]
    after = line[line.index("snowflake-mcp") + 1 :]
    options = parsed(after, configured)
    assert options.config is not None
    assert options.config.http.endpoints == ("8000",)
    assert "treekill: false" in PM2
