"""Frames of Dectris detectors (Arina and others): a master file and files of frames."""
