"""Data items of Nion Swift (.ndata, .h5)."""
