"""What may be imported is a list somebody chose.

given the package
  it exports what it lists, sorted                → test_all__lists_every_name_once_and_sorted
  it loads every name from where it says          → test_all__every_name_loads
  it says clearly what it does not have           → test_getattr__unknown_name__raises_attribute_error
"""

import importlib

import pytest

import careledger


def test_all__lists_every_name_once_and_sorted() -> None:
    names = careledger.__all__[2:]
    assert names == sorted(names)
    assert len(set(careledger.__all__)) == len(careledger.__all__)


@pytest.mark.parametrize("name", careledger.__all__)
def test_all__every_name_loads(name: str) -> None:
    found = getattr(careledger, name)
    home = careledger._HOMES.get(name)
    if home and name != "Money":
        assert getattr(importlib.import_module(f"careledger.{home}"), name) is found


def test_getattr__unknown_name__raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        careledger.Nothing  # noqa: B018
