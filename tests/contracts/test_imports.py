"""Modules import each other in one direction: what is imported where it is used counts too."""

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def test_no_modules_import_each_other_in_a_circle():
    graph = grimp.build_graph("omniscopy", cache_dir=None, exclude_type_checking_imports=True)
    modules = sorted(graph.modules)
    number = {name: n for n, name in enumerate(modules)}
    pairs = [
        (number[name], number[other])
        for name in modules
        for other in graph.find_modules_directly_imported_by(name)
    ]
    assert len(pairs) > len(modules)
    rows, columns = np.transpose(pairs)
    links = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(modules), len(modules)))
    _, found = connected_components(links, connection="strong")
    shared = [n for n, size in enumerate(np.bincount(found)) if size > 1]
    assert [[modules[n] for n in np.flatnonzero(found == each)] for each in shared] == []
