"""Sequences of frames of Norpix StreamPix (.seq), which fast cameras of microscopes write."""
