"""NeXus: HDF5 files whose groups say by their class what they hold."""
