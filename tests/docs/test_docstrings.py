"""What operations say of themselves: what they take, with units, and what they give."""

import inspect
import re

import pytest

from omniscopy.model import all_operations, find_operation

NAMES = sorted(operation.name for operation in all_operations())


@pytest.mark.parametrize("name", NAMES)
def test_an_operation_says_what_it_takes_and_what_it_gives(name):
    function = find_operation(name).function
    said = inspect.getdoc(function) or ""
    taken = inspect.signature(function).parameters
    assert "\nReturns\n-------\n" in said
    assert not taken or "\nParameters\n----------\n" in said
    assert [word for word in taken if not re.search(rf"\b{word}\b", said)] == []
