"""Settings: the order, the provenance, and what is refused; networks and deployments on top of them."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from careledger import networks
from careledger.errors import CareLedgerError, FormatError, InputError, Misuse
from careledger.settings import KEYS, Settings, load

SUITE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "user").mkdir()
    return tmp_path


def read(here: Path, given_: dict[str, object] | None = None, **environ: str) -> Settings:
    environ.setdefault("CARELEDGER_HOME", str(here / "home"))
    return load(given_, environ=environ, folder=here / "work", user_folder=here / "user")


def test_load__every_source_says_it__first_in_order_wins(here: Path) -> None:
    (here / "user" / "careledger.toml").write_text('instance = "user"\n')
    assert (read(here)["instance"], read(here).value("instance").source) == (
        "user", str(here / "user" / "careledger.toml"),
    )  # fmt: skip
    (here / "work" / "careledger.toml").write_text('instance = "file"\n')
    assert (read(here)["instance"], read(here).value("instance").source) == ("file", "careledger.toml")
    (here / "work" / ".env").write_text("CARELEDGER_INSTANCE=dotenv\n")
    assert (read(here)["instance"], read(here).value("instance").source) == ("dotenv", ".env")
    found = read(here, CARELEDGER_INSTANCE="environment")
    assert (found["instance"], found.value("instance").source) == ("environment", "environment CARELEDGER_INSTANCE")
    found = read(here, {"instance": "argument"}, CARELEDGER_INSTANCE="environment")
    assert (found["instance"], found.value("instance").source) == ("argument", "argument instance")
    assert read(here, {"instance": None}, CARELEDGER_INSTANCE="environment")["instance"] == "environment"


@pytest.mark.parametrize("name", KEYS)
def test_load__every_key__has_a_doc_and_a_place_in_every_source(here: Path, name: str) -> None:
    key = KEYS[name]
    assert key.doc and not key.doc.endswith(".") and "\n" not in key.doc
    value = {
        "text": "x", "url": "http://127.0.0.1:1", "address": SUITE, "number": "5", "path": "/x", "switch": "yes",
        "choice": key.choices[-1] if key.choices else "",
    }[key.kind]  # fmt: skip
    assert read(here, **{f"CARELEDGER_{name.upper()}": value}).value(name).source.startswith("environment ")
    raw = {"5": "5", "yes": "true"}.get(value, f'"{value}"')
    (here / "work" / "careledger.toml").write_text(f"{name} = {raw}\n")
    assert read(here, CARELEDGER_HOME="").value(name).source == "careledger.toml"


def test_load__dotenv__of_this_folder_alone_and_without_substitution(here: Path) -> None:
    (here / ".env").write_text("CARELEDGER_INSTANCE=above\n")
    assert read(here)["instance"] == "main"
    (here / "work" / ".env").write_text("CARELEDGER_INSTANCE=${HOME}\nCARELEDGER_PASSWORD=x\nUNRELATED=1\n")
    assert read(here)["instance"] == "${HOME}"


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ('rcp = "x"', "Did you mean rpc?"),
        ("[networks.x]\nchainid = 5", "Did you mean chain_id?"),
        ('password = "hunter2"', "CARELEDGER_PASSWORD_FILE"),
        ("wait", ""),
        ('wait = "soon"', ""),
        ("chain_id = -1", ""),
        ("chain_id = true", ""),
        ("networks = 3", ""),
        ('suite = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD"', ""),
        ('rpc = ""', ""),
    ],
)
def test_load__file_that_does_not_serve__misuse_that_names_it(here: Path, text: str, guess: str) -> None:
    (here / "work" / "careledger.toml").write_text(text)
    with pytest.raises(Misuse) as caught:
        read(here)
    assert "careledger.toml" in caught.value.message and guess in caught.value.fix
    assert "hunter2" not in str(caught.value.message + caught.value.why + caught.value.fix)
    assert caught.value.exit_code == 2


def test_load__slip_in_dotenv__misuse(here: Path) -> None:
    (here / "work" / ".env").write_text("CARELEDGER_RCP=x\n")
    with pytest.raises(Misuse) as caught:
        read(here)
    assert caught.value.fix == "Did you mean CARELEDGER_RPC?"


def test_S8_settings__repr_and_json__hold_no_access_key(here: Path) -> None:
    found = read(
        here, {"rpc": "https://u:hunter2@node.example:8443/hunter2", "index": "postgresql://u:hunter2@db/x"},
        CARELEDGER_PASSWORD="hunter2",
    )  # fmt: skip
    assert "hunter2" not in repr(found) + json.dumps(found.to_json())
    assert found["rpc"].endswith("/hunter2")


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=60), st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace"))))
def test_prop_load__any_file__settings_or_misuse(here: Path, data: bytes) -> None:
    for name in ("careledger.toml", ".env"):
        (here / "work" / name).write_bytes(data)
        try:
            read(here)
        except Misuse as error:
            assert error.fix
        (here / "work" / name).unlink()


def test_profile__chosen_before__in_effect_below_everything_else(here: Path) -> None:
    (here / "home").mkdir()
    (here / "home" / "profile-in-use").write_text("ana\n")
    assert read(here).value("profile").source == "careledger profile use"
    assert read(here, {"profile": "bob"})["profile"] == "bob"


# NETWORKS


def test_networks__built_in__no_nodes_of_others() -> None:
    for network in networks.NETWORKS.values():
        assert network.rpc is None or network.rpc.startswith("http://127.0.0.1")
    assert len({network.chain_id for network in networks.NETWORKS.values()}) == len(networks.NETWORKS)


def test_find__slip__says_what_was_meant(here: Path) -> None:
    with pytest.raises(Misuse) as caught:
        networks.find("sepola", read(here))
    assert "sepolia" in caught.value.fix


def test_known__another_chain_under_a_known_name__refused(here: Path) -> None:
    (here / "work" / "careledger.toml").write_text("[networks.sepolia]\nchain_id = 1\n")
    with pytest.raises(Misuse):
        networks.known(read(here))


def test_target__deployment_file__suite_and_release_from_it(here: Path) -> None:
    folder = here / "work" / "deployments" / "11155111"
    folder.mkdir(parents=True)
    (folder / "main.json").write_text(json.dumps({"suite": SUITE, "chainId": 11155111, "release": "1.0.0"}))
    found = networks.target(read(here, {"network": "sepolia", "rpc": "/x.ipc"}), folder=here / "work")
    assert (found.suite, found.release, found.suite_source) == (SUITE, "1.0.0", "deployments/11155111/main.json")
    assert (found.rpc, found.rpc_source, found.chain_id) == ("/x.ipc", "argument rpc", 11155111)
    other = networks.target(read(here, {"network": "sepolia", "instance": "second"}), folder=here / "work")
    assert other.suite is None
    for ask in (other.require_rpc, other.require_suite):
        with pytest.raises(InputError):
            ask()


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"suite": 5}', '{"suite": "0x12"}', "null", '{"suite": "%s", "chainId": 1}']
)
def test_deployments__damaged__said(here: Path, text: str) -> None:
    folder = here / "work" / "deployments" / "5"
    folder.mkdir(parents=True)
    (folder / "main.json").write_text(text.replace("%s", SUITE))
    with pytest.raises(FormatError):
        networks.deployments(read(here), folder=here / "work")


def test_target__local_chain_running__found_without_being_told(here: Path) -> None:
    (here / "home").mkdir()
    (here / "home" / "chain.json").write_text('{"url": "http://127.0.0.1:4711"}')
    found = networks.target(read(here), folder=here / "work")
    assert (found.rpc, found.rpc_source) == ("http://127.0.0.1:4711", "careledger chain start")


def test_misuse__is_a_careledger_error_of_exit_2() -> None:
    assert issubclass(Misuse, CareLedgerError) and Misuse.exit_code == 2
