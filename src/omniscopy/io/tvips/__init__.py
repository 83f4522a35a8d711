"""Series of frames of TVIPS cameras (.tvips), of one file or several."""
